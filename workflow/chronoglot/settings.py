"""Settings of an experiment: one model, from which defaults, checks, schema and docs come.

Imports neither numpy nor torch, since Snakemake reads the settings on every dry run.
"""

from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from chronoglot.data.in_vitro.typology import Generator, Typology
from chronoglot.tasks import task_names


def _known_task(name: str) -> str:
    if name not in task_names():
        raise ValueError(f"unknown task {name!r}{nearest(name, task_names())}")
    return name


def nearest(name: str, known: list[str]) -> str:
    """The end of a message: the known name that is nearest, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _ascending(steps: list[int]) -> list[int]:
    for earlier, later in pairwise(steps):
        if later <= earlier:
            raise ValueError(f"not sorted: {later} follows {earlier}; list each step once")
    if not steps or steps[0] != 0:
        raise ValueError("the first step must be 0, the untrained model, baseline of every curve")
    return steps


def _shares(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise ValueError(f"shares of train, dev and test are positive and sum to 1, not {shares}")
    return shares


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Shares = Annotated[tuple[float, float, float], AfterValidator(_shares)]
TaskName = Annotated[str, AfterValidator(_known_task)]
Code = Annotated[str, Field(pattern=r"^[a-z]{2,3}([_-][A-Za-z0-9]+)?$")]


class Section(BaseModel):
    """A part of the settings; keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Section):
    """Where a language's pretraining text lies."""

    files: list[str] = Field(min_length=1, description="its files, plain or .xz, in `folders.text`")
    format: Literal["plain", "keyed"] = Field(
        "plain",
        description="`plain`: a paragraph a line, a blank line between documents; "
        "`keyed`: a line is `document#paragraph TAB text`",
    )


class Treebank(Section):
    """A treebank and how it becomes train, dev and test."""

    name: str = Field(description="the treebank's folder, in `folders.treebanks`")
    split: Literal["published", "document", "sentence"] = Field(
        "published",
        description="`published`: the treebank's own parts; `document`, `sentence`: its parts are "
        "pooled and divided by a hash of the document's or the sentence's id",
    )
    parts: list[Literal["train", "dev", "test"]] = Field(
        ["train", "dev", "test"], min_length=1, description="which of its parts to use"
    )
    shares: Shares = Field(
        (0.7, 0.1, 0.2), description="shares of train, dev and test where parts are pooled"
    )


class Language(Section):
    """A language: either in vitro, or with real text and a real treebank."""

    name: str = Field("", description="the language's name in figures and tables")
    script: str = Field("", description="its script; languages are grouped by it in figures")
    family: str = Field("", description="its family; languages are grouped by it in figures")
    in_vitro: Typology | None = Field(
        None, description="parameters of an invented language (instead of `text` and `treebank`)"
    )
    text: Text | None = Field(None, description="its pretraining text")
    treebank: Treebank | None = Field(None, description="its treebank")

    @model_validator(mode="after")
    def _one_source(self) -> "Language":
        if (self.in_vitro is None) == (self.text is None and self.treebank is None):
            raise ValueError("give either `in_vitro`, or `text` and `treebank`")
        if self.in_vitro is None and (self.text is None or self.treebank is None):
            missing = "text" if self.text is None else "treebank"
            raise ValueError(f"`{missing}` is missing")
        return self

    @property
    def described(self) -> dict[str, str]:
        """Its name, script and family; an in-vitro language's own where they are not given."""
        invented = self.in_vitro
        return {
            "name": self.name or (invented.name if invented else ""),
            "script": self.script or (invented.script.capitalize() if invented else ""),
            "family": self.family or (invented.family if invented else ""),
        }


class Folders(Section):
    """Where real data lies; relative to the working folder."""

    text: str = Field("data/text", description="folder of the languages' text files")
    treebanks: str = Field("data/ud", description="folder with treebanks as in a UD release")


class Data(Section):
    """What is taken from every language's data."""

    heldout_share: float = Field(
        0.05, gt=0, lt=0.5, description="share of the documents kept out of pretraining"
    )
    max_characters: Positive | None = Field(
        None, description="characters of pretraining text a language at most; null: all"
    )
    max_train_words: Positive | None = Field(
        20_000, description="words of a treebank's train part at most, whole sentences; null: all"
    )


class Tokenizer(Section):
    """The sentencepiece unigram model, trained on the run's own text."""

    vocabulary: int = Field(2_000, ge=16, description="number of subwords")
    alpha: float = Field(
        0.3, gt=0, le=1, description="exponent of the languages' shares of its training text"
    )
    sentences: Positive | None = Field(
        200_000, description="paragraphs sampled from all languages together; null: all"
    )
    character_coverage: float = Field(
        0.9995, ge=0.98, le=1, description="share of characters that the vocabulary covers"
    )


