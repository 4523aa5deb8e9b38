"""The probing and transfer jobs: files in, files out, known truth and damaged files."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from chronoglot.probing.probe import probe
from chronoglot.probing.reading import read_vectors
from chronoglot.probing.saved import load_probe
from chronoglot.probing.transfer import transfer
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words, read_words, write_words
from chronoglot.tasks import load_task
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STRENGTHS = [1e-1, 1e-2, 1e-3, 1e-4]

TAGS = ["NOUN", "VERB", "ADJ", "PUNCT"]
RELATIONS = ["nsubj", "obj", "amod"]


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., dict]:
    """Run the job on a made-up treebank of 300 sentences; returns its scores."""
    random = np.random.default_rng(21)
    rows = []
    for number in range(300):
        split = "train" if number < 200 else "dev" if number < 250 else "test"
        length = int(random.integers(4, 12))
        for word in range(1, length + 1):
            head = 0 if word == 1 else int(random.integers(1, word))
            tag, deprel = random.choice(TAGS), random.choice(RELATIONS) if head else "root"
            rows.append(
                (split, number, f"s{number}", word, f"w{word}", tag, head, deprel, word > 1)
            )
    kinds: list[Any] = ["U5", "i4", object, "i4", object, object, "i4", object, bool]
    words = Words(
        *(np.array(c, dtype=k) for c, k in zip(zip(*rows, strict=True), kinds, strict=True))
    )
    # A vector tells its word's class and relation, and its neighbour's, through noise.
    signal = np.array([TAGS.index(tag) for tag in words.upos]), words.deprel == "obj"
    vectors = random.normal(size=(len(words), 16))
    vectors[:, :4] += 2 * np.eye(4)[signal[0]]
    vectors[:, 4] += 2 * signal[1]
    write_words(words, tmp_path / "words.parquet")
    np.save(tmp_path / "layer-1.npy", vectors.astype(np.float32))

    def run(task: str = "pos", **changes: object) -> dict:
        arguments: dict = {
            "table": tmp_path / "words.parquet",
            "vectors": tmp_path,
            "step": 0,
            "layers": [1],
            "language": "xx",
            "seed": 1,
            "regularisation": STRENGTHS,
            "probes": tmp_path / "step-0",
        }
        arguments |= changes
        probe(task, **arguments)
        return json.loads((arguments["probes"] / f"layer-1/xx/{task}.json").read_text())

    return run


def change_words(folder: Path, **columns: Callable[[Words], NDArray]) -> None:
    words = read_words(folder / "words.parquet")
    changed = {name: change(words) for name, change in columns.items()}
    write_words(replace(words, **changed), folder / "words.parquet")


@pytest.mark.parametrize("task", ["pos", "arc_prediction", "arc_classification"])
def test_scores_agree_with_the_predictions_and_with_scikit_learn(
    job: Callable[..., dict], tmp_path: Path, task: str
) -> None:
    scores = job(task)
    words = read_words(tmp_path / "words.parquet")
    definition = load_task(task)
    vectors = np.load(tmp_path / "layer-1.npy")
    train, dev, test = (definition.examples(words, split, 1) for split in ("train", "dev", "test"))
    found = pq.read_table(tmp_path / f"step-0/layer-1/xx/{task}.parquet").to_pydict()
    assert found["item"] == test.item.tolist()
    assert found["other"] == test.other.tolist()
    assert found["gold"] == test.label.tolist()
    hits = [gold == said for gold, said in zip(found["gold"], found["predicted"], strict=True)]
    assert scores["score"] == pytest.approx(np.mean(hits))

    scaler = StandardScaler().fit(definition.inputs(vectors, train).astype(np.float64))
    reference = LogisticRegression(
        C=1 / (len(train) * scores["regularisation"]), tol=1e-6, max_iter=5000
    )
    reference.fit(scaler.transform(definition.inputs(vectors, train)), train.label)
    for ending, part in (("_dev", dev), ("", test)):
        expected = reference.score(scaler.transform(definition.inputs(vectors, part)), part.label)
        assert scores[f"score{ending}"] == pytest.approx(expected, abs=0.005)
        values, counts = np.unique(train.label.astype(str), return_counts=True)
        most = values[counts.argmax()]
        assert scores[f"majority{ending}"] == pytest.approx(np.mean(part.label == most))
    assert {key: value for key, value in scores.items() if not isinstance(value, float)} == {
        "step": 0,
        "layer": 1,
        "task": task,
        "source": "xx",
        "target": "xx",
        "train_items": len(train),
        "dev_items": len(dev),
        "test_items": len(test),
        "classes": {"pos": 4, "arc_prediction": 2, "arc_classification": 3}[task],
        "dimension": 16,
        "iterations": scores["iterations"],
    }


def test_the_same_job_writes_the_same_bytes(job: Callable[..., dict], tmp_path: Path) -> None:
    for task in ("pos", "arc_prediction"):
        job(task)
        names = sorted((tmp_path / "step-0/layer-1/xx").glob(f"{task}.*"))
        assert len(names) == 3
        before = [name.read_bytes() for name in names]
        job(task)
        assert [name.read_bytes() for name in names] == before


def test_test_labels_change_nothing_but_the_test_score(
    job: Callable[..., dict], tmp_path: Path
) -> None:
    before = job()
    predicted = pq.read_table(tmp_path / "step-0/layer-1/xx/pos.parquet")["predicted"].to_pylist()

    def permuted(words: Words) -> NDArray:
        upos, rows = words.upos.copy(), words.rows("test")
        upos[rows] = np.random.default_rng(0).permutation(upos[rows])
        return upos

    change_words(tmp_path, upos=permuted)
    after = job()
    assert after["score"] < before["score"] - 0.1
    differing = {key for key in before if before[key] != after[key]}
    assert differing == {"score"}
    assert (
        pq.read_table(tmp_path / "step-0/layer-1/xx/pos.parquet")["predicted"].to_pylist()
        == predicted
    )


def test_damaged_vectors_are_named(job: Callable[..., dict], tmp_path: Path) -> None:
    file = tmp_path / "layer-1.npy"
    whole = file.read_bytes()
    vectors = np.load(file)
    header_only, half = whole[:100], whole[: len(whole) // 2]
    for damage in (b"", header_only, half, whole[:-4], whole + b"\0", b"not vectors" * 50):
        file.write_bytes(damage)
        with pytest.raises(UserError, match=r"layer-1\.npy: damaged.*delete it and run again"):
            job()
    for wrong in (vectors.astype(np.float64), vectors[0]):
        np.save(file, wrong)
        with pytest.raises(UserError, match=r"layer-1\.npy.*delete it and run again"):
            job()
    np.save(file, vectors[:-1])
    with pytest.raises(UserError, match=rf"{len(vectors) - 1} vectors for {len(vectors)} rows"):
        job()
    for value in (np.nan, np.inf):
        broken = vectors.copy()
        broken[5, 3] = value
        np.save(file, broken)
        with pytest.raises(UserError, match=r"layer-1\.npy: some vectors are not finite"):
            job()
    assert not (tmp_path / "step-0/layer-1/xx/pos.json").exists()
    file.write_bytes(whole)
    assert read_vectors(file, len(vectors)).tolist() == vectors.tolist()


def test_a_split_without_examples_is_named(job: Callable[..., dict], tmp_path: Path) -> None:
    def empty(words: Words) -> NDArray:
        return np.where(words.split == "dev", "_", words.upos).astype(object)

    change_words(tmp_path, upos=empty)
    with pytest.raises(UserError, match="language xx, task pos: the dev split"):
        job()


def test_a_training_part_of_one_class_is_named(job: Callable[..., dict], tmp_path: Path) -> None:
    def one(words: Words) -> NDArray:
        return np.where(words.split == "train", "NOUN", words.upos).astype(object)

    change_words(tmp_path, upos=one)
    with pytest.raises(UserError, match=r"language xx, task pos: .* train .*'NOUN'"):
        job()


@pytest.mark.parametrize("strengths", [[], [0.0], [0.1, -1.0]])
def test_regularisation_must_be_positive(job: Callable[..., dict], strengths: list[float]) -> None:
    with pytest.raises(UserError, match="regularisation"):
        job(regularisation=strengths)


def test_a_job_imports_nothing_heavy(job: Callable[..., dict], tmp_path: Path) -> None:
    job()
    code = f"""
