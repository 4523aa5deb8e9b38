"""Nonsense in the settings: a message that names the key, never a traceback."""

import copy
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chronoglot.planning.experiment import read_plan
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check, read_yaml
from chronoglot.settings.model import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
VALID: list[dict[str, Any]] = [
    yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for name in (
        "config.yaml",
        "workflow/experiments/real-small.yaml",
        "workflow/experiments/xlmr-replica.yaml",
    )
]
SOURCES: list[dict[str, Any]] = [
    {"hub": {"repository": "a/b", "revisions": {1: "one"}, "endpoint": None}, "layers": 2},
    {"folder": {"path": "runs", "pattern": "checkpoint-{step}", "steps": [1]}},
    {"fairseq": {"files": {1: "1.pt"}, "tokenizer": "m", "dictionary": "d"}, "layers": 2},
]
VALID += [
    {"experiment": "x", "languages": {"de": {"treebank": {"name": "UD_German-GSD"}}}}
    | {"checkpoints": source}
    for source in SOURCES
]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _paths(item, (*path, key))


PLACES = [(number, path) for number, config in enumerate(VALID) for path in _paths(config)]

keys = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.dates())
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**4000), 2**31, 2**32, 2**63, 2**64, 5.0, 1e308, 5e-324]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["5", "1e6", "", "{step}", "a/b", "\0", "\ud800", "x" * 5000, ".."]),
    st.sampled_from([datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1), b"\xff"]),
)
nonsense = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


def _changed(place: tuple[int, tuple[Any, ...]], value: Any) -> dict[str, Any]:
    number, (*sections, key) = place
    config = copy.deepcopy(VALID[number])
    section: Any = config
    for name in sections:
        section = section[name]
    section[key] = value
    return config


def _refusal(config: dict[str, Any]) -> str | None:
    """What the settings are refused with, if they are; any other error fails the test."""
    try:
        check(config, "x.yaml")
    except UserError as error:
        return str(error)
    try:
        plan = read_plan(config, "x.yaml")
    except UserError:  # files that are not there; keys are named by tests of the plan
        return None
    assert len(plan.tuples.layers) <= 1001
    assert plan.targets
    assert isinstance(plan.absences, list)
    return None


@settings(max_examples=600)
@given(st.sampled_from(PLACES), nonsense)
def test_a_wrong_value_is_told_by_its_key(place: tuple[int, tuple[Any, ...]], value: Any) -> None:
    message = _refusal(_changed(place, value))
    if message is None:
        return
    first, *lines = message.splitlines()
    assert first == "x.yaml:"
    assert lines
    for line in lines:
        top = line.strip().split(":")[0].split(".")[0]
        assert top in {*Settings.model_fields, "settings"} or "give either `pretraining`" in line, (
            line
        )
        assert not {"Input", "instance", "pydantic"} & set(line.split()), line


@settings(max_examples=200)
@given(st.sampled_from(PLACES), keys, scalars)
def test_an_unknown_key_is_told(place: tuple[int, tuple[Any, ...]], key: Any, value: Any) -> None:
    number, path = place
    section: Any = copy.deepcopy(VALID[number])
    config = section
    for name in path:
        section = section[name]
    if isinstance(section, dict):
        section[key] = value
        _refusal(config)


