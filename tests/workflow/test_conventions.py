"""What the field expects of a workflow: the catalogue's files, and use as a module."""

import re
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT, Workflow

MODULE = """
module chronoglot:
    snakefile: "{snakefile}"
    config: config["chronoglot"]

use rule * from chronoglot as chronoglot_*

rule all:
    default_target: True
    input: rules.chronoglot_scores.output
"""


def test_the_catalogue_s_rules() -> None:
    """Of https://snakemake.github.io/snakemake-workflow-catalog, for "standardized usage"."""
    readme = (ROOT / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
    assert (ROOT / "workflow/Snakefile").is_file()
    # One in the root is found first: that it plans the same is tested in test_plan.py.
    assert 'include: "workflow/Snakefile"' in (ROOT / "Snakefile").read_text("utf-8")
    assert list((ROOT / "workflow/rules").glob("*.smk"))
    assert (ROOT / "LICENSE").is_file()
    configured = (ROOT / "config/README.md").read_text("utf-8")
    assert "config.yaml" in configured and "docs/settings.md" in configured
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) <= {"mandatory-flags", "software-stack-deployment"}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    in_use = "\n".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))
    assert deployment["conda"] == ("conda:" in in_use)
    assert deployment["report"] == ("report(" in in_use)
    assert deployment["apptainer"] == ("container:" in in_use)


def test_every_link_of_the_pages_leads_somewhere() -> None:
    for page in (ROOT / "config/README.md", ROOT / "docs/conventions.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page, target)


def _as_module(folder: Path, config: dict[str, Any]) -> Workflow:
    """Five lines that take the workflow as a module, with its settings under a key of theirs."""
    (folder / "Snakefile").write_text(MODULE.format(snakefile=ROOT / "workflow/Snakefile"))
    (folder / "outer.yaml").write_text(yaml.safe_dump({"chronoglot": config}))
    return Workflow(folder)


def test_a_module_of_another_workflow(tmp_path: Path, miniature: dict[str, Any]) -> None:
    outer = _as_module(tmp_path, miniature)
    arguments = ("--snakefile", str(tmp_path / "Snakefile"))
    planned = outer.snakemake(tmp_path / "outer.yaml", *arguments, "--dry-run")
    assert planned.code == 0, planned.text
    within = Workflow(tmp_path).plan(miniature, "results/miniature/tables/scores.parquet")
    assert planned.jobs == {f"chronoglot_{rule}": n for rule, n in within.items()} | {"all": 1}

    words = "results/miniature/data/words/qaa.parquet"
    made = outer.snakemake(tmp_path / "outer.yaml", *arguments, "--cores", "1", "--", words)
    assert made.code == 0, made.text
    assert (tmp_path / words).is_file()
