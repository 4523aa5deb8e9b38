"""What the workflow schedules in an empty folder, and what it refuses before any work."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Workflow

STEPS, LANGUAGES, LAYERS = 3, 2, 3
PROBED = 4  # tasks with a probe: three of words, one of sentence pairs


def test_every_step_layer_language_and_task_is_one_job(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    jobs = fresh.plan(miniature)
    assert jobs["probe"] == STEPS * LAYERS * LANGUAGES * PROBED
    assert jobs["transfer"] == STEPS * LAYERS * LANGUAGES * PROBED
    assert jobs["encode"] == STEPS * LANGUAGES * 2  # words and pairs
    assert jobs["bits"] == STEPS * LANGUAGES
    assert jobs["align"] == STEPS
    assert jobs["segment"] == 2


@pytest.mark.parametrize(("size", "batches"), [(2, ["0_1", "2_2"]), ("all", ["0_2"])])
def test_a_job_may_take_several_layers(
    fresh: Workflow, miniature: dict[str, Any], size: int | str, batches: list[str]
) -> None:
    miniature["probing"]["layers_per_job"] = size
    jobs = fresh.plan(miniature)
    tuples = STEPS * LANGUAGES * PROBED
    for rule in ("probe", "transfer"):
        found = {name: count for name, count in jobs.items() if name.startswith(rule)}
        assert found == {f"{rule}_{batch}": tuples for batch in batches}
    assert jobs["encode"] == STEPS * LANGUAGES * 2
    one = fresh.plan(miniature, "results/miniature/probes/step-4/layer-1/qaa/pos.json")
    assert one[f"probe_{batches[0]}"] == 1


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "each"])
def test_a_batch_of_less_than_a_layer_is_refused(
    fresh: Workflow, miniature: dict[str, Any], size: object
) -> None:
    miniature["probing"]["layers_per_job"] = size
    outcome = fresh.snakemake(miniature, "--dry-run")
    assert outcome.code != 0
    assert "probing.layers_per_job" in outcome.text and "Traceback" not in outcome.text


def test_many_sources_are_one_input_of_a_transfer(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    """Each named, they are most of a large study's inputs."""
    languages = {f"qa{letter}": miniature["languages"]["qaa"] for letter in "abcdefghijkl"}
    miniature["languages"] = {
        code: language | {"name": code} for code, language in languages.items()
    }
    miniature["tasks"], miniature["alignment"] = ["pos"], {}
    jobs = fresh.plan(miniature, "results/miniature/transfer/step-4/layer-1/qaa/pos.json")
    assert jobs["sources"] == jobs["transfer"] == 1
    assert jobs["probe"] == jobs["encode"] == len(languages)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("bpc", {"bits": STEPS * LANGUAGES}),
        ("alignment", {"align": STEPS, "parallel": 1}),
        ("xnli", {"probe": 18, "transfer": 18, "encode": 6, "pairs": 2}),
    ],
)
def test_a_task_takes_its_own_data_alone(
    fresh: Workflow, miniature: dict[str, Any], task: str, expected: dict[str, int]
) -> None:
    jobs = fresh.plan(miniature, task)
    common = {"in_vitro", "in_vitro_parallel", "text", "tokenizer", "binarise", "segment"}
    common |= {"checkpoint", "convert", "check_data", "check_text", task}
    assert {rule: count for rule, count in jobs.items() if rule not in common} == expected


def test_one_checkpoint(fresh: Workflow, miniature: dict[str, Any]) -> None:
    jobs = fresh.plan(miniature, "step_4")
    assert jobs["bits"] == LANGUAGES
    assert jobs["align"] == 1
    assert jobs["transfer"] == LANGUAGES * PROBED * LAYERS
    assert (
        jobs["probe"] == LANGUAGES * PROBED * LAYERS
    )  # the baseline of step 0 is joined in the tables
    assert jobs["segment"] == 1


def test_tables_only(fresh: Workflow, miniature: dict[str, Any]) -> None:
    jobs = fresh.plan(miniature, "tables")
    collecting = {"scores", "summary", "movement", "across", "properties", "correlates", "losses"}
    assert collecting <= set(jobs)
    assert not {"figure", "report", "check_conversion"} & set(jobs)


