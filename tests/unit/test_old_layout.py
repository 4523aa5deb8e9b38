"""Results of an older version are recognised and moved, and nothing of them is lost."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from chronoglot.planning.old_layout import move_results, refuse_old_layout
from chronoglot.runtime.errors import UserError


def rows(step: int) -> list[dict[str, object]]:
    return [
        {"step": step, "layer": layer, "source": source, "target": "lt", "score": layer / 8}
        for layer in (0, 1, 12)
        for source in ("de", "fi")
    ]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Two steps of one target; its code begins as the name of a layer's folder does."""
    for step in (0, 100):
        folder = tmp_path / f"results/old/transfer/step-{step}/lt"
        folder.mkdir(parents=True)
        (folder / "pos.json").write_text(json.dumps(rows(step)))
    return tmp_path / "results/old"


def test_every_row_is_in_its_layers_file_and_the_folder_is_new(old: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 files .* `chronoglot move-results "):
        refuse_old_layout(old)
    assert move_results(old, tmp_path / "records") == 2
    refuse_old_layout(old)
    found = sorted(path.relative_to(old).as_posix() for path in old.rglob("*.json"))
    assert found == sorted(
        f"transfer/step-{step}/layer-{layer}/lt/pos.json"
        for step in (0, 100)
        for layer in (0, 1, 12)
    )
    for step in (0, 100):
        for layer in (0, 1, 12):
            path = old / f"transfer/step-{step}/layer-{layer}/lt/pos.json"
            expected = [row for row in rows(step) if row["layer"] == layer]
            assert json.loads(path.read_text()) == expected
    assert move_results(old, tmp_path / "records") == 0


def test_records_of_what_was_scored_are_removed_and_others_stay(old: Path, tmp_path: Path) -> None:
    names = [f"{old}/probes/step-0/layer-1/lt/pos.json", f"{old}/{'data/' * 60}x", "another/file"]
    names.append(f"{old}/probes/{'long/' * 80}pos.npz")
    records = []
    for name in names:
        encoded = urlsafe_b64encode(name.encode()).decode()
        parts = [encoded[start : start + 254] for start in range(0, len(encoded), 254)]
        path = tmp_path.joinpath("records", *(f"@{part}" for part in parts[:-1]), parts[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        records.append(path)
    (tmp_path / "records/no record").write_text("")
    move_results(old, tmp_path / "records")
    assert [path.is_file() for path in records] == [False, True, True, False]
    assert (tmp_path / "records/no record").is_file()


@pytest.mark.parametrize("damage", ["", "[", "[{}]", "[1]", "3"])
def test_a_damaged_file_is_named_and_stays(old: Path, tmp_path: Path, damage: str) -> None:
    path = old / "transfer/step-0/lt/pos.json"
    path.write_text(damage)
    with pytest.raises(UserError, match=r"pos\.json: not a whole score file"):
        move_results(old, tmp_path / "records")
    assert path.read_text() == damage


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        move_results(tmp_path / "results/x", tmp_path)
