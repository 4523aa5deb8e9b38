"""The quality of word alignment as one table, from the files of the alignment's jobs."""

import json
from pathlib import Path

import pytest
from chronoglot.alignment.methods import METHODS
from chronoglot.analysis.links import MEASURES, links
from chronoglot.runtime.errors import UserError


def scores(target: str, step: int, layer: int) -> dict:
    """Every number another."""
    base = 1000 * step + 10 * layer + len(target)
    measured = {
        f"{method}_{name}": base + 100 * i + j
        for i, method in enumerate(METHODS)
        for j, name in enumerate(MEASURES)
    }
    gold = {"sentences": 1, "sure_links": 2, "possible_links": 3}
    return {"step": step, "layer": layer, "source": "en", "target": target} | gold | measured


def test_every_number_is_in_its_row_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    jobs = [(target, step) for target in ("fra", "de") for step in (0, 10)]
    files = []
    for target, step in jobs:
        files.append(tmp_path / f"{target}-{step}.json")
        files[-1].write_text(json.dumps([scores(target, step, layer) for layer in (0, 1)]))
    table = links(files[::-1], "mine", [0, 1])
    assert table.equals(links(files, "mine", [0, 1]))
    assert list(table.columns) == [
        *("run", "step", "layer", "source", "target", "method"),
        *("precision", "recall", "f1", "aer", "links"),
        *("sentences", "sure_links", "possible_links"),
    ]
    places = table[["source", "target", "method", "layer", "step"]].apply(tuple, axis=1).tolist()
    assert set(links(files, "mine", [1])["layer"]) == {1}
    assert places == sorted(places)
    assert len(places) == len(set(places)) == len(jobs) * 2 * len(METHODS)
    assert set(table["run"]) == {"mine"}
    for row in table.to_dict("records"):
        expected = scores(row["target"], row["step"], row["layer"])
        for name in MEASURES:
            assert row[name] == expected[f"{row['method']}_{name}"]
        for name in ("sentences", "sure_links", "possible_links"):
            assert row[name] == expected[name]


def test_a_measure_that_is_undefined_is_a_number_that_is_none(tmp_path: Path) -> None:
    undefined = scores("de", 0, 0) | {f"{method}_precision": None for method in METHODS}
    (tmp_path / "a.json").write_text(json.dumps([undefined]))
    table = links([tmp_path / "a.json"], "mine", [0, 1])
    assert table["precision"].isna().all() and table["precision"].dtype == float
    assert table["recall"].notna().all()


@pytest.mark.parametrize("damage", ["", "[", "[{}]", "[1]", "null", '[{"step": 0}]'])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "a.json").write_text(damage)
    with pytest.raises(UserError, match=r"a\.json: not a whole score file.*delete it"):
        links([tmp_path / "a.json"], "mine", [0, 1])
