"""Links are those of SimAlign, scores those of Och and Ney, whatever is batched with what."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_model
from chronoglot.alignment import chunk
from chronoglot.alignment.align import align
from chronoglot.alignment.methods import METHODS, itermax, mutual_argmax, similarity
from chronoglot.alignment.metrics import Agreement, agreement
from chronoglot.encoding.encode import write_vectors
from chronoglot.encoding.encoder import load_encoder
from chronoglot.runtime.errors import UserError
from chronoglot.tables.gold_links import GoldLinks, Link, Translation, write_gold_links
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from simalign import SentenceAligner

LAYERS, POSITIONS = 2, 40
Matrix = NDArray[np.floating]


def published(similarities: Matrix) -> dict[str, NDArray[np.bool_]]:
    """The links of the package `simalign`."""
    forward, backward = SentenceAligner.get_alignment_matrix(similarities)
    return {
        "argmax": (forward * backward) > 0,
        "itermax": SentenceAligner.iter_max(similarities) > 0,
    }


def padded(matrices: Sequence[Matrix], filling: float) -> tuple[Matrix, NDArray[np.bool_]]:
    """Matrices beside each other, and where they are."""
    shape = len(matrices), *(max(matrix.shape[axis] for matrix in matrices) for axis in (0, 1))
    together = np.full(shape, filling, dtype=matrices[0].dtype)
    words = np.zeros(shape, dtype=bool)
    for place, matrix in enumerate(matrices):
        together[place, : matrix.shape[0], : matrix.shape[1]] = matrix
        words[place, : matrix.shape[0], : matrix.shape[1]] = True
    return together, words


@st.composite
def batches(draw: st.DrawFn) -> list[Matrix]:
    """Similarities of up to five sentence pairs; with few levels they have many ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([1, 2, 3, 10, 2**20]))
    lowest = draw(st.sampled_from([0.0, -0.5]))
    sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))
    return [
        (rng.integers(0, levels, size) / levels + lowest).astype(np.float32)
        for size in draw(st.lists(sizes, min_size=1, max_size=5))
    ]


@settings(max_examples=400)
@given(matrices=batches(), filling=st.sampled_from([0.0, 0.5, 1.0, 9.0]))
def test_links_are_those_of_simalign(matrices: list[Matrix], filling: float) -> None:
    """Ties, single words, padding and all."""
    together, words = padded(matrices, filling)
    for name, method in METHODS.items():
        found = method(together, words)
        assert not (found & ~words).any()
        for matrix, links in zip(matrices, found, strict=True):
            m, n = matrix.shape
            np.testing.assert_array_equal(links[:m, :n], published(matrix)[name], name)


@pytest.mark.parametrize(("m", "n", "dimension"), [(1, 1, 3), (1, 7, 5), (30, 25, 64), (4, 60, 9)])
def test_similarity_is_that_of_simalign(m: int, n: int, dimension: int) -> None:
    rng = np.random.default_rng(m)
    source = rng.normal(size=(3, m, dimension)).astype(np.float32)
    target = rng.normal(size=(3, n, dimension)).astype(np.float32)
    source[0, 0] = 0  # a vector without direction
    found = similarity(source, target)
    assert found.dtype == np.float32
    for place in range(3):
        expected = SentenceAligner.get_similarity(source[place], target[place])
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), extra=st.integers(0, 40))
def test_equal_words_tie_whatever_they_are_padded_with(seed: int, extra: int) -> None:
    """The first of several equal words is linked, in a batch of any shape."""
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=48).astype(np.float32)
    source = np.stack([vector, *rng.normal(size=(4, 48)), vector, vector]).astype(np.float32)
    target = np.concatenate([source, rng.normal(size=(extra, 48)).astype(np.float32)])
    words = np.zeros((1, len(source), len(target)), dtype=bool)
    words[:, :, : len(source)] = True
    links = mutual_argmax(similarity(source[None], target[None]), words)
    assert np.argwhere(links[0]).tolist() == [[i, i] for i in range(5)]


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 12), n=st.integers(1, 12))
def test_links_follow_their_words(seed: int, m: int, n: int) -> None:
    """Words in another order are linked to the same words."""
    rng = np.random.default_rng(seed)
    similarities = rng.random((1, m, n))  # no ties, not even once some count for less
    rows, columns = rng.permutation(m), rng.permutation(n)
    words = np.ones((1, m, n), dtype=bool)
    for method in METHODS.values():
        links = method(similarities, words)[:, rows][:, :, columns]
        moved = similarities[:, rows][:, :, columns]
        np.testing.assert_array_equal(method(moved, words), links)