class Pretraining(Section):
    """The fairseq run: XLM-R's recipe, scaled."""

    steps: Annotated[list[Annotated[int, Field(ge=0)]], AfterValidator(_ascending)] = Field(
        description="the save schedule: the steps that become checkpoints, 0 first"
    )
    updates: Positive = Field(
        description="length of the run and end of the learning-rate schedule: another length is "
        "another run, so leave room for steps to come"
    )
    segment: Positive = Field(description="updates trained by one job")
    layers: Positive = Field(4, description="transformer blocks")
    dimension: Positive = Field(128, description="width of the hidden states")
    feedforward: Positive = Field(512, description="width of the blocks' inner layer")
    heads: Positive = Field(4, description="attention heads; divides `dimension`")
    examples: Literal["blocks", "paragraphs"] = Field(
        "blocks",
        description="training examples: `blocks` of running text, as XLM-R has them, or "
        "`paragraphs`, each an example; short ones suit short sentences and small models",
    )
    block: int = Field(
        64,
        ge=8,
        description="subwords in a training example, at most, and the model's window: positions "
        "beyond would never be trained",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of hidden states and attention")
    mask: float = Field(0.15, gt=0, lt=1, description="share of the subwords to predict")
    mask_kept: float = Field(0.1, ge=0, lt=1, description="share of those left as they are")
    mask_random: float = Field(0.1, ge=0, lt=1, description="share of those made another subword")
    alpha: float = Field(0.3, gt=0, le=1, description="exponent of the languages' sampling shares")
    batch: Positive = Field(32, description="training examples in one update")
    accumulation: Positive = Field(1, description="passes that an update is split into")
    learning_rate: float = Field(1e-3, gt=0, description="peak of the learning rate")
    warmup: Annotated[int, Field(ge=0)] = Field(100, description="updates of linear warm-up")
    weight_decay: float = Field(0.01, ge=0, description="decoupled weight decay")
    clip_norm: float = Field(0.0, ge=0, description="gradient norm clipped to this; 0: not")
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the run is trained")
    precision: Literal["fp32", "fp16", "bf16"] = Field("fp32", description="precision of training")
    threads: Positive = Field(1, description="processor threads; another number changes last bits")
    validate_every: Positive = Field(250, description="updates between losses on held-out text")
    log_every: Positive = Field(25, description="updates between rows of the training loss")

    @model_validator(mode="after")
    def _consistent(self) -> "Pretraining":
        if self.steps[-1] > self.updates:
            raise ValueError(
                f"steps: {self.steps[-1]} lies beyond the run of {self.updates} updates; "
                "drop it, or raise `updates` (which is another run)"
            )
        if self.dimension % self.heads:
            raise ValueError(f"heads: {self.heads} does not divide dimension {self.dimension}")
        if self.batch % self.accumulation:
            raise ValueError(
                f"accumulation: {self.accumulation} does not divide batch {self.batch}"
            )
        if self.warmup >= self.updates:
            raise ValueError(f"warmup: {self.warmup} does not end before updates {self.updates}")
        if self.precision == "fp16" and self.device == "cpu":
            raise ValueError("precision: fp16 needs `device: cuda`")
        return self


class Encoding(Section):
    """How a frozen checkpoint turns sentences into word vectors."""

    pooling: Literal["mean", "first", "last"] = Field(
        "mean", description="a word's vector from its subwords'"
    )
    batch_tokens: Positive = Field(4_096, description="subwords in a forward pass, with padding")
    long: Literal["window", "refuse"] = Field(
        "window", description="sentences over the model's window: overlapping windows, or an error"
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="where checkpoints are run")


class Probing(Section):
    """The linear probes."""

    tasks: list[TaskName] = Field(
        ["pos", "arc_prediction", "arc_classification"],
        min_length=1,
        description="the tasks; docs/tasks.md defines them",
    )
    layers: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, description="layers to probe, 0 the embeddings; null: all"
    )
    regularisation: list[Annotated[float, Field(gt=0)]] = Field(
        [1e-1, 1e-2, 1e-3, 1e-4],
        min_length=1,
        description="L2 strengths; the best on dev is taken",
    )


class Analysis(Section):
    """The learning analyses."""

    learned_share: float = Field(
        0.98, gt=0, le=1, description="share of the best score at which something counts as learned"
    )


class Settings(Section):
    """An experiment."""

    experiment: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="its name: results lie in results/<experiment>",
    )
    title: str = Field("", description="the report's title")
    seed: int = Field(1, ge=0, description="seed of everything that is drawn")
    languages: dict[Code, Language] = Field(min_length=1, description="ISO 639 code → the language")
    folders: Folders = Field(Folders(), description="where real data lies")
    in_vitro: Generator = Field(
        default_factory=Generator, description="what the in-vitro languages have in common"
    )
    data: Data = Field(Data(), description="what is taken from the data")
    tokenizer: Tokenizer = Field(Tokenizer(), description="the subword tokenizer")
    pretraining: Pretraining = Field(description="the run")
    encoding: Encoding = Field(Encoding(), description="words to vectors")
    probing: Probing = Field(Probing(), description="vectors to scores")
    analysis: Analysis = Field(Analysis(), description="scores to learning curves")

    @model_validator(mode="after")
    def _layers_exist(self) -> "Settings":
        for layer in self.probing.layers or []:
            if layer > self.pretraining.layers:
                raise ValueError(
                    f"probing.layers: there is no layer {layer}; "
                    f"the model has 0 to {self.pretraining.layers}"
                )
        return self

    @property
    def layers(self) -> list[int]:
        """The layers to probe."""
        if self.probing.layers is not None:
            return self.probing.layers
        return list(range(self.pretraining.layers + 1))
