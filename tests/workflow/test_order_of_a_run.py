"""A run pretrained by the workflow is in order, and is not when its checkpoints are mixed up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chronoglot.checkpoints.manifest import write_manifest
from conftest import ROOT, Workflow
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.slow

STEPS = [0, 25, 50, 100, 200, 300, 400]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of a short run of the default's languages, verified by the workflow."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["pretraining"] |= {"steps": STEPS, "updates": 400, "segment": 400, "warmup": 50}
    config["pretraining"] |= {"layers": 2, "dimension": 64, "feedforward": 256}
    workflow = Workflow(tmp_path_factory.mktemp("order"))
    outcome = workflow.snakemake(config, "--cores", "2", "--until", "verify")
    assert outcome.code == 0, outcome.text[-8000:]
    verdict = workflow.folder / "results/in-vitro/checkpoints/verdict.json"
    assert '"findings": []' in verdict.read_text(encoding="utf-8")
    return verdict.parent


@pytest.fixture
def run(pretrained: Path, tmp_path: Path) -> Path:
    for step in STEPS:
        shutil.copytree(pretrained / f"step-{step}/model", tmp_path / f"step-{step}/model")
    return tmp_path


def findings(run: Path) -> list[str]:
    folders = [str(run / f"step-{step}/model") for step in STEPS]
    command = [sys.executable, "-m", "chronoglot", "verify", *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if "findings: 0" in done.stdout else 1), done.stderr
    return [line.removeprefix("  - ") for line in done.stdout.splitlines() if "  - " in line]


def test_steps_exchanged_are_named(run: Path) -> None:
    assert findings(run) == []
    (run / "step-100").rename(run / "kept")
    (run / "step-200").rename(run / "step-100")
    (run / "kept").rename(run / "step-200")
    assert findings(run) == ["order:100:200"]


def test_a_step_between_two_others_is_named(run: Path) -> None:
    a, b = (load_file(run / f"step-{step}/model/model.safetensors") for step in (50, 200))
    mixture = {name: tensor.lerp(b[name], 0.5) for name, tensor in a.items()}
    save_file(mixture, run / "step-100/model/model.safetensors")
    write_manifest(run / "step-100/model")
    assert findings(run) == ["between:100:50:200"]


def test_a_later_step_in_half_precision_is_named(run: Path) -> None:
    later = load_file(run / "step-400/model/model.safetensors")
    rounded = {name: tensor.half().float() for name, tensor in later.items()}
    save_file(rounded, run / "step-50/model/model.safetensors")
    write_manifest(run / "step-50/model")
    assert "near:50:400" in findings(run)