@pytest.mark.parametrize("method", METHODS.values())
def test_noisy_translations_are_found(method: Any) -> None:
    """The target has the source's vectors in another order, and noise."""
    rng = np.random.default_rng(0)
    source = rng.normal(size=(20, 15, 32))
    order = np.stack([rng.permutation(15) for _ in source])
    target = np.take_along_axis(source, order[:, :, None], axis=1)
    target += 0.2 * rng.normal(size=target.shape)
    gold = order[:, None, :] == np.arange(15)[:, None]
    links = method(similarity(source, target), np.ones_like(gold))
    assert agreement(links, gold, gold).f1 == 1


def test_itermax_adds_links() -> None:
    rng = np.random.default_rng(0)
    similarities, words = rng.random((50, 9, 9)), np.ones((50, 9, 9), dtype=bool)
    first, both = mutual_argmax(similarities, words), itermax(similarities, words)
    assert (first <= both).all()
    assert first.sum() < both.sum()


def scores(
    predicted: list[set[Link]], sure: list[set[Link]], possible: list[set[Link]]
) -> dict[str, float]:
    """From sets, as in simalign's script calc_align_score.py."""

    def hits(gold: list[set[Link]]) -> int:
        return sum(len(a & b) for a, b in zip(predicted, gold, strict=True))

    links, golden = sum(map(len, predicted)), sum(map(len, sure))
    precision, recall = hits(possible) / max(links, 1), hits(sure) / max(golden, 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "aer": 1 - (hits(sure) + hits(possible)) / (links + golden),
        "links": links,
    }


def cells(links: NDArray[np.bool_]) -> set[Link]:
    return {(int(i), int(j)) for i, j in np.argwhere(links)}


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.1, 0.9))
def test_scores_are_those_of_sets(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    predicted, sure, more = (rng.random((4, 5, 6)) < share for _ in range(3))
    predicted[0, 0, 0] = sure[0, 1, 1] = True
    found = agreement(predicted, sure, sure | more)
    expected = scores(*([cells(c) for c in part] for part in (predicted, sure, sure | more)))
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value), name
    halves = [agreement(predicted[s], sure[s], (sure | more)[s]) for s in (slice(2), slice(2, 4))]
    assert halves[0] + halves[1] == found


def test_undefined_scores() -> None:
    nothing, silent = Agreement(), Agreement(sure=3)
    assert np.isnan([nothing.precision, nothing.recall, nothing.f1, nothing.aer]).all()
    assert np.isnan(silent.precision)
    assert (silent.recall, silent.f1, silent.aer) == (0, 0, 1)
    wrong = Agreement(links=2, sure=3)
    assert (wrong.precision, wrong.recall, wrong.f1, wrong.aer) == (0, 0, 0, 1)
    merely_possible = Agreement(links=2, links_possible=2)
    assert np.isnan([merely_possible.recall, merely_possible.f1]).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(tmp_path_factory.mktemp("model"), positions=POSITIONS)


def sentence_pairs(number: int, longest: int) -> list[Translation]:
    """Random sentences with random links; in every third pair only some words were judged."""
    rng = np.random.default_rng(number)

    def side() -> tuple[tuple[str, ...], tuple[bool, ...]]:
        forms, _ = list(tiny_model.SCRIPTS.values())[rng.integers(len(tiny_model.SCRIPTS))]
        tokens = tuple(map(str, rng.choice(forms, size=int(rng.integers(1, longest + 1)))))
        return tokens, (True, *(bool(rng.random() < 0.7) for _ in tokens[1:]))

    pairs = []
    for place in range(number):
        (source, source_spaces), (target, target_spaces) = side(), side()
        judged = [range(len(source)), range(len(target))]
        if place % 3 == 0:
            judged = [range(0, len(source), 2), range(0, len(target), 3)]
        possible = [(i, j) for i in judged[0] for j in judged[1] if rng.random() < 0.3]
        pairs.append(
            Translation(
                source,
                target,
                source_spaces,
                target_spaces,
                sure=tuple(link for link in possible if rng.random() < 0.6),
                possible=tuple(possible),
                source_judged=tuple(judged[0]) if place % 3 == 0 else None,
                target_judged=tuple(judged[1]) if place % 3 == 0 else None,
            )
        )
    return pairs


def run(
    folder: Path,
    pairs: list[Translation],
    into: Path,
    *,
    batch_tokens: int = 400,
    long: str = "window",
    method: str = "argmax",
) -> list[dict[str, Any]]:
    write_gold_links(GoldLinks(tuple(pairs)), into / "xx-yy.parquet")
    align(
        folder,
        into / "xx-yy.parquet",
        step=7,
        source="xx",
        target="yy",
        pooling="mean",
        batch_tokens=batch_tokens,
        long=long,  # type: ignore[arg-type]
        method=method,
        output=into / "xx-yy.json",
    )
    return json.loads((into / "xx-yy.json").read_text(encoding="utf-8"))


