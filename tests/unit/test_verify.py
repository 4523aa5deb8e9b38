"""Faults in a run's checkpoints are found by name; a sound run has none."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints import digest as digests
from chronoglot.checkpoints.digest import digest, read_digest, write_digest
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.checkpoints.verify import compare, verify, write_verdict
from chronoglot.runtime.errors import UserError
from safetensors.torch import load_file, save_file
from trained_run import Tensors, train, write

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 100, 150, 200, 250, 300)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("tokenizer")
    model, _, size = tiny_model.write_tokenizer(folder)
    return model, size


@pytest.fixture(scope="module")
def trained(tokenizer: tuple[Path, int]) -> dict[int, Tensors]:
    return train(tokenizer[1], STEPS)


@pytest.fixture
def run(
    trained: dict[int, Tensors], tokenizer: tuple[Path, int], tmp_path: Path
) -> dict[int, Path]:
    return {
        step: write(tmp_path / f"step-{step}" / "model", tensors, tokenizer)
        for step, tensors in trained.items()
    }


def names(models: dict[int, Path], accept: tuple[str, ...] = ()) -> list[str]:
    return [finding.name for finding in verify(models, accept).findings]


def change(folder: Path, how: Callable[[Tensors], object]) -> None:
    """Put a fault into a model's tensors as if it had been converted so."""
    tensors = load_file(folder / "model.safetensors")
    how(tensors)
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "model.safetensors")
    write_manifest(folder)


def test_a_sound_run_has_no_findings(run: dict[int, Path]) -> None:
    assert names(run) == []
    assert names({step: run[step] for step in (100, 200)}) == []  # a frozen matrix of a short run
    assert names({step: run[step] for step in (0, 300)}) == []
    assert names({300: run[300]}) == []


def scale(factor: float, *only: str) -> Callable[[Tensors], object]:
    def how(tensors: Tensors) -> None:
        for name in only or [n for n, t in tensors.items() if t.is_floating_point()]:
            tensors[name] = tensors[name] * factor

    return how


def put(name: str, number: float) -> Callable[[Tensors], object]:
    return lambda tensors: tensors[name].view(-1).__setitem__(3, number)


def halve(tensors: Tensors) -> None:
    tensors["0.weight"] = tensors["0.weight"].half()


def cut(tensors: Tensors) -> None:
    tensors["2.weight"] = tensors["2.weight"][:-1]


@pytest.mark.parametrize(
    ("how", "expected", "named"),
    [
        (put("2.weight", float("nan")), ["nan:200"], "1 nan in 2.weight"),
        (put("2.bias", float("-inf")), ["infinite:200"], "1 infinite in 2.bias"),
        (lambda t: t.pop("1.bias"), ["missing:200"], "1.bias"),
        (lambda t: t.update(more=torch.ones(2)), ["extra:200"], "more"),
        (cut, ["shape:200"], r"[31, 16] where most steps have [32, 16]: 2.weight"),
        (halve, ["dtype:200"], "F16 where most steps have F32: 0.weight"),
        (scale(3.0), ["norm:150:200", "norm:200:250"], "norms of 3 of 5 matrices"),
        (scale(0.3, "2.weight"), ["norm:150:200", "norm:200:250"], "norms of 1 of 5 matrices"),
        (scale(0.0, "5.weight"), ["norm:150:200", "norm:200:250"], "5.weight"),
    ],
)
def test_a_fault_in_one_step_is_named(
    run: dict[int, Path], how: Callable[[Tensors], object], expected: list[str], named: str
) -> None:
    # The frozen matrix stays as it is: a fault in it too would be one more finding.
    frozen = load_file(run[200] / "model.safetensors")["4.weight"]
    change(run[200], how)
    change(run[200], lambda tensors: tensors.update({"4.weight": frozen}))
    verdict = verify(run)
    assert [finding.name for finding in verdict.findings] == expected
    assert named in verdict.findings[0].text


def test_a_jump_is_seen_at_either_end_and_in_a_short_run(run: dict[int, Path]) -> None:
    change(run[300], scale(5.0, "0.weight"))
    assert names(run) == ["norm:250:300"]
    assert names({step: run[step] for step in (200, 250, 300)}) == ["norm:250:300"]
    assert names({step: run[step] for step in (0, 250, 300)}) == ["norm:250:300"]
    assert names({step: run[step] for step in (250, 300)}) == ["norm:250:300"]


