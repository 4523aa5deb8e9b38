"""One transfer job: the probes of other languages, scored on a target's dev and test parts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronoglot.probing.examples import make_examples
from chronoglot.probing.features import Features
from chronoglot.probing.linear import accuracy, predict
from chronoglot.probing.reading import load_probing_task, read_items, read_vectors
from chronoglot.probing.saved import SavedProbe, load_probe
from chronoglot.runtime.files import whole
from chronoglot.tasks.base import Examples


def transfer(
    task: str,
    table: Path,
    vectors: Path,
    *,
    step: int,
    layers: Sequence[int],
    sources: Sequence[str],
    target: str,
    seed: int,
    probes: Path,
    scores: Path,
) -> None:
    """Score the probes of `sources` on `target`, at each of `layers`, training none.

    `table` and `vectors` are the target's, `probes` the folder of the step's probes, all as in
    `probing.probe`. Writes for each layer `{scores}/layer-{layer}/{target}/{task}.json`, a list
    with an object for each source. A test item whose label the source's training part lacks can
    only be an error: `unseen` is the share of those, `unseen_labels` names the labels. `majority`
    is the share of the source's commonest training label among the target's test items.

    Raises UserError if a file is damaged, or if the target has no dev or test examples.
    """
    definition = load_probing_task(task)
    items = read_items(definition, table)
    splits = ("dev", "test")
    parts = make_examples(definition, items, splits, seed=seed, language=target, table=table)
    for layer in layers:
        saved = [load_probe(probes / f"layer-{layer}/{source}/{task}.npz") for source in sources]
        layer_vectors = read_vectors(vectors / f"layer-{layer}.npy", len(items))
        predicted = {
            split: predict(
                [one.probe for one in saved], Features(definition, layer_vectors, examples)
            )
            for split, examples in parts.items()
        }
        rows = [
            {"step": step, "layer": layer, "task": task, "source": source, "target": target}
            | _scores(one, parts, predicted["dev"][number], predicted["test"][number])
            for number, (source, one) in enumerate(zip(sources, saved, strict=True))
        ]
        output = scores / f"layer-{layer}" / target / f"{task}.json"
        output.parent.mkdir(parents=True, exist_ok=True)
        with whole(output) as temporary:
            text = json.dumps(rows, indent=1, sort_keys=True)
            temporary.write_text(text + "\n", encoding="utf-8")


def _scores(
    saved: SavedProbe,
    parts: dict[str, Examples],
    dev: NDArray[np.object_],
    test: NDArray[np.object_],
) -> dict[str, Any]:
    gold, known = parts["test"].label, set(saved.probe.classes)
    unseen = np.array([label not in known for label in gold])
    return {
        "score": accuracy(test, gold),
        "score_dev": accuracy(dev, parts["dev"].label),
        "majority": float(np.mean(gold == saved.majority)),
        "unseen": float(np.mean(unseen)),
        "unseen_labels": sorted(set(gold[unseen])),
        "train_items": saved.train_items,
        "test_items": len(gold),
        "regularisation": saved.regularisation,
    }