import sys
from pathlib import Path
from chronoglot.probing.probe import probe
from chronoglot.probing.transfer import transfer
folder = Path({str(tmp_path)!r})
probe("arc_prediction", folder / "words.parquet", folder, step=0, layers=[1], language="xx",
      seed=1, regularisation=[0.1], probes=folder / "again")
transfer("arc_prediction", folder / "words.parquet", folder, step=0, layers=[1], sources=["xx"],
         target="yy", seed=1, probes=folder / "again", scores=folder / "transfer")
print(sorted({{"torch", "scipy", "sklearn", "transformers"}} & set(sys.modules)))
"""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert found.stdout.strip() == "[]"


def _transfer(folder: Path, **changes: object) -> list[dict]:
    arguments: dict = {
        "table": folder / "words.parquet",
        "vectors": folder,
        "step": 0,
        "layers": [1],
        "sources": ["xx"],
        "target": "yy",
        "seed": 1,
        "probes": folder / "step-0",
        "scores": folder / "transfer",
    }
    arguments |= changes
    transfer("pos", **arguments)
    files = (
        arguments["scores"] / f"layer-{layer}" / arguments["target"] / "pos.json"
        for layer in arguments["layers"]
    )
    return [row for file in files for row in json.loads(file.read_text())]


def test_transfer_to_a_language_that_is_the_same_scores_the_same(
    job: Callable[..., dict], tmp_path: Path
) -> None:
    expected = job()
    (found,) = _transfer(tmp_path)
    assert (found["source"], found["target"]) == ("xx", "yy")
    for key in ("score", "score_dev", "majority", "train_items", "test_items", "regularisation"):
        assert found[key] == pytest.approx(expected[key], abs=1e-9)
    assert found["unseen"] == 0
    assert found["unseen_labels"] == []


def test_transfer_is_scored_as_scikit_learn_would(job: Callable[..., dict], tmp_path: Path) -> None:
    """The target's vectors are others; the source's mean and scale are kept."""
    scores = job()
    task, words = load_task("pos"), read_words(tmp_path / "words.parquet")
    vectors = np.load(tmp_path / "layer-1.npy")
    train, test = (task.examples(words, split, 1) for split in ("train", "test"))
    scaler = StandardScaler().fit(task.inputs(vectors, train).astype(np.float64))
    reference = LogisticRegression(
        C=1 / (len(train) * scores["regularisation"]), tol=1e-6, max_iter=5000
    ).fit(scaler.transform(task.inputs(vectors, train)), train.label)
    moved = vectors + np.random.default_rng(3).normal(0.5, 1, vectors.shape).astype(np.float32)
    np.save(tmp_path / "layer-1.npy", moved)
    (found,) = _transfer(tmp_path)
    expected = reference.score(scaler.transform(task.inputs(moved, test)), test.label)
    assert found["score"] == pytest.approx(expected, abs=0.005)
    assert found["score"] < scores["score"] - 0.02


def test_labels_that_the_source_lacks_are_errors_and_reported(
    job: Callable[..., dict], tmp_path: Path
) -> None:
    def without(words: Words) -> NDArray:
        return np.where(words.upos == "PUNCT", "NOUN", words.upos).astype(object)

    gold = read_words(tmp_path / "words.parquet")
    change_words(tmp_path, upos=without)
    job()
    write_words(gold, tmp_path / "words.parquet")
    (found,) = _transfer(tmp_path)
    share = np.mean(gold.upos[gold.rows("test")] == "PUNCT")
    assert found["unseen"] == pytest.approx(share)
    assert found["unseen_labels"] == ["PUNCT"]
    assert found["score"] <= 1 - share


def test_several_sources_and_layers_are_scored_as_one_at_a_time(
    job: Callable[..., dict], tmp_path: Path
) -> None:
    np.save(tmp_path / "layer-2.npy", np.load(tmp_path / "layer-1.npy")[:, ::-1] * 2)
    job(layers=[1, 2])
    job(layers=[1, 2], language="zz", seed=2, regularisation=[1.0], table=_half(tmp_path))
    together = _transfer(tmp_path, sources=["xx", "zz"], layers=[1, 2])
    alone = [
        _transfer(tmp_path, sources=[source], layers=[layer])[0]
        for layer in (1, 2)
        for source in ("xx", "zz")
    ]
    assert together == alone


def _half(folder: Path) -> Path:
    """A word table of another language: the same words, half of the training part moved to dev."""
    words = read_words(folder / "words.parquet")
    split = np.where((words.sentence < 100) & (words.split == "train"), "dev", words.split)
    write_words(replace(words, split=split.astype("U5")), folder / "half.parquet")
    return folder / "half.parquet"


def test_a_probe_reads_back_as_it_was_and_a_damaged_one_is_named(
    job: Callable[..., dict], tmp_path: Path
) -> None:
    job()
    file = tmp_path / "step-0/layer-1/xx/pos.npz"
    saved = load_probe(file)
    assert saved.probe.classes.tolist() == sorted(TAGS)
    assert saved.probe.weights.shape == (4, 16)
    whole = file.read_bytes()
    for damage in (b"", whole[: len(whole) // 2], b"no probe"):
        file.write_bytes(damage)
        with pytest.raises(UserError, match=r"pos\.npz: not a readable probe"):
            _transfer(tmp_path)
    file.unlink()
    with pytest.raises(UserError, match=r"pos\.npz"):
        _transfer(tmp_path)


def test_a_task_without_probe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="bpc: it is measured without a probe"):
        probe(
            "bpc",
            tmp_path / "words.parquet",
            tmp_path,
            step=0,
            layers=[0],
            language="xx",
            seed=1,
            regularisation=[0.1],
            probes=tmp_path,
        )
