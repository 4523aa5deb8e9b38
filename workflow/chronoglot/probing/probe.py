"""One probing job: vectors of a layer and a word table in, scores and predictions out."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow.lib import StringBuilder

from chronoglot.errors import UserError
from chronoglot.files import whole
from chronoglot.probing.features import Features
from chronoglot.probing.linear import accuracy, fit
from chronoglot.tasks import load_task
from chronoglot.tasks.base import Examples
from chronoglot.words import SPLITS, read_words

_LABEL = pa.dictionary(pa.int32(), pa.string())
PREDICTIONS = pa.schema(
    [("item", pa.int32()), ("other", pa.int32()), ("gold", _LABEL), ("predicted", _LABEL)]
)


def probe(
    task: str,
    vectors: Path,
    words: Path,
    *,
    step: int,
    layer: int,
    source: str,
    target: str,
    seed: int,
    regularisation: Sequence[float],
    baseline: Path | None,
    scores: Path,
    predictions: Path,
) -> None:
    """Train a probe of `task` on the vectors of a layer and score it.

    `vectors` (.npy, float32 [words, dimension]) has a row for each row of the table `words`.
    `source` names the language of its train part, `target` that of its dev and test parts: the
    same in-language. `regularisation` holds the λ to choose from on dev. `baseline` is the
    scores file of the same tuple at step 0, None at step 0 itself.

    Writes `scores`, a flat JSON object, and `predictions`, a Parquet row for each test example:
    the rows of the word (or modifier) and of the head (-1: none), the gold and predicted labels.

    Raises UserError if a file is damaged or does not belong, if a split has no examples, or if
    the training part has one class only.
    """
    if not regularisation or min(regularisation) <= 0:
        raise UserError(f"regularisation: {list(regularisation)} must be one or more numbers > 0")
    definition = load_task(task)
    table = read_words(words)
    layer_vectors = read_vectors(vectors, len(table))
    parts: dict[str, Features] = {}
    for split in SPLITS:
        examples = definition.examples(table, split, seed)
        if not len(examples):
            raise UserError(
                f"language {source}, task {task}: the {split} split of {words} has no examples; "
                "give the language a treebank with train, dev and test, or leave it out of the task"
            )
        parts[split] = Features(definition, layer_vectors, examples)
    train, dev, test = (parts[split].examples for split in SPLITS)
    counts = Counter(train.label)
    if len(counts) < 2:
        raise UserError(
            f"language {source}, task {task}: every example of the train split of {words} is "
            f"{train.label[0]!r}; a probe needs two classes"
        )

    fitted = fit(parts["train"], parts["dev"], regularisation)
    predicted = fitted.probe.predict(parts["test"])
    accuracy_test = accuracy(predicted, test.label)
    majority = min(counts, key=lambda label: (-counts[label], label))
    tuple_ = {"layer": layer, "task": task, "source": source, "target": target}
    result: dict[str, Any] = {
        "step": step,
        **tuple_,
        "accuracy_dev": fitted.accuracy_dev,
        "accuracy_test": accuracy_test,
        "majority_dev": float(np.mean(dev.label == majority)),
        "majority_test": float(np.mean(test.label == majority)),
        "step0_test": accuracy_test if step == 0 else _step0(baseline, tuple_),
        "train_items": len(train),
        "dev_items": len(dev),
        "test_items": len(test),
        "classes": len(counts),
        "dimension": layer_vectors.shape[1],
        "regularisation": fitted.regularisation,
        "iterations": fitted.iterations,
    }
    _write_predictions(test, predicted, predictions)
    with whole(scores) as temporary:
        text = json.dumps(result, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_vectors(path: Path, rows: int) -> NDArray[np.float32]:
    """Map a layer's vectors, [rows, dimension], into memory; raises UserError if damaged."""
    again = "delete it and run again"
    try:
        vectors = np.load(path, mmap_mode="r")
        size = vectors.offset + vectors.nbytes
    except (ValueError, EOFError, OSError, AttributeError) as error:
        raise UserError(f"{path}: damaged or truncated vectors ({error}); {again}") from error
    if size != path.stat().st_size or vectors.dtype != np.float32 or vectors.ndim != 2:
        raise UserError(f"{path}: damaged vectors, not a whole table of float32; {again}")
    if len(vectors) != rows:
        raise UserError(
            f"{path}: {len(vectors)} vectors for {rows} words: it was made from another word "
            f"table; {again}"
        )
    if not np.isfinite(vectors.sum(dtype=np.float64)):
        raise UserError(
            f"{path}: some vectors are not finite: the file is damaged ({again}), "
            "or the pretraining diverged (lower its learning rate)"
        )
    return vectors


def _step0(baseline: Path | None, tuple_: dict[str, Any]) -> float:
    """Test accuracy in the scores file of the same tuple at step 0."""
    if baseline is None:
        raise UserError("a checkpoint after step 0 needs the scores of step 0 as its baseline")
    try:
        scores = json.loads(baseline.read_text(encoding="utf-8"))
        found = {key: scores[key] for key in ("step", *tuple_)}
        accuracy_test = float(scores["accuracy_test"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{baseline}: not a readable scores file ({error}); delete it and run again"
        ) from error
    if found != {"step": 0, **tuple_}:
        raise UserError(f"{baseline}: holds the scores of {found}, not the baseline of {tuple_}")
    return accuracy_test


def _write_predictions(test: Examples, predicted: NDArray[np.object_], path: Path) -> None:
    columns = [_integers(test.item), _integers(test.other), _labels(test.label), _labels(predicted)]
    with whole(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=PREDICTIONS), temporary)


# Built piece by piece, since `pyarrow.array` imports pandas: that alone would double a small job.


def _integers(values: NDArray[np.integer]) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(values, np.int32))
    return pa.Array.from_buffers(pa.int32(), len(values), [None, buffer])


def _labels(labels: NDArray[np.object_]) -> pa.DictionaryArray:
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    builder = StringBuilder()
    builder.append_values(names.tolist())
    return pa.DictionaryArray.from_arrays(_integers(codes), builder.finish())