def test_figures_only(fresh: Workflow, miniature: dict[str, Any]) -> None:
    jobs = fresh.plan(miniature, "figures")
    assert jobs["figure"] > 20
    assert "report" not in jobs


def test_a_language_that_is_no_source_has_no_row(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    miniature["transfer"] = {"sources": ["qaa"]}
    assert fresh.plan(miniature, "qab")["transfer"] == STEPS * PROBED * LAYERS  # its column
    assert "transfer" in fresh.plan(miniature, "qaa")  # its row: the same files


def test_a_code_that_is_a_word_here_has_another_name(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    """`pos` is the code of Sayula Popoluca, and `all` that of Allar."""
    miniature["languages"] = {"pos": miniature["languages"]["qaa"]}
    miniature["languages"]["all"] = miniature["languages"]["pos"] | {"name": "Allar"}
    miniature["tasks"], miniature["alignment"] = ["pos", "bpc"], {}
    jobs = fresh.plan(miniature, "language_pos")
    assert jobs["bits"] == STEPS
    assert "bits" not in fresh.plan(miniature, "pos")
    assert fresh.plan(miniature)["bits"] == 2 * STEPS


def test_transfer_can_be_narrowed(fresh: Workflow, miniature: dict[str, Any]) -> None:
    miniature["transfer"] = {"sources": ["qaa"]}
    assert fresh.plan(miniature, "pos")["transfer"] == STEPS * LAYERS  # to qab alone
    miniature["transfer"] = {"targets": []}
    jobs = fresh.plan(miniature)
    assert "transfer" not in jobs
    assert jobs["probe"] == STEPS * LAYERS * LANGUAGES * PROBED


def test_default_experiment_is_planned(fresh: Workflow) -> None:
    config = ROOT / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    steps = len(settings["pretraining"]["steps"])
    outcome = fresh.snakemake(config, "--dry-run", "--quiet", "rules")
    assert outcome.code == 0, outcome.text
    layers = settings["pretraining"]["layers"] + 1
    assert outcome.jobs["probe"] == steps * layers * len(settings["languages"]) * PROBED


def test_the_snakefile_of_the_root_is_the_same_workflow(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    planned = fresh.plan(miniature)
    assert planned["all"] == 1
    assert fresh.plan(miniature, "--snakefile", str(ROOT / "Snakefile")) == planned


def test_slurm_profile_is_planned(fresh: Workflow) -> None:
    outcome = fresh.snakemake(ROOT / "config.yaml", "--profile", str(ROOT / "slurm"), "--dry-run")
    assert outcome.code == 0, outcome.text
    assert outcome.jobs["probe"] > 0


def test_planning_imports_nothing_heavy(fresh: Workflow, miniature: dict[str, Any]) -> None:
    """A login node plans without torch, transformers and fairseq: their import is made to fail."""
    blocker = fresh.folder / "blocked"
    for package in ("torch", "transformers", "fairseq"):
        (blocker / package).mkdir(parents=True)
        (blocker / package / "__init__.py").write_text(f"raise ImportError('{package}')")
    config = fresh.folder / "experiment.yaml"
    config.write_text(yaml.safe_dump(miniature))
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1));"
        "from snakemake.cli import main; main(sys.argv[1:])"
    )
    arguments = ["--snakefile", str(ROOT / "workflow/Snakefile"), "--directory", str(fresh.folder)]
    arguments += ["--configfile", str(config), "--dry-run"]
    done = subprocess.run(
        [sys.executable, "-c", program, str(blocker), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _change(config: dict[str, Any], path: str, value: Any) -> None:
    *sections, key = path.split(".")
    for section in sections:
        config = config.setdefault(section, {})
    config[key] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("pretraining.learning_rat", 1, "pretraining.learning_rat: unknown key; did you mean"),
        ("tasks", ["pos", "pos"], "tasks: pos stands twice; list it once"),
        ("probing.layers", [1, 1], "probing.layers: 1 stands twice"),
        ("transfer.sources", ["qaa", "qaa"], "transfer.sources: qaa stands twice"),
        ("tasks", ["poss"], "unknown task 'poss'; did you mean 'pos'"),
        ("pretraining.steps", [0, 8, 4], "not sorted: 4 follows 8"),
        ("pretraining.steps", [4, 8], "the first step must be 0"),
        ("pretraining.steps", [0, 99], "99 lies beyond the run of 24 updates"),
        ("languages.FR", {"name": "French"}, "languages.FR"),
        ("languages.fr", {"name": "French"}, "languages.fr: give either `in_vitro`"),
        ("languages.qaa.in_vitro.ordr", "SVO", "ordr: unknown key; did you mean 'order'"),
        ("probing.layers", [0, 3], "there is no layer 3; the model has 0 to 2"),
        ("pretraining.heads", 3, "heads: 3 does not divide dimension 16"),
        ("transfer.sources", ["qac"], "transfer.sources: qac is not one of the `languages`; did"),
        ("alignment.gold", {"qaa-qaz": "in_vitro"}, "alignment.gold.qaa-qaz: qaz is not one of"),
        ("alignment.gold", {"qaa": "in_vitro"}, "alignment.gold.qaa"),
        ("alignment.gold", {"qaa-qab": "qaa-qab.gold"}, "give two in-vitro languages and `in_vit"),
        ("xnli.languages", ["de"], "xnli.languages: de is not one of the `languages`"),
    ],
)
def test_mistakes_in_the_settings(
    fresh: Workflow, miniature: dict[str, Any], path: str, value: Any, said: str
) -> None:
    _change(miniature, path, value)
    outcome = fresh.snakemake(miniature, "--dry-run")
    assert outcome.code != 0
    assert said in outcome.text
    assert "experiment.yaml" in outcome.text  # where
    assert "Traceback" not in outcome.text


