"""Settings that are paths, and the folders of project and results, under names that shells and
Snakemake would read otherwise: they work, or are refused by the key."""

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_model
import torch
import yaml
from chronoglot.data.in_vitro.write import generate_language, generate_translations
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check
from chronoglot.settings.in_vitro import Generator, Typology
from chronoglot.settings.model import Settings
from conftest import IN_VITRO, MINIATURE, ROOT, Outcome
from loopback import loopback
from loopback_hub import loopback_hub
from published import make_files, publish
from tiny_run import save_checkpoint, train_tokenizer

AWKWARD = """a b'c"d$HOME%s&;#,()[e]*?!`f`\\ü漢= """
BRACES = "{x}{step"

_SIZES = {"train": 12, "dev": 6, "test": 6}
_GENERATOR = Generator.model_validate(
    {"treebank_sentences": _SIZES, "pairs": _SIZES, "parallel": 5}
)
_TYPOLOGY = Typology.model_validate(IN_VITRO | {"words": 1000})

DATA = "results/x/data"
TABLES = [f"{DATA}/words/de.parquet", f"{DATA}/text/de/heldout.txt", f"{DATA}/pairs/de.parquet"]
MODEL = "results/x/checkpoints/step-1/model/manifest.json"
ELSEWHERE: dict[str, Any] = {
    "experiment": "x",
    "tasks": ["bpc", "pos", "xnli", "alignment"],
    "languages": {
        "de": {
            "name": AWKWARD + BRACES,
            "text": {"files": ["a.txt"]},
            "treebank": {"name": "UD_German-X"},
        },
        "fr": {"treebank": {"name": "UD_German-X", "split": "sentence"}},
    },
    "xnli": {
        "languages": ["de"],
        "train": "train.{language}.tsv",
        "dev": "dev.tsv",
        "test": "test.tsv",
    },
    "alignment": {"gold": {"de-fr": "gold"}},
    "folders": {"text": "texts", "treebanks": "ud", "xnli": "nli", "alignments": "links"},
}
FAIRSEQ = {"files": "checkpoint_{step}.pt", "tokenizer": "spm.model", "dictionary": "dict.txt"}
FOLDER = {"path": "runs", "pattern": "step-{step}", "tokenizer": "tok"}
HUB = {"repository": "a/b", "steps": [1], "tokenizer": "tok"}
BASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "folder": (
        ELSEWHERE
        | {"checkpoints": {"folder": FOLDER}},
        [*TABLES, f"{DATA}/parallel/de-fr.parquet", MODEL, "results/x/licences.json",
         "results/x/tables/languages.parquet"],
    ),
    "pattern": (ELSEWHERE | {"checkpoints": {"layers": 2, "fairseq": FAIRSEQ}}, [MODEL]),
    "listed": (
        ELSEWHERE
        | {"checkpoints": {"layers": 2, "fairseq": FAIRSEQ | {"files": {1: "checkpoint_1.pt"}}}},
        [MODEL],
    ),
    "hub": (
        ELSEWHERE
        | {"checkpoints": {"layers": 2, "hub": HUB}},
        [MODEL],
    ),
    "fetched": (
        {
            "experiment": "x",
            "tasks": ["bpc", "pos", "xnli"],
            "languages": {
                "en": {"text": {"dataset": "cc100"}, "treebank": {"name": "UD_English-EWT"}}
            },
            "downloads": {"folder": "fetched", "table": "table.csv", "treebanks": "ud-2.15"}
            | {"xnli": "xnli-1.0", "xnli_train": "xnli-mt-1.0", "max_characters": 4000},
            "xnli": {"languages": ["en"]},
            "checkpoints": {"layers": 2, "fairseq": FAIRSEQ},
        },
        [*(table.replace("/de", "/en") for table in TABLES), "results/x/licences.json"],
    ),
}  # fmt: skip