@given(nonsense)
def test_settings_that_are_nonsense_altogether(value: Any) -> None:
    if isinstance(value, dict):
        assert "x.yaml:" in (_refusal(value) or "")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("probing.layers", True, "probing.layers: give a list, as [a, b] (given: true)"),
        ("probing.layers", [], "probing.layers: too few; give 1 at least"),
        ("probing.layers", [True], "probing.layers.0: give a whole number (given: true)"),
        ("pretraining.layers", True, "pretraining.layers: give a whole number (given: true)"),
        ("pretraining.layers", "4", "give a whole number, without quotes or exponent"),
        ("pretraining.layers", 4.0, "pretraining.layers: give a whole number (given: 4.0)"),
        ("pretraining.layers", 1001, "pretraining.layers: give 1,000 at most (given: 1001)"),
        ("pretraining.updates", "1e6", "pretraining.updates: give a whole number, without"),
        ("pretraining.segment", None, "pretraining.segment: give a whole number (given: null)"),
        ("pretraining.learning_rate", float("nan"), "learning_rate: give a finite number"),
        ("pretraining.learning_rate", True, "learning_rate: give a number (given: true)"),
        ("pretraining.mask_kept", 0.95, "pretraining.mask_kept: it and mask_random are shares"),
        ("pretraining.heads", 3, "pretraining.heads: 3 does not divide"),
        ("seed", 2**64, "seed: give 2,147,483,647 at most"),
        ("experiment", 2024, "experiment: YAML reads this as a number; put it in quotes"),
        ("experiment", datetime.date(2024, 1, 1), "experiment: YAML reads this as a date; put it"),
        ("title", "a\0", "title: 'a\\x00' holds characters that are no text; drop them"),
        ("languages", {}, "languages: too few; give 1 at least"),
        ("languages.qaa", 3, "languages.qaa: give keys and values, as {key: value} (given: 3)"),
        ("languages.qaa.in_vitro.order", "SVX", "order: give 'SVO', 'SOV', 'VSO'"),
        ("in_vitro.nouns", True, "in_vitro.nouns: give a whole number (given: true)"),
        ("encoding", {1: 2}, "encoding.1: unknown key; keys are words"),
    ],
)
def test_messages(path: str, value: Any, said: str) -> None:
    message = _refusal(_changed((0, tuple(path.split("."))), value))
    assert message is not None
    assert said in message


@pytest.mark.parametrize("shares", [[0.5, 0.5], [], [1], [0.2, 0.2, 0.3, 0.3], [0.5, 0.4, 0.2]])
def test_shares(shares: list[float]) -> None:
    config = copy.deepcopy(VALID[3])
    config["languages"]["de"]["treebank"]["shares"] = shares
    message = _refusal(config)
    assert message is not None
    assert "languages.de.treebank.shares: " in message


def test_numbers_may_have_exponents() -> None:
    """YAML takes 1e-3 for text, since it has no point."""
    config = copy.deepcopy(VALID[0])
    config["pretraining"]["learning_rate"] = "1e-3"
    config["probing"]["regularisation"] = ["1e-2", 1]
    read = check(config, "x.yaml")
    assert read.pretraining is not None
    assert read.pretraining.learning_rate == 0.001
    assert read.probing.regularisation == [0.01, 1.0]


def test_a_map_of_steps_may_come_from_json() -> None:
    config = copy.deepcopy(VALID[3])
    config["checkpoints"]["hub"]["revisions"] = {"1": "one", "20": "two"}
    read = check(config, "x.json").checkpoints.hub
    assert read is not None
    assert read.revisions == {1: "one", 20: "two"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no keys and values"),
        (b"- 1\n- 2\n", "no keys and values"),
        (b"only words\n", "no keys and values"),
        (b"\xff\xfe\x00\x80", "it is no text of UTF-8"),
        (b"\x00\x01", "unacceptable character"),
        (b"experiment: x\n\tseed: 1\n", "line 2: "),
        (b"experiment: [x\n", "line 2: "),
        (b"experiment: x\nexperiment: y\n", "line 2: key 'experiment' stands twice"),
        (b"a: &a\n  b: 1\n  b: 2\n", "line 3: key 'b' stands twice"),
        (b"? [a, b]\n: c\n", "line 1: "),
        (b"a: *nowhere\n", "line 1: "),
        (b"!!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        (b"a: " + b"[" * 5000, "not readable settings"),
    ],
)
def test_files_that_are_no_settings(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_anchors_and_merges_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\n")
    assert read_yaml(path)["d"] == {"b": 1, "c": 3}


@pytest.mark.parametrize("loop", ["&a [*a]", "&a {x: *a}"])
def test_an_anchor_within_what_it_names(tmp_path: Path, loop: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"experiment: x\nlanguages: {loop}\ntasks: *a\n")
    with pytest.raises(UserError, match="languages"):
        check(read_yaml(path), "x.yaml")


def test_a_file_of_references_to_references(tmp_path: Path) -> None:
    """A few hundred bytes that stand for a thousand million lists."""
    path = tmp_path / "x.yaml"
    lines = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)
    ]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="a0: unknown key"):
        check(read_yaml(path), "x.yaml")


@pytest.mark.parametrize("config", VALID, ids=range(len(VALID)))
def test_what_the_report_is_given_is_settings_again(config: dict[str, Any]) -> None:
    resolved = json.loads(check(config, "x.yaml").resolved)
    again = check(resolved, "--settings")
    assert json.loads(again.resolved) == resolved
