"""A run, as far as planning needs to know it: its steps, its layers, where each checkpoint is.

Read by the Snakefile on every dry run, so nothing heavy is imported. Checkpoints are looked for
again each time: a run that is still being trained has more of them the next time.
"""

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from chronoglot.checkpoints.complete import is_whole
from chronoglot.checkpoints.find import divided, find_checkpoints, matching
from chronoglot.checkpoints.folders import (
    TOKENIZER_FILES,
    checkpoint_files,
    what_is_missing,
    why_never,
)
from chronoglot.checkpoints.size import check_layers, count_layers
from chronoglot.checkpoints.taken import changed
from chronoglot.data.fetch.missing import Needed
from chronoglot.encoding.families import read_config, refuse_bf16, refuse_causal, refuse_first
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.masquerade import is_pointer, masquerade
from chronoglot.runtime.urls import is_open, is_url
from chronoglot.settings.checkpoints import FairseqFiles, Folder, HubRevisions
from chronoglot.settings.model import Settings
from chronoglot.tasks import load_task

Kind = Literal["pretraining", "fairseq", "hub", "folder"]
"""What makes the checkpoints; the rules of each are in a file of its name."""


@dataclass(frozen=True)
class Run:
    """Where each checkpoint of a run comes from.

    `places`: step → its path, URL or revision, or a pattern of them with `{step}`, as the settings
    give it: that stays the same when a trainer removes an old checkpoint. `layers`: the model's
    transformer blocks. `example`: the folder of the checkpoint whose architecture and tokenizer an
    untrained model gets, where the run has none; it stays, whichever steps are added.
    `left_out`: step → why a checkpoint that is there in part is not taken (yet).
    """

    kind: Kind
    places: Mapping[int, str]
    layers: int
    example: str
    left_out: Mapping[int, str] = field(default_factory=dict)

    @property
    def steps(self) -> list[int]:
        """All steps, in order; 0 is always one."""
        return sorted({0, *self.places})

    @property
    def published(self) -> list[int]:
        """The steps that are published; if 0 is none of them, an untrained model is drawn."""
        return sorted(self.places)

    @property
    def published_steps(self) -> str:
        """A regular expression of the steps that can be asked for."""
        return "|".join(map(str, self.published)) if self.kind != "pretraining" else r"\d+"

    @property
    def is_fetched(self) -> bool:
        """Whether its files come from URLs."""
        return any(map(is_url, self.places.values()))

    def place(self, step: int) -> str:
        """Path, URL or revision of a step's checkpoint, `{step}` filled in; `*` is not."""
        return self.places[step].replace("{step}", str(step))


class Fault(NamedTuple):
    """Why a checkpoint is not complete, and whether it will be so for ever."""

    why: str
    for_ever: bool = False


def find_run(settings: Settings, results: str) -> Run:
    """The run of an experiment whose results lie in the folder `results`.

    Raises UserError if a checkpoint that the settings name is not there, or none is; and for what a
    folder's first model tells: that it cannot be encoded, has other layers or no tokenizer.
    """
    pretraining, given = settings.pretraining, settings.checkpoints
    if pretraining is not None:
        steps = dict.fromkeys(pretraining.steps, "")
        return Run("pretraining", steps, pretraining.layers, _model(results, 0))
    if given.fairseq:
        places, left_out = _files(given.fairseq, results)
        example = _example(places, results)
        return Run("fairseq", places, given.layers or 0, example, left_out)
    if given.hub:
        if not given.hub.endpoint and is_open(server := os.environ.get("HF_ENDPOINT", "")):
            raise UserError(
                f"HF_ENDPOINT: {server} is plain http, where others can change what comes; set it "
                "to an https URL"
            )
        if given.hub.tokenizer:
            _check_tokenizer(given.hub.tokenizer, "checkpoints.hub")
        places = _revisions(given.hub)
        return Run("hub", places, given.layers or 0, _example(places, results))
    assert given.folder is not None
    places, left_out = _folders(given.folder, results)
    model = _local_model(places, results)
    _check_tokenizer(given.folder.tokenizer or model, "checkpoints.folder")
    read_config(model)
    if "bpc" in settings.tasks:
        refuse_causal(model)
    if settings.encoding.precision == "bf16":
        refuse_bf16(model)
    of_pairs = any(load_task(name).data == "pairs" for name in settings.tasks)
    if of_pairs and settings.encoding.pair_pooling == "first":
        refuse_first(model)
    check_layers(model, given.layers)
    return Run("folder", places, count_layers(model), _example(places, results), left_out)


def _revisions(hub: HubRevisions) -> dict[int, str]:
    if isinstance(hub.revisions, dict):
        return hub.revisions
    return dict.fromkeys(hub.steps or [], hub.revisions)


def _files(fairseq: FairseqFiles, results: str) -> tuple[dict[int, str], dict[int, str]]:
    for name in ("tokenizer", "dictionary"):
        path = getattr(fairseq, name)
        if path and not Path(path).is_file():
            raise UserError(f"checkpoints.fairseq.{name}: there is no file {path}")
    files, key = fairseq.files, "checkpoints.fairseq.files"
    if isinstance(files, dict):
        for step, name in files.items():
            if is_url(name):
                continue
            if not Path(name).is_file():
                if not _is_taken(results, step):
                    raise UserError(f"{key}.{step}: there is no file {name}")
            elif _is_taken(results, step):
                _refuse_another(results, step, [Path(name)], f"{key}.{step}")
        return files, {}
    if is_url(files):
        return dict.fromkeys(fairseq.steps or [], files), {}
    return _local(
        files, fairseq.steps, results, key, _fault_of_file, lambda path: [path], divided(files)
    )