def test_a_task_without_data(fresh: Workflow, miniature: dict[str, Any]) -> None:
    miniature["alignment"] = {}
    outcome = fresh.snakemake(miniature, "--dry-run")
    assert outcome.code != 0
    assert "tasks: no language has the data that alignment needs; give one" in outcome.text
    assert "Traceback" not in outcome.text


def _add_german(workflow: Workflow, config: dict[str, Any], text: str, treebank: str) -> None:
    """A language of real data, with a test part alone."""
    path = workflow.folder / "ud" / "UD_German-GSD" / "de_gsd-ud-test.conllu"
    path.parent.mkdir(parents=True)
    path.write_text(treebank)
    (workflow.folder / "german.txt").write_text(text)
    config["folders"] = {"text": str(workflow.folder), "treebanks": str(workflow.folder / "ud")}
    config["languages"]["de"] = {
        "name": "German",
        "text": {"files": ["german.txt"]},
        "treebank": {"name": "UD_German-GSD", "split": "sentence"},
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("text.files", ["de.txt"], "there is no file"),
        ("treebank.name", "UD_German-GDS", "the nearest in"),
        ("treebank.split", "published", "has no train part; set `split: document` or"),
        ("treebank.parts", ["dev"], "has none of the parts dev"),
    ],
)
def test_missing_files(
    fresh: Workflow, miniature: dict[str, Any], key: str, value: Any, said: str
) -> None:
    _add_german(fresh, miniature, text="", treebank="")
    _change(miniature, f"languages.de.{key}", value)
    outcome = fresh.snakemake(miniature, "--dry-run")
    assert outcome.code != 0
    assert said in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("files", [None, ["sentences.txt"], ["README"]])
def test_a_pair_without_gold_links(
    fresh: Workflow, miniature: dict[str, Any], files: list[str] | None
) -> None:
    """Found while planning, before anything is trained."""
    _add_german(fresh, miniature, text="Hallo.", treebank="")
    miniature["languages"]["fr"] = {"text": {"files": ["german.txt"]}}
    miniature["alignment"] = {"gold": {"de-fr": "de-fr.gold"}}
    miniature["folders"]["alignments"] = str(fresh.folder)
    for name in files or []:
        (fresh.folder / "de-fr.gold").mkdir(exist_ok=True)
        (fresh.folder / "de-fr.gold" / name).touch()
    outcome = fresh.snakemake(miniature, "--dry-run")
    assert outcome.code != 0
    expected = "no gold alignment; put sentences.txt and gold.txt there" if files else "no such"
    assert f"alignment.gold.de-fr: {fresh.folder}/de-fr.gold: " in outcome.text
    assert expected in outcome.text
    assert "Traceback" not in outcome.text