def _texts(part: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """The keys of texts, `<>` for any key, and whether the schema calls them paths."""
    if isinstance(part, list):
        for item in part:
            yield from _texts(item, key)
    elif isinstance(part, dict):
        if part.get("type") == "string" and not {"enum", "const"} & part.keys():
            yield key, part.get("format") == "path"
        if "$ref" in part:
            yield from _texts(SCHEMA["$defs"][part["$ref"].rpartition("/")[2]], key)
        for name, inner in part.get("properties", {}).items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
        for inner in part.get("patternProperties", {}).values():
            yield from _texts(inner, f"{key}.<>")
        yield from _texts(part.get("additionalProperties"), f"{key}.<>")
        for kind in ("anyOf", "oneOf", "items"):
            yield from _texts(part.get(kind), key)


SCHEMA = Settings.model_json_schema()
PATHS = sorted({key for key, is_path in _texts(SCHEMA) if is_path})
NO_PATHS = {
    *("experiment", "title", "tasks", "xnli.languages", "transfer.sources", "transfer.targets"),
    *(f"languages.<>.{name}" for name in ("name", "script", "family")),
    *(f"languages.<>.in_vitro.{name}" for name in ("name", "family")),
    *(f"languages.<>.text.{name}" for name in ("dataset", "code")),
    *(f"downloads.{name}" for name in ("treebanks", "xnli", "xnli_train")),
    *(f"checkpoints.{name}" for name in ("dataset", "accept", "hub.repository", "hub.endpoint")),
    *("checkpoints.hub.revisions", "checkpoints.hub.revisions.<>"),
}
# Of what is fetched names are given by those who published it.
AS_PUBLISHED = ("languages", "xnli", "folders", "alignment")


def test_every_text_is_known_as_a_path_or_as_none() -> None:
    assert {key for key, is_path in _texts(SCHEMA) if not is_path} == NO_PATHS
    met = {key for base in BASES for key in _renamed(base, {})[1]}
    assert met == set(PATHS)


def _renamed(base: str, config: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The configuration with awkward paths, and the keys of these."""
    met = set()

    def walk(value: Any, key: str = "") -> Any:
        if key in PATHS and isinstance(value, str):
            if base == "fetched" and key.startswith(AS_PUBLISHED):
                return value
            met.add(key)
            return AWKWARD + value
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        if isinstance(value, dict):
            return {name: walk(item, _below(key, name)) for name, item in value.items()}
        return value

    return walk(copy.deepcopy(BASES[base][0])) | config, met


def _below(key: str, name: object) -> str:
    keys = {known for known, _ in _texts(SCHEMA)}
    inner = f"{key}.{name}" if key else str(name)
    known = any(text == inner or text.startswith(f"{inner}.") for text in keys)
    return inner if known else f"{key}.<>"


@pytest.mark.parametrize("name", ["x{y}", "{}", "-x", "~/x"])
@pytest.mark.parametrize("key", PATHS)
def test_what_cannot_work_is_refused_by_the_key(key: str, name: str) -> None:
    base = next(base for base in BASES if key in _renamed(base, {})[1])

    def walk(value: Any, at: str = "") -> Any:
        if at == key and isinstance(value, str):
            return f"{name}{value}"
        if isinstance(value, list):
            return [walk(item, at) for item in value]
        if isinstance(value, dict):
            return {inner: walk(item, _below(at, inner)) for inner, item in value.items()}
        return value

    with pytest.raises(UserError) as caught:
        check(walk(copy.deepcopy(BASES[base][0])), "x.yaml")
    first, *rest = str(caught.value).splitlines()
    assert first == "x.yaml:"
    told = [line.split(": ")[0].strip() for line in rest]
    assert all(part in told[0] for part in key.split(".<>")), told
    assert len({line.split(": ", 1)[1] for line in rest}) == 1, rest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project under such a name."""
    folder = tmp_path_factory.mktemp("project") / AWKWARD
    folder.mkdir()
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def _run(project: Path, folder: Path, config: dict[str, Any], *targets: str) -> Outcome:
    """Snakemake, of this copy of the project, in a folder."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    options = ["--configfile", "mine.yaml", "--cores", "1", "--show-failed-logs", *targets]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(project / "workflow/Snakefile"),
            *options,
        ],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout)


def _named(folder: Path, name: str) -> Path:
    return folder / (AWKWARD + name)


def _write_data(folder: Path) -> None:
    """What ELSEWHERE names."""
    made = folder / "made"
    generate_language("de", _TYPOLOGY, _GENERATOR, 1, made)
    texts, nli, links = (_named(folder, name) for name in ("texts", "nli", "links"))
    treebank = _named(_named(folder, "ud"), "UD_German-X")
    for place in (texts, nli, links, treebank):
        place.mkdir(parents=True)
    (made / "text.txt").rename(_named(texts, "a.txt"))
    for split in _SIZES:
        (made / f"de_invitro-ud-{split}.conllu").rename(treebank / f"de_x-ud-{split}.conllu")
        name = "train.de.tsv" if split == "train" else f"{split}.tsv"
        (made / f"xnli.{split}.tsv").rename(_named(nli, name))
    generate_translations("de", _TYPOLOGY, "fr", _TYPOLOGY, _GENERATOR, 1, _named(links, "gold"))


def _write_checkpoints(folder: Path) -> Path:
    """What all bases name of checkpoints; returns the folder of one as `transformers` saves it."""
    text = _named(_named(folder, "texts"), "a.txt")
    lines = text.read_text("utf-8").splitlines() if text.is_file() else ["a b c"]
    tokenizer = train_tokenizer(_named(folder, "tok"), "bert", filter(None, lines))
    model = _named(_named(folder, "runs"), "step-1")
    save_checkpoint(model, "bert", tokenizer, 1, layers=2)
    for path in model.glob("tokenizer*"):
        path.unlink()
    pieces, dictionary, vocabulary = tiny_model.write_tokenizer(folder)
    pieces.rename(_named(folder, "spm.model"))
    dictionary.rename(_named(folder, "dict.txt"))
    torch.save(tiny_model.checkpoint(vocabulary), _named(folder, "checkpoint_1.pt"))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("base", [base for base in BASES if base != "fetched"])
def test_the_rules_that_read_such_paths_run(base: str, project: Path, tmp_path: Path) -> None:
    folder = tmp_path / (AWKWARD + BRACES)
    folder.mkdir()
    _write_data(folder)
    model = _write_checkpoints(folder)
    config = _renamed(base, {})[0]
    with loopback_hub("a/b") as hub:
        if base == "hub":
            hub.revisions["step1"] = {path.name: path.read_bytes() for path in model.iterdir()}
            config["checkpoints"]["hub"]["endpoint"] = hub.url
        outcome = _run(project, folder, config, *BASES[base][1])
    assert outcome.code == 0, outcome.text[-6000:]
    assert all((folder / target).is_file() for target in BASES[base][1])


@pytest.mark.slow
def test_what_is_fetched_lies_in_such_a_folder(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / (AWKWARD + BRACES)
    folder.mkdir()
    _write_checkpoints(folder)
    with loopback() as server:
        publish(server, make_files(tmp_path / "made"), _named(folder, "table.csv"))
        outcome = _run(project, folder, _renamed("fetched", {})[0], *BASES["fetched"][1])
    assert outcome.code == 0, outcome.text[-6000:]
    assert all((folder / target).is_file() for target in BASES["fetched"][1])


@pytest.mark.slow
def test_a_run_in_the_project_s_own_folder(project: Path) -> None:
    target = "results/miniature/probes/step-4/layer-1/qaa/pos.json"
    outcome = _run(project, project, MINIATURE, target, "results/miniature/bpc/step-0/qab.json")
    assert outcome.code == 0, outcome.text[-6000:]
    assert (project / target).is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"), [("a:b", "divides folders at ':'"), ("a{b}", "what is in braces")]
)
def test_another_name_of_the_project_s_folder_is_told(project: Path, name: str, told: str) -> None:
    other = project.with_name(name)
    shutil.copytree(project, other, ignore=shutil.ignore_patterns("results", ".snakemake"))
    outcome = _run(other, other, MINIATURE, "--dry-run")
    assert outcome.code != 0 and "Traceback" not in outcome.text
    assert f"{other / 'workflow'}: " in outcome.text and told in outcome.text
