"""Every setting has an effect: with another value of it some job has another command."""

import contextlib
import copy
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from chronoglot.settings.model import Settings
from conftest import IN_VITRO, MINIATURE, ROOT
from pydantic import BaseModel
from snakemake.cli import main

pytestmark = pytest.mark.slow

FOR_PEOPLE = {"title"}
"""Stands in the report alone, whose command holds all settings and is not looked at here."""

OTHER_DATASETS = {"cc100": "cc100-other", "xnli-1.0": "xnli-other", "xnli-mt-1.0": "mt-other"}
TREEBANKS = ("UD_German-GSD", "UD_French-GSD")
HERE = MINIATURE | {
    "pretraining": MINIATURE["pretraining"] | {"steps": [0, 4]},
    "alignment": {"gold": {"qaa-qab": "in_vitro"}},
}
ELSEWHERE: dict[str, Any] = {
    "experiment": "x",
    "tasks": ["bpc", "pos", "xnli", "alignment"],
    "languages": {
        "de": {"text": {"files": ["a.txt"]}, "treebank": {"name": "UD_German-GSD"}},
        "fr": {"treebank": {"name": "UD_French-GSD", "split": "sentence"}},
    },
    "xnli": {"languages": ["de"], "train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"},
    "alignment": {"gold": {"de-fr": "gold"}},
    "folders": {"text": "one", "treebanks": "one", "xnli": "one", "alignments": "one"},
}
FETCHED: dict[str, Any] = {
    "experiment": "x",
    "tasks": ["bpc", "pos", "xnli"],
    "languages": {"de": {"text": {"dataset": "cc100"}, "treebank": {"name": "UD_German-HDT"}}},
    "downloads": {"treebanks": "ud-2.15", "xnli": "xnli-1.0", "xnli_train": "xnli-mt-1.0"}
    | {"table": "table.csv"},
    "xnli": {"languages": ["de"]},
    "checkpoints": {"layers": 1, "hub": {"repository": "a/b", "steps": [1]}},
}
FAIRSEQ = {"layers": 1, "fairseq": {"files": "{step}.pt", "tokenizer": "m", "dictionary": "d"}}
HUB = {"layers": 1, "hub": {"repository": "a/b", "steps": [1]}}
FOLDER = {"folder": {"path": "one", "pattern": "checkpoint-{step}", "tokenizer": "one"}}
BASES = {
    "here": HERE,
    "fetched": FETCHED,
    "fairseq": ELSEWHERE | {"checkpoints": FAIRSEQ},
    "hub": ELSEWHERE | {"checkpoints": HUB},
    "folder": ELSEWHERE | {"checkpoints": FOLDER},
}