def test_duplicate_language(fresh: Workflow, miniature: dict[str, Any]) -> None:
    """YAML would let the second of two equal keys win in silence."""
    config = fresh.folder / "experiment.yaml"
    written = yaml.safe_dump(miniature, sort_keys=False)
    config.write_text(written.replace("  qab:\n", "  qaa:\n"))
    outcome = fresh.snakemake(config, "--dry-run")
    assert outcome.code != 0
    assert "qaa" in outcome.text
    assert "twice" in outcome.text


def test_real_experiments_are_planned_once_their_data_is_there(
    fresh: Workflow, real_data: Path
) -> None:
    config = yaml.safe_load((ROOT / "workflow/experiments/real-small.yaml").read_text())
    pairs = fresh.folder / "xnli"  # as it is published
    (pairs / "XNLI-MT-1.0").mkdir(parents=True)
    (pairs / "XNLI-1.0").symlink_to(real_data / "xnli")
    (pairs / "XNLI-MT-1.0/multinli").symlink_to(real_data / "nli-train")
    config["folders"] = {
        "text": str(real_data / "text" / "libreoffice-help"),
        "treebanks": str(real_data / "ud"),
        "xnli": str(pairs),
        "alignments": str(real_data / "alignments"),
    }
    outcome = fresh.snakemake(config, "--dry-run", "--quiet", "rules")
    assert outcome.code == 0, outcome.text
    assert outcome.jobs["words"] == len(config["languages"])
    assert outcome.jobs["pairs"] == len(config["xnli"]["languages"])
    # What is absent is said, and said once.
    assert outcome.text.count("xnli: no data in de, fi, ja, ko\n") == 1
    assert outcome.text.count("xnli: no training data in ru, hi: targets only\n") == 1


def test_malformed_treebank_stops_before_anything_is_trained(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    """The message of the job that read it is shown, with file, line and mend."""
    nine_columns = "# sent_id = 1\n1\tHallo\thallo\tINTJ\t_\t_\t0\troot\t_\n\n"
    _add_german(fresh, miniature, text="Hallo.\n\nGuten Tag.\n", treebank=nine_columns)
    outcome = fresh.snakemake(miniature, "--cores", "1")
    assert outcome.code != 0
    assert "de_gsd-ud-test.conllu, line 2: 9 columns, not 10" in outcome.text
    assert "Traceback" not in outcome.text
    assert not (fresh.folder / "results/miniature/tokenizer").exists()


def test_empty_text_stops_before_anything_is_trained(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    _add_german(fresh, miniature, text="\n\n", treebank="")
    outcome = fresh.snakemake(miniature, "--cores", "1", "results/miniature/tokenizer/dict.txt")
    assert outcome.code != 0
    assert "german.txt" in outcome.text
    assert "Traceback" not in outcome.text


def test_a_conversion_is_compared_on_whatever_sentences_there_are(fresh: Workflow) -> None:
    """Of a run from elsewhere there may be neither text nor treebank."""
    gold = fresh.folder / "data/alignments/gold"
    gold.mkdir(parents=True)
    (gold / "sentences.txt").write_text("a ||| b\n")
    (gold / "gold.txt").write_text("0-0\n")
    for name in ("1.pt", "spm.model"):
        (fresh.folder / name).write_bytes(b"\x80")
    config = {
        "experiment": "pairs",
        "languages": {"en": {}, "fr": {}},
        "tasks": ["alignment"],
        "alignment": {"gold": {"en-fr": "gold"}},
        "checkpoints": {
            "layers": 2,
            "fairseq": {"files": {1: "1.pt"}, "tokenizer": "spm.model"},
        },
    }
    outcome = fresh.snakemake(config, "--dry-run", "--printshellcmds")
    assert outcome.jobs["check_conversion"] == 1, outcome.text
    command = re.search(r"check-conversion (.*)", outcome.text)
    assert command
    assert "results/pairs/data/parallel/en-fr.parquet --folder" in command[1]
