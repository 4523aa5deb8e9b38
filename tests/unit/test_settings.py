"""Settings: the default file, the docs made from the model, messages."""

import json
from pathlib import Path

import pytest
import yaml
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check, refuse_duplicate_keys
from chronoglot.settings.model import Pretraining, Settings
from chronoglot.settings.page import write_schema, write_settings_page
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
EXPERIMENTS = [ROOT / "config.yaml", *sorted((ROOT / "workflow/experiments").glob("*.yaml"))]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_experiments_are_valid(path: Path) -> None:
    refuse_duplicate_keys([path])
    check(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)


def test_default_experiment_states_every_setting() -> None:
    """`config.yaml` is where a user looks for what can be set."""
    written = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name, field in Settings.model_fields.items():
        if name in ("folders", "downloads", "xnli", "checkpoints"):  # of data from elsewhere
            continue
        assert name in written, name
        if name != "languages" and hasattr(field.annotation, "model_fields"):
            assert set(written[name]) == set(field.annotation.model_fields), name


def test_docs_are_made_from_the_settings(tmp_path: Path) -> None:
    write_settings_page(tmp_path / "settings.md")
    assert (tmp_path / "settings.md").read_text() == (ROOT / "docs/settings.md").read_text(), (
        "run make docs"
    )
    write_schema(tmp_path / "schema.json")
    made = json.loads((tmp_path / "schema.json").read_text())
    assert made == json.loads((ROOT / "workflow/settings.schema.json").read_text()), "run make docs"


def test_every_setting_is_explained() -> None:
    rows = (ROOT / "docs/settings.md").read_text(encoding="utf-8").splitlines()
    table = [row for row in rows if row.startswith("| `")]
    assert len(table) > 60
    assert not [row for row in table if row.rstrip().endswith("|  |")]


def test_several_mistakes_are_named_at_once() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["sead"] = 3
    config["encoding"]["pooling"] = "median"
    with pytest.raises(UserError) as caught:
        check(config, "mine.yaml")
    message = str(caught.value)
    assert message.startswith("mine.yaml:")
    assert "sead: unknown key; did you mean 'seed'?" in message
    assert "encoding.pooling" in message
    assert "'median'" in message


@given(st.lists(st.integers(0, 50), max_size=6))
def test_steps_are_ascending_from_zero(steps: list[int]) -> None:
    run = {"updates": 50, "segment": 10, "warmup": 1, "steps": steps}
    valid = bool(steps) and steps[0] == 0 and steps == sorted(set(steps))
    if valid:
        assert Pretraining.model_validate(run).steps == steps
    else:
        with pytest.raises(ValueError):
            Pretraining.model_validate(run)


def test_a_code_that_yaml_takes_for_false_is_told() -> None:
    config = yaml.safe_load(
        "experiment: x\nlanguages:\n  no: {treebank: {name: UD_Norwegian-Bokmaal}}"
    )
    with pytest.raises(UserError, match='put it in quotes, as "no"'):
        check(config, "x.yaml")


def test_plain_http_of_another_machine_is_refused() -> None:
    """Others on the way could change a checkpoint that has no checksum."""
    config: dict = {
        "experiment": "x",
        "languages": {"en": {"treebank": {"name": "UD_X"}}},
        "tasks": ["pos"],
    }
    for key, section, value in (
        ("fairseq.files", {"steps": [1]}, "http://far.example/{step}.pt"),
        ("fairseq.files.1", {}, {1: "http://far.example/1.pt"}),
        ("hub.endpoint", {"repository": "a/b", "steps": [1]}, "http://far.example"),
    ):
        source, name = key.split(".")[:2]
        config["checkpoints"] = {"layers": 1, source: section | {name: value}}
        with pytest.raises(UserError, match=rf"checkpoints\.{key}: .* is plain http"):
            check(config, "mine.yaml")
        text = yaml.safe_dump(config).replace("http:", "https:")
        check(yaml.safe_load(text), "mine.yaml")
        check(
            yaml.safe_load(text.replace("https://far.example", "http://127.0.0.1:9")), "mine.yaml"
        )