def test_every_group_of_copies_is_named(
    run: dict[int, Path], trained: dict[int, Tensors], tokenizer: tuple[Path, int]
) -> None:
    for original, copies in {4: (8, 16, 200), 64: (100,), 150: (250, 300)}.items():
        for step in copies:
            write(run[step], trained[original], tokenizer)
    verdict = verify(run)
    groups = ["identical:4:8:16:200", "identical:64:100", "identical:150:250:300"]
    assert [f.name for f in verdict.findings if f.name.startswith("identical")] == groups
    assert not [f.name for f in verdict.findings if f.name.startswith("shared")]
    for group in groups:
        assert f"  - {group}\n" in verdict.describe() + "\n"


def test_most_of_a_suite_served_again_is_named() -> None:
    """86 of 154 steps under other steps' weights, as a public suite once had it."""
    rng = np.random.default_rng(0)
    copies = rng.choice(np.arange(1, 154), size=86, replace=False)
    state = list(range(154))
    for copy in sorted(copies):
        state[copy] = state[copy - 1]
    suite = {
        1000 * step: {
            "files": {"tokenizer.json": {"size": 1, "sha256": "0"}},
            "tensors": {"w": {"shape": [9, 9], "dtype": "F32", "sha256": str(s), "norm": 200 + s}},
            "vocabulary": {"embeddings": 9, "tokenizer": "tokenizer.json", "ids": 9},
        }
        for step, s in enumerate(state)
    }
    found = [finding.name.split(":") for finding in compare(suite).findings]
    assert {kind for kind, *_ in found} == {"identical"}
    groups = [[int(step) // 1000 for step in steps] for _, *steps in found]
    assert sum(len(group) - 1 for group in groups) == 86
    assert all(len({state[step] for step in group}) == 1 for group in groups)


def test_a_matrix_of_another_step_is_named_and_a_vector_is_not(
    run: dict[int, Path], trained: dict[int, Tensors]
) -> None:
    change(run[200], lambda t: t.update({"0.weight": trained[150]["0.weight"].clone()}))
    change(run[300], lambda t: t.update({"2.bias": trained[250]["2.bias"].clone()}))
    verdict = verify(run)
    assert [finding.name for finding in verdict.findings] == ["shared:150:200"]
    assert "0.weight" in verdict.findings[0].text


def resized(folder: Path, tokenizer: str, ids: int) -> dict[int, dict]:
    """A run of one digest, its tokenizer with so many more ids than embeddings."""
    content = digest(folder)
    content["files"][tokenizer] = {"size": 1, "sha256": "0"}
    content["vocabulary"] |= {"tokenizer": tokenizer}
    content["vocabulary"]["ids"] = content["vocabulary"]["embeddings"] + ids
    return {8: content}


def test_a_vocabulary_that_does_not_fit_is_named(
    run: dict[int, Path], tokenizer: tuple[Path, int], tmp_path: Path
) -> None:
    def rewrite(step: int, name: str, content: bytes) -> None:
        (run[step] / name).write_bytes(content)
        write_manifest(run[step])

    rewrite(1, "config.json", b'{"vocab_size": 7}')
    (run[2] / "sentencepiece.bpe.model").unlink()
    write_manifest(run[2])
    rewrite(4, "sentencepiece.bpe.model", b"damaged")
    assert names(run) == ["vocabulary:1", "vocabulary:2", "tokenizer:2", "vocabulary:4",
                          "tokenizer:4"]  # fmt: skip
    for ids, fits in [(-1, False), (0, True)]:
        assert (not compare(resized(run[8], "sentencepiece.bpe.model", ids)).findings) == fits
    for ids, fits in [(-1025, False), (-1024, True), (0, True), (1, False)]:
        assert (not compare(resized(run[8], "tokenizer.json", ids)).findings) == fits
    larger = {step: digest(folder) for step, folder in run.items() if step > 4}
    for content in larger.values():
        content["vocabulary"]["ids"] += 1
    found = compare(larger).findings
    assert [finding.name for finding in found] == [f"vocabulary:{step}" for step in larger]
    size = tokenizer[1]
    assert found[0].text == f"the tokenizer has {size + 1} ids, the model {size} embeddings"


def test_the_ids_of_a_fast_tokenizer_are_counted(run: dict[int, Path]) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    fast = Tokenizer(WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    fast.add_special_tokens(["[MASK]"])
    fast.save(str(run[8] / "tokenizer.json"))
    write_manifest(run[8])
    assert digest(run[8])["vocabulary"] | {"embeddings": 0} == {
        "embeddings": 0,
        "tokenizer": "tokenizer.json",
        "ids": 4,
    }


def test_findings_are_told_in_a_table_with_what_to_do(run: dict[int, Path]) -> None:
    assert verify(run).describe() == "13 checkpoints; findings: 0"
    change(run[100], put("2.weight", float("nan")))
    assert verify(run, ["nan:100"]).describe().splitlines() == [
        "13 checkpoints; findings: 1",
        "",
        "  nan:100  1 nan in 2.weight (accepted)",
    ]
    change(run[8], lambda t: t.pop("1.bias"))
    assert verify(run, ["nan:100", "nan:9"]).describe().splitlines() == [
        "13 checkpoints; findings: 2",
        "",
        "  missing:8  not there: 1.bias",
        "  nan:100    1 nan in 2.weight (accepted)",
        "",
        "Fetch or convert these checkpoints again, or leave the steps out. Where it is meant to be "
        "so, accept the findings by name:",
        "  - missing:8",
        "",
        "Accepted, but not found: nan:9",
    ]


@pytest.mark.parametrize("number", [1, 3, 4, 7])
def test_tensors_are_named_the_first_three_of_them(run: dict[int, Path], number: int) -> None:
    more = {f"strange{i}": torch.ones(2) for i in range(number)}
    change(run[8], lambda tensors: tensors.update(more))
    (found,) = verify(run).findings
    assert found.name == "extra:8"
    assert found.text.count("strange") == min(number, 3)
    assert (f"and {number - 3} more" in found.text) == ("more" in found.text) == (number > 3)


def test_what_half_of_the_steps_have_is_missing_in_the_rest(run: dict[int, Path]) -> None:
    for step in (8, 16):
        change(run[step], lambda tensors: tensors.update(more=torch.ones(2)))

    def odd(*steps: int) -> list[str]:
        return [n for n in names({s: run[s] for s in steps}) if n.startswith(("missing", "extra"))]

    assert odd(4, 8, 16, 32) == ["missing:4", "missing:32"]
    assert odd(2, 4, 8, 16, 32) == ["extra:8", "extra:16"]


def test_what_is_accepted_passes_and_the_rest_does_not(
    run: dict[int, Path], trained: dict[int, Tensors], tokenizer: tuple[Path, int], tmp_path: Path
) -> None:
    write(run[200], trained[150], tokenizer)
    change(run[300], put("2.bias", float("nan")))
    verdict = verify(run, ["identical:150:200", "nan:8"])
    assert [finding.name for finding in verdict.refused] == ["nan:300"]
    assert verdict.stale == ("nan:8",)
    assert "- nan:300" in verdict.describe()
    assert "- identical" not in verdict.describe()
    assert not verify(run, ["identical:150:200", "nan:300"]).refused
    write_verdict(verdict, tmp_path / "verdict.json")
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["steps"] == list(STEPS)
    assert [finding["accepted"] for finding in written["findings"]] == [True, False]


def test_one_digest_a_checkpoint_is_enough(run: dict[int, Path], tmp_path: Path) -> None:
    change(run[150], put("2.weight", float("nan")))
    change(run[300], scale(5.0, "0.weight"))
    expected = verify(run)
    stored = {}
    for step in reversed(STEPS):  # the order is no matter
        write_digest(run[step], tmp_path / f"{step}.json")
        shutil.rmtree(run[step])
        stored[step] = read_digest(tmp_path / f"{step}.json")
    assert compare(stored) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_hashes_and_norms_are_those_of_the_whole_tensor(
    dtype: torch.dtype,
    tokenizer: tuple[Path, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = {"cube": (7, 3, 2), "matrix": (5, 9), "vector": (11,), "scalar": ()}
    shapes |= {"no rows": (0, 4), "no columns": (4, 0)}
    tensors = {name: torch.randn(s, generator=generator).to(dtype) for name, s in shapes.items()}
    tensors["whole"] = torch.arange(12).view(3, 4)
    folder = write(tmp_path / "model", tensors, tokenizer)
    at_once = digest(folder)
    monkeypatch.setattr(digests, "_CHUNK", 6)
    in_pieces = digest(folder)
    for name, tensor in tensors.items():
        found = in_pieces["tensors"][name]
        raw = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        assert found["sha256"] == hashlib.sha256(raw).hexdigest()
        assert at_once["tensors"][name]["sha256"] == found["sha256"]
        assert found["shape"] == list(tensor.shape)
        if tensor.is_floating_point():
            assert found["norm"] == pytest.approx(float(tensor.double().norm()))
            assert found["nan"] == found["infinite"] == 0
        else:
            assert "norm" not in found


def test_a_damaged_folder_is_refused(run: dict[int, Path]) -> None:
    weights = run[4] / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match="changed since"):
        verify(run)
    weights.write_bytes(whole[:50])
    write_manifest(run[4])
    with pytest.raises(UserError, match="not a readable file of weights"):
        verify(run)
    weights.unlink()
    write_manifest(run[4])
    with pytest.raises(UserError, match="no weights"):
        verify(run)
