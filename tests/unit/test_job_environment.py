"""The plan of an experiment: what its jobs inherit."""

import os
from pathlib import Path

import chronoglot
import pytest
from chronoglot.planning.experiment import Plan, read_plan

PACKAGE = str(Path(chronoglot.__file__).parents[1])


def _plan() -> Plan:
    invented = {
        "name": "Qaa",
        "family": "A",
        "order": "SVO",
        "adjective": "before",
        "adposition": "before",
        "case": False,
        "agreement": True,
        "morphology": "separate",
        "script": "latin",
        "words": 2000,
    }
    config = {
        "experiment": "x",
        "languages": {"qaa": {"in_vitro": invented}},
        "pretraining": {"steps": [0], "updates": 200, "segment": 100},
    }
    return read_plan(config, "x.yaml")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [PACKAGE]),
        ("", [PACKAGE]),
        ("/mine:/theirs", [PACKAGE, "/mine", "/theirs"]),
        (f"/mine:{PACKAGE}", [PACKAGE, "/mine"]),
    ],
)
def test_a_users_own_packages_stay_in_reach_of_jobs(
    monkeypatch: pytest.MonkeyPatch, given: str | None, expected: list[str]
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("CHRONOGLOT_STEPS", "")
    monkeypatch.setenv("PYTHONPATH", given or "")
    if given is None:
        monkeypatch.delenv("PYTHONPATH")
    _plan().prepare_jobs()
    _plan().prepare_jobs()  # a job on a cluster plans itself again
    assert os.environ["PYTHONPATH"].split(os.pathsep) == expected