def reference(folder: Path, pairs: list[Translation], into: Path) -> list[dict[str, float]]:
    """Each method's scores by layer, from the vectors of whole word tables, pair by pair."""
    sides = []
    for side in ("source", "target"):
        texts = [
            list(zip(getattr(pair, side), getattr(pair, f"{side}_space_before"), strict=True))
            for pair in pairs
        ]
        outputs = {n: into / f"{side}-{n}.npy" for n in range(LAYERS + 1)}
        words = tiny_model.word_table(texts)
        write_vectors(
            load_encoder(folder), words, outputs, pooling="mean", batch_tokens=1000, long="window"
        )
        ends = np.cumsum([len(text) for text in texts])[:-1]
        sides.append([np.split(np.load(output), ends) for output in outputs.values()])
    results = []
    for sources, targets in zip(*sides, strict=True):
        predicted: dict[str, list[set[Link]]] = {name: [] for name in METHODS}
        for pair, source, target in zip(pairs, sources, targets, strict=True):
            for name, links in published(SentenceAligner.get_similarity(source, target)).items():
                predicted[name].append(
                    {
                        (i, j)
                        for i, j in cells(links)
                        if (pair.source_judged is None or i in pair.source_judged)
                        and (pair.target_judged is None or j in pair.target_judged)
                    }
                )
        sure, possible = ([set(getattr(p, kind)) for p in pairs] for kind in ("sure", "possible"))
        results.append(
            {
                f"{name}_{measure}": value
                for name, links in predicted.items()
                for measure, value in scores(links, sure, possible).items()
            }
        )
    return results


def test_scores_are_those_of_simalign_pair_by_pair(folder: Path, tmp_path: Path) -> None:
    """Also with sentences longer than the model's window."""
    pairs = sentence_pairs(40, longest=60)
    found = run(folder, pairs, tmp_path)
    expected = reference(folder, pairs, tmp_path)
    assert [result["layer"] for result in found] == [0, 1, 2]
    for result, of_layer in zip(found, expected, strict=True):
        for name, value in of_layer.items():
            assert result[name] == pytest.approx(value), name
        assert result["score"] == result["argmax_f1"]
        assert (result["task"], result["step"]) == ("alignment", 7)
        assert (result["source"], result["target"]) == ("xx", "yy")
        assert result["test_items"] == result["sentences"] == 40
        assert result["sure_links"] == sum(len(pair.sure) for pair in pairs)
        assert result["possible_links"] == sum(len(pair.possible) for pair in pairs)
        for none in ("score_dev", "majority", "train_items", "unseen", "regularisation"):
            assert result[none] is None


@pytest.mark.parametrize(("batch_tokens", "chunk_words"), [(1, 1), (64, 100), (10_000, 10_000)])
def test_scores_do_not_depend_on_the_batch(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch_tokens: int,
    chunk_words: int,
) -> None:
    pairs = sentence_pairs(30, longest=50)
    expected = run(folder, pairs, tmp_path)
    monkeypatch.setattr(chunk, "CHUNK_WORDS", chunk_words)
    assert run(folder, pairs, tmp_path, batch_tokens=batch_tokens) == expected
    assert run(folder, pairs[::-1], tmp_path) == expected


@settings(max_examples=50)
@given(sizes=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=40))
def test_chunks_hold_each_pair_once_within_the_budget(sizes: list[tuple[int, int]]) -> None:
    pairs = [Translation(("a",) * m, ("b",) * n, (), (), (), ()) for m, n in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk, "CHUNK_WORDS", 100)
        found = list(chunk.chunks(pairs))
    assert sorted(number for numbers in found for number in numbers) == list(range(len(pairs)))
    for numbers in found:
        width = sum(max(sizes[number][side] for number in numbers) for side in (0, 1))
        assert len(numbers) == 1 or len(numbers) * width <= 100


def test_all_layers_are_scored_by_the_method_asked_for(folder: Path, tmp_path: Path) -> None:
    pairs = sentence_pairs(20, longest=12)
    by_argmax = run(folder, pairs, tmp_path)
    found = run(folder, pairs, tmp_path, method="itermax")
    assert [result["layer"] for result in found] == list(range(LAYERS + 1))
    for result, other in zip(found, by_argmax, strict=True):
        assert result["score"] == result["itermax_f1"]
        assert result | {"score": result["argmax_f1"]} == other


def test_what_a_user_can_mend(folder: Path, tmp_path: Path) -> None:
    pairs = sentence_pairs(3, longest=5)
    with pytest.raises(UserError, match="no 'match'; choose from argmax, itermax"):
        run(folder, pairs, tmp_path, method="match")
    long = Translation(("cat",), ("dog",) * 60, (True,), (True,) * 60, ((0, 0),), ((0, 0),))
    with pytest.raises(UserError, match=r"sentence 4 \(yy\) has .* encoding.long"):
        run(folder, [*pairs, long], tmp_path, long="refuse")