def _fault_of_file(path: Path) -> Fault | None:
    if is_whole(path):
        return None
    what = masquerade(path)
    if what and (is_pointer(path) or "HTML" in what):
        return Fault(f"{path.name} is {what}", for_ever=True)
    return Fault(f"no end of {path.name}")


def _folders(folder: Folder, results: str) -> tuple[dict[int, str], dict[int, str]]:
    pattern = str(Path(folder.path) / folder.pattern)

    def fault(path: Path) -> Fault | None:
        if never := why_never(path):
            return Fault(never, for_ever=True)
        missing = what_is_missing(path)
        return Fault(missing) if missing else None

    tokenizer = Path(folder.tokenizer) if folder.tokenizer else None

    def files(path: Path) -> list[Path]:
        return checkpoint_files(path, tokenizer)

    return _local(pattern, folder.steps, results, "checkpoints.folder", fault, files)


def _check_tokenizer(folder: str | Path, key: str) -> None:
    if not any(Path(folder, name).is_file() for name in TOKENIZER_FILES):
        raise UserError(f"{key}.tokenizer: {folder} has no tokenizer; name a folder that has one")


def _local(
    pattern: str,
    steps: list[int] | None,
    results: str,
    key: str,
    fault: Callable[[Path], Fault | None],
    files: Callable[[Path], list[Path]],
    parts: Mapping[int, Path] | None = None,
) -> tuple[dict[int, str], dict[int, str]]:
    """Checkpoints that are complete, and why others are not.

    Those taken before count too, since a trainer may have removed them; one that is still there
    must consist of the same `files`. `parts` are files that hold each a part of a step's
    checkpoint.
    """
    taken = {step for step in matching(_model(results, "{step}")) if _is_taken(results, step)}
    parts = parts or {}
    try:
        there = matching(pattern) if taken or parts else find_checkpoints(pattern)
    except UserError as error:
        raise UserError(f"{key}: {error}") from None
    faults = {step: found for step, path in there.items() if (found := fault(path))}
    for step in sorted(taken & (there.keys() - faults)):
        if steps is None or step in steps:
            _refuse_another(results, step, files(there[step]), key)
    faults |= {
        step: Fault(f"{path.name} is one part of it alone: put the parts together", for_ever=True)
        for step, path in parts.items()
        if step not in there
    }
    faults = {step: found for step, found in faults.items() if step not in taken}
    known = taken | (there.keys() - faults)
    wanted = set(steps if steps is not None else known | faults.keys())
    for step in sorted(wanted):
        if step not in known and (steps is not None or faults[step].for_ever):
            found = faults.get(step)
            what = f"is not complete: {found.why}" if found else "is not there"
            listing = (
                "; mend it, or list in `steps` those to do without it"
                if found and found.for_ever
                else ""
            )
            raise UserError(f"{key}: the checkpoint of step {step} {what} at {pattern}{listing}")
    if not known:
        reasons = "".join(f"\n    step {step}: {found.why}" for step, found in faults.items())
        raise UserError(
            f"{key}: no checkpoint at {pattern} is complete; run again when one is{reasons}"
        )
    left_out = {step: found.why for step, found in sorted(faults.items()) if step in wanted}
    return dict.fromkeys(sorted(steps or known), pattern), left_out


def _refuse_another(results: str, step: int, files: list[Path], key: str) -> None:
    folder = Path(results, f"checkpoints/step-{step}")
    if difference := changed(folder, files):
        raise UserError(
            f"{key}: another checkpoint of step {step} lies there than was taken: {difference}; if "
            f"the run was trained again, give it another `experiment` name, or delete {results} to "
            f"begin anew; if this step alone was mended, delete {folder}"
        )


def _model(results: str, step: int | str) -> str:
    return f"{results}/checkpoints/step-{step}/model"


def _is_taken(results: str, step: int) -> bool:
    """Whether a checkpoint was taken before; one that was drawn was not."""
    model = Path(_model(results, step))
    return (model / "manifest.json").is_file() and "untrained" not in _read(model / "source.json")


def _local_model(places: Mapping[int, str], results: str) -> Path:
    """The folder of the first checkpoint."""
    for step, pattern in places.items():
        # One that was removed where it was lies where it was taken to.
        for folder in (matching(pattern).get(step), Path(_model(results, step))):
            if folder and (folder / "config.json").is_file():
                return folder
    raise UserError("checkpoints.folder: all checkpoints were just removed; run again")


def _example(places: Mapping[int, str], results: str) -> str:
    """The folder that step 0 was drawn after, or else will be."""
    example = str(_read(Path(_model(results, 0), "source.json")).get("like", ""))
    drawn = example and Path(example, "manifest.json").is_file()
    return example if drawn else _model(results, min(places))


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def missing_checkpoints(
    run: Run, settings: Settings, results: str, outputs: Collection[Path]
) -> list[Needed]:
    """What has to be fetched of a run's checkpoints for jobs that make these files."""
    if run.kind == "fairseq":
        files = {
            Path(results, f"checkpoints/step-{step}/checkpoint.pt"): step for step in run.places
        }
        return [
            Needed(path, run.place(step))
            for path, step in files.items()
            if path in outputs and is_url(run.place(step))
        ]
    hub = settings.checkpoints.hub
    models = {Path(_model(results, step), "manifest.json") for step in run.places}
    if not hub or models.isdisjoint(outputs):
        return []
    from huggingface_hub.constants import ENV_VARS_TRUE_VALUES

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ENV_VARS_TRUE_VALUES:
        return []
    server = hub.endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    cache = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser() / "hub"
    name = f"models--{hub.repository.replace('/', '--')}"
    return [Needed(cache / name, f"{server}/{hub.repository}")]
