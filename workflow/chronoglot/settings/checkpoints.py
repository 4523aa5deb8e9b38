"""Settings of where a run's checkpoints come from, if not from pretraining here."""

import re
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from chronoglot.runtime.urls import is_open, is_url
from chronoglot.settings.section import Layers, NotNegative, PathName, PathOfStep, Section

Step = NotNegative


def ascending(steps: list[int]) -> list[int]:
    """The steps, if each is greater than the one before; raises ValueError otherwise."""
    for earlier, later in pairwise(steps):
        if later <= earlier:
            raise ValueError(f"not sorted: {later} follows {earlier}; list each step once")
    return steps


def _with_step(pattern: str) -> str:
    if "{step}" not in pattern:
        raise ValueError("has no {step}, which stands for the number of updates")
    return pattern


def _protected(url: str) -> str:
    if is_open(url):
        raise ValueError(f"{url!r} is plain http, where others can change what comes; write https")
    return url


def _owned(repository: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repository, re.ASCII):
        raise ValueError(
            f"write it as `owner/name`, as in its address on the hub, not {repository!r}"
        )
    return repository


def _number(key: object) -> object:
    """Keys of JSON are texts."""
    return int(key) if isinstance(key, str) and key.isdecimal() and key.isascii() else key


StepKey = Annotated[Step, BeforeValidator(_number)]
Steps = Annotated[list[Step], Field(min_length=1), AfterValidator(ascending)]
Pattern = Annotated[str, AfterValidator(_with_step)]
PathPattern = Annotated[PathOfStep, AfterValidator(_with_step), AfterValidator(_protected)]
Place = Annotated[PathName, AfterValidator(_protected)]
# Told apart before they are checked, so that a mistake in one is not reported of both.
_KIND = Discriminator(lambda value: "[map]" if isinstance(value, dict) else "[pattern]")
Named = Annotated[
    Annotated[Pattern, Tag("[pattern]")] | Annotated[dict[StepKey, str], Tag("[map]")], _KIND
]
NamedPaths = Annotated[
    Annotated[PathPattern, Tag("[pattern]")] | Annotated[dict[StepKey, Place], Tag("[map]")],
    _KIND,
]


def _listed_once(names: object, steps: list[int] | None, key: str) -> None:
    """Raise ValueError unless the steps are told once: by a map, or beside a pattern."""
    if isinstance(names, dict) and steps is not None:
        raise ValueError(f"steps: the map in `{key}` has them already; drop one of the two")
    if names == {}:
        raise ValueError(f"{key}: empty; name at least one checkpoint")


class FairseqFiles(Section):
    """Checkpoints that fairseq saved: RoBERTa or XLM-R, fairseq 0.9 to 0.12."""

    files: NamedPaths = Field(
        description="pattern of paths or of URLs, `{step}` standing for the step and, in paths, "
        "`*` for anything within a name; or a map from steps to paths or URLs"
    )
    steps: Steps | None = Field(
        None, description="which steps; null: all that match the pattern, of paths alone"
    )
    tokenizer: PathName | None = Field(
        None, description="path of the sentencepiece model; null: XLM-R's own, which is fetched"
    )
    dictionary: PathName | None = Field(
        None,
        description="path of fairseq's dictionary, dict.txt; null: subwords are numbered in the "
        "tokenizer's order, as XLM-R's are",
    )

    @model_validator(mode="after")
    def _steps_are_known(self) -> "FairseqFiles":
        _listed_once(self.files, self.steps, "files")
        if isinstance(self.files, str) and is_url(self.files) and self.steps is None:
            raise ValueError("steps: missing; what lies at a URL cannot be listed")
        if isinstance(self.files, str) and is_url(self.files) and "*" in self.files:
            raise ValueError("files: `*` cannot be looked up in a URL; only {step} can stand there")
        return self


class HubRevisions(Section):
    """Revisions of a repository on the Hugging Face hub."""

    repository: Annotated[str, AfterValidator(_owned)] = Field(description="`owner/name`")
    revisions: Named = Field(
        "step{step}", description="pattern of the revisions' names, or a map from steps to names"
    )
    steps: Steps | None = Field(None, description="which steps, if `revisions` is a pattern")
    endpoint: Annotated[str, AfterValidator(_protected)] | None = Field(
        None, description="another hub's address; null: HF_ENDPOINT"
    )
    tokenizer: PathName | None = Field(
        None, description="folder with the tokenizer, where the revisions hold none"
    )

    @model_validator(mode="after")
    def _steps_are_known(self) -> "HubRevisions":
        _listed_once(self.revisions, self.steps, "revisions")
        if isinstance(self.revisions, str) and self.steps is None:
            raise ValueError("steps: missing; list the steps of the revisions to take")
        return self


class Folder(Section):
    """Checkpoints in the layout of `transformers`, one folder each, as its Trainer saves them."""

    path: PathName = Field(description="the folder that the checkpoints' folders lie in")
    pattern: PathPattern = Field(
        "checkpoint-{step}", description="names of the checkpoints' folders"
    )
    steps: Steps | None = Field(
        None, description="which steps; null: all that are complete, so that a run can go on"
    )
    tokenizer: PathName | None = Field(
        None, description="folder with the tokenizer, where the checkpoints hold none"
    )


class Checkpoints(Section):
    """Where the checkpoints come from, without `pretraining`, and how they are verified."""

    fairseq: FairseqFiles | None = Field(None, description="files that fairseq saved")
    hub: HubRevisions | None = Field(None, description="revisions on the Hugging Face hub")
    folder: Folder | None = Field(None, description="folders as `transformers` saves them")
    layers: Layers | None = Field(
        None,
        description="transformer blocks of the model; null: as the first checkpoint of `folder` "
        "says, or `pretraining.layers`",
    )
    dataset: str | None = Field(
        None, description="the checkpoints' row in the table of datasets, for what to cite"
    )
    accept: list[str] = Field(
        [],
        description="findings of `verify` to let pass, by the name that it gives them; "
        "docs/checkpoints.md lists the kinds",
    )

    @property
    def kind(self) -> Literal["fairseq", "hub", "folder"] | None:
        """The one that is given."""
        return next((name for name in ("fairseq", "hub", "folder") if getattr(self, name)), None)

    @model_validator(mode="after")
    def _one_kind(self) -> "Checkpoints":
        given = [name for name in ("fairseq", "hub", "folder") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; a run has one kind of checkpoints")
        if self.layers is None and given in (["fairseq"], ["hub"]):
            raise ValueError("layers: missing; say how many transformer blocks the model has")
        if self.layers is not None and not given:
            raise ValueError("layers: `pretraining.layers` says it; drop this one")
        return self