# Setting → base, and another value of it, where neither can be told from its type.
OTHER: dict[str, tuple[str, Any]] = {
    "experiment": ("here", "y"),
    "tasks": ("here", ["pos"]),
    "languages.<code>.name": ("hub", "Deutsch"),
    "languages.<code>.script": ("hub", "Latin"),
    "languages.<code>.family": ("hub", "Germanic"),
    "languages.<code>.text_tokens": ("hub", 5),
    "languages.<code>.in_vitro.words": ("here", 3000),
    "languages.<code>.text.files": ("hub", ["b.txt"]),
    "languages.<code>.text.dataset": ("fetched", "cc100-other"),
    "languages.<code>.text.code": ("fetched", "de_AT"),
    "languages.<code>.text.format": ("hub", "keyed"),
    "languages.<code>.treebank.name": ("hub", "UD_French-GSD"),
    "languages.<code>.treebank.split": ("hub", "document"),
    "languages.<code>.treebank.hidden": ("hub", "leave_out"),
    "languages.<code>.treebank.parts": ("hub/fr", ["train", "dev"]),
    "languages.<code>.treebank.shares": ("hub/fr", [0.8, 0.1, 0.1]),
    "downloads.folder": ("fetched", "elsewhere"),
    "downloads.table": ("fetched", None),
    "downloads.treebanks": ("fetched", "ud-2.16"),
    "downloads.xnli": ("fetched", "xnli-other"),
    "downloads.xnli_train": ("fetched", "mt-other"),
    "downloads.max_characters": ("fetched", 1000),
    "data.max_bpc_characters": ("here", 900),
    "xnli.languages": ("hub", ["de", "fr"]),
    "alignment.gold": ("hub", {"de-fr": "other"}),
    "pretraining.steps": ("here", [0]),
    "pretraining.dimension": ("here", 32),
    "pretraining.heads": ("here", 4),
    "pretraining.accumulation": ("here", 2),
    "pretraining.precision": ("here", "bf16"),
    "checkpoints.layers": ("hub", 2),
    "checkpoints.dataset": ("hub", "ud-2.15"),
    "checkpoints.accept": ("hub", ["identical:0:1"]),
    "checkpoints.fairseq.files": ("fairseq", {1: "other.pt"}),
    "checkpoints.fairseq.steps": ("fairseq", [1]),
    "checkpoints.fairseq.tokenizer": ("fairseq", "other.pt"),
    "checkpoints.fairseq.dictionary": ("fairseq", "other.pt"),
    "checkpoints.hub.repository": ("hub", "a/c"),
    "checkpoints.hub.revisions": ("hub", "other-{step}"),
    "checkpoints.hub.steps": ("hub", [1, 2]),
    "checkpoints.hub.endpoint": ("hub", "https://hub.example"),
    "checkpoints.hub.tokenizer": ("hub", "one"),
    "checkpoints.folder.path": ("folder", "two"),
    "checkpoints.folder.pattern": ("folder", "other-{step}"),
    "checkpoints.folder.steps": ("folder", [1]),
    "checkpoints.folder.tokenizer": ("folder", "two"),
    "probing.layers": ("here", [1]),
    "probing.regularisation": ("here", [0.123456789]),
    "transfer.sources": ("here", ["qaa"]),
    "transfer.targets": ("here", ["qaa"]),
    **{f"folders.{name}": ("hub", "two") for name in ("text", "treebanks", "xnli", "alignments")},
    **{f"xnli.{split}": ("hub", "other.tsv") for split in ("train", "dev", "test")},
}


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting that is no section, with its type."""
    for name, field in model.model_fields.items():
        annotation, key = field.annotation, f"{prefix}{name}"
        if isinstance(annotation, GenericAlias) and name == "languages" and not prefix:
            key += ".<code>"
        kinds = [annotation, *get_args(annotation)]
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if section:
            yield from _leaves(section, f"{key}.")
        else:
            yield key, annotation


LEAVES = dict(_leaves(Settings))


def _another(annotation: Any, value: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is Literal:
        return next(kind for kind in kinds if kind != value)
    if annotation is bool:
        return not value
    if annotation is float:
        return value * 0.99 if value else 0.05
    if annotation is int or int in kinds or any(get_args(k)[:1] == (int,) for k in kinds):
        return (value or 1000) + 1
    return f"{value}x"


def _files(folder: Path) -> None:
    """What the configurations name, so that it is found."""
    for place in ("one", "two"):
        root = folder / place
        for treebank, code in zip(TREEBANKS, ("de", "fr"), strict=True):
            (root / treebank).mkdir(parents=True)
            for part in ("train", "dev", "test"):
                (root / treebank / f"{code}_gsd-ud-{part}.conllu").touch()
        for gold in ("gold", "other"):
            (root / gold).mkdir()
            (root / gold / "sentences.txt").touch()
            (root / gold / "gold.txt").touch()
        for name in ("train", "dev", "test", "other"):
            (root / f"{name}.tsv").touch()
        for name in ("a", "b"):
            (root / f"{name}.txt").touch()
        (root / "tokenizer.json").write_text("{}")
        for name in ("checkpoint-1", "checkpoint-2", "other-1"):
            model = root / name
            model.mkdir()
            (model / "config.json").write_text(
                '{"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8}'
            )
            (model / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
            (model / "tokenizer.json").write_text("{}")
    for name in ("1.pt", "2.pt", "other.pt", "m", "d"):
        (folder / name).write_bytes(b"\x80")
    with (ROOT / "workflow/chronoglot/data/fetch/datasets.csv").open(encoding="utf-8") as table:
        known = {row["name"]: row for row in csv.DictReader(table)}
    others = [known[name] | {"name": other} for name, other in OTHER_DATASETS.items()]
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, others[0])
        writer.writeheader()
        writer.writerows(others)


def _commands(config: dict[str, Any], folder: Path) -> set[str]:
    """The commands of all jobs that a dry run plans, but that of the report."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    arguments = ["--snakefile", str(ROOT / "workflow/Snakefile"), "--directory", str(folder)]
    arguments += ["--configfile", str(path), "--dry-run", "--printshellcmds"]
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as end,
    ):
        main(arguments)
    assert end.value.code == 0, said.getvalue()[-3000:]
    commands = re.findall(r"python -m chronoglot (?!report ).*", said.getvalue())
    assert len(commands) > 10
    return set(commands)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    _files(folder)
    return folder


@pytest.fixture(scope="module")
def planned(there: Path) -> dict[str, set[str]]:
    """The commands of each configuration as it is."""
    return {name: _commands(copy.deepcopy(BASES[name]), there) for name in BASES}


@pytest.mark.parametrize("key", [key for key in LEAVES if key not in FOR_PEOPLE])
def test_a_setting_has_an_effect(key: str, there: Path, planned: dict[str, set[str]]) -> None:
    where, value = OTHER.get(key, ("here", None))
    base, _, code = where.partition("/")
    config = copy.deepcopy(BASES[base])
    code = code or next(iter(config["languages"]))
    section: Any = config
    *names, last = key.replace("<code>", code).split(".")
    for name in names:
        section = section.setdefault(name, {})
    if key in OTHER:
        assert section.get(last) != value
        section[last] = value
    else:
        settings: Any = Settings.model_validate(config)
        for name in names:
            settings = settings[name] if isinstance(settings, dict) else getattr(settings, name)
        section[last] = _another(LEAVES[key], getattr(settings, last))
    assert _commands(config, there) != planned[base]


def test_settings_that_are_named_here_exist() -> None:
    assert {*OTHER, *FOR_PEOPLE} <= set(LEAVES)
    assert IN_VITRO.keys() <= {key.rpartition(".")[2] for key in LEAVES}
