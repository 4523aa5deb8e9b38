"""One probing job: the vectors of all layers and a table in; probes, scores, predictions out."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chronoglot.probing.examples import make_examples
from chronoglot.probing.features import Features
from chronoglot.probing.linear import accuracy, fit
from chronoglot.probing.reading import load_probing_task, read_items, read_vectors
from chronoglot.probing.saved import SavedProbe, save_probe
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole
from chronoglot.tables.parquet import write_table
from chronoglot.tables.values import SPLITS
from chronoglot.tasks.base import Examples, ProbingTask

_LABEL = pa.dictionary(pa.int32(), pa.string())
PREDICTIONS = pa.schema(
    [("item", pa.int32()), ("other", pa.int32()), ("gold", _LABEL), ("predicted", _LABEL)]
)


def probe(
    task: str,
    table: Path,
    vectors: Path,
    *,
    step: int,
    layers: Sequence[int],
    language: str,
    seed: int,
    regularisation: Sequence[float],
    probes: Path,
) -> None:
    """Train and score a probe of `task` on the vectors of each of `layers`.

    `vectors` is the folder with `layer-{layer}.npy`, float32 [rows, dimension], a row for each
    row of `table`, the word table or the pair table of `language`. `regularisation` holds the λ
    to choose from on dev. `probes` is the folder of the step's probes.

    Writes for each layer `{probes}/layer-{layer}/{language}/{task}` with three endings: `.json`,
    the scores, a flat object; `.parquet`, a row for each test example with the table's rows of
    its item and of its head (-1: none), the gold and the predicted label; `.npz`, the probe.

    Raises UserError if a file is damaged or does not belong, if a split has no examples, or if
    the training part has one class only.
    """
    if not regularisation or min(regularisation) <= 0:
        raise UserError(f"regularisation: {list(regularisation)} must be one or more numbers > 0")
    definition = load_probing_task(task)
    items = read_items(definition, table)
    parts = make_examples(definition, items, SPLITS, seed=seed, language=language, table=table)
    for layer in layers:
        name = f"layer-{layer}/{language}/{task}"
        tuple_ = {"layer": layer, "task": task, "source": language, "target": language}
        layer_vectors = read_vectors(vectors / f"layer-{layer}.npy", len(items))
        result = _probe_layer(
            definition, layer_vectors, parts, regularisation, _outputs(probes, name)
        )
        result |= {"step": step, **tuple_}
        with whole(probes / f"{name}.json") as temporary:
            text = json.dumps(result, indent=2, sort_keys=True)
            temporary.write_text(text + "\n", encoding="utf-8")


def _outputs(probes: Path, name: str) -> Path:
    """The outputs' common name; an ending is appended, so that a dot in `task` does no harm."""
    path = probes / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _probe_layer(
    task: ProbingTask,
    vectors: NDArray[np.float32],
    parts: dict[str, Examples],
    regularisation: Sequence[float],
    output: Path,
) -> dict[str, Any]:
    """Train, score, and write the probe and its predictions; returns the scores."""
    train, dev, test = (Features(task, vectors, parts[split]) for split in SPLITS)
    fitted = fit(train, dev, regularisation)
    predicted = fitted.probe.predict(test)
    gold, counts = parts["test"].label, Counter(parts["train"].label)
    majority = min(counts, key=lambda label: (-counts[label], label))
    _write_predictions(parts["test"], predicted, output.with_name(f"{output.name}.parquet"))
    save_probe(
        SavedProbe(fitted.probe, majority, len(train), fitted.regularisation),
        output.with_name(f"{output.name}.npz"),
    )
    return {
        "score": accuracy(predicted, gold),
        "score_dev": fitted.accuracy_dev,
        "majority": float(np.mean(gold == majority)),
        "majority_dev": float(np.mean(parts["dev"].label == majority)),
        "unseen": float(np.mean([label not in counts for label in gold])),
        "train_items": len(train),
        "dev_items": len(dev),
        "test_items": len(test),
        "classes": len(counts),
        "dimension": vectors.shape[1],
        "regularisation": fitted.regularisation,
        "iterations": fitted.iterations,
    }


def _write_predictions(test: Examples, predicted: NDArray[np.object_], path: Path) -> None:
    columns = (test.item, test.other, test.label, predicted)
    arrays = [
        pa.array(column).cast(field.type)
        for column, field in zip(columns, PREDICTIONS, strict=True)
    ]
    write_table(pa.Table.from_arrays(arrays, schema=PREDICTIONS), path)
