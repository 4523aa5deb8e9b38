"""Settings of an experiment: one model, from which defaults, checks, schema and docs come.

Imports neither numpy nor torch, since Snakemake reads the settings on every dry run.
"""

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from chronoglot.runtime.errors import nearest
from chronoglot.settings.checkpoints import Checkpoints, Steps
from chronoglot.settings.data import (
    IN_VITRO,
    Alignment,
    Code,
    Data,
    Downloads,
    Folders,
    Language,
    Transfer,
    Xnli,
)
from chronoglot.settings.in_vitro import Generator
from chronoglot.settings.messages import name_pattern
from chronoglot.settings.section import Distinct, Layers, NotNegative, Positive, Section
from chronoglot.tasks import task_names


def _known_task(name: str) -> str:
    if name not in task_names():
        raise ValueError(f"unknown task {name!r}{nearest(name, task_names())}")
    return name


def _from_zero(steps: list[int]) -> list[int]:
    if steps[0] != 0:
        raise ValueError("the first step must be 0, the untrained model, baseline of every curve")
    return steps


_MOST_SEGMENTS = 10_000

TaskName = Annotated[str, AfterValidator(_known_task)]


class Tokenizer(Section):
    """The sentencepiece unigram model, trained on the run's own text."""

    vocabulary: Positive = Field(2_000, ge=16, description="number of subwords")
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

    steps: Annotated[Steps, AfterValidator(_from_zero)] = Field(
        description="the save schedule: the steps that become checkpoints, 0 first"
    )
    updates: Positive = Field(
        description="length of the run and end of the learning-rate schedule: another length is "
        "another run, so leave room for steps to come"
    )
    segment: Positive = Field(description="updates trained by one job")
    layers: Layers = Field(4, description="transformer blocks")
    dimension: Positive = Field(128, description="width of the hidden states")
    feedforward: Positive = Field(512, description="width of the blocks' inner layer")
    heads: Positive = Field(4, description="attention heads; divides `dimension`")
    examples: Literal["blocks", "paragraphs"] = Field(
        "blocks",
        description="training examples: `blocks` of running text, as XLM-R has them, or "
        "`paragraphs`, each an example; short ones suit short sentences and small models",
    )
    block: Positive = Field(
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
    warmup: NotNegative = Field(100, description="updates of linear warm-up")
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
        if self.mask_kept + self.mask_random > 1:
            raise ValueError(
                "mask_kept: it and mask_random are shares of the subwords to predict, which sum "
                f"to 1 at most, not {self.mask_kept + self.mask_random:g}"
            )
        segments = -(-self.steps[-1] // self.segment)
        if segments > _MOST_SEGMENTS:
            raise ValueError(
                f"segment: {self.segment} updates a job make {segments:,} jobs up to the last "
                f"step; raise it, so that there are {_MOST_SEGMENTS:,} at most"
            )
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
    pair_pooling: Literal["first", "mean"] = Field(
        "first",
        description="a sentence pair's vector: that of its first token, `<s>`, or the mean of its "
        "subwords'",
    )
    batch_tokens: Positive = Field(4_096, description="subwords in a forward pass")
    long: Literal["window", "refuse"] = Field(
        "window",
        description="sentences over the model's window: read in overlapping windows (pairs are "
        "shortened, and their number told), or an error",
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="where checkpoints are run")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32",
        description="what checkpoints compute in; bf16 is faster where the processor or the GPU "
        "has it, and changes the last digits of scores",
    )


class Probing(Section):
    """The linear probes."""

    layers: Annotated[list[NotNegative], Distinct] | None = Field(
        None, min_length=1, description="layers to probe, 0 the embeddings; null: all"
    )
    regularisation: Annotated[list[Annotated[float, Field(gt=0)]], Distinct] = Field(
        [1e-1, 1e-2, 1e-3, 1e-4],
        min_length=1,
        description="L2 strengths; the best on dev is taken",
    )
    layers_per_job: Positive | Literal["all"] = Field(
        1, description="layers that one job probes: more make fewer jobs of a large study, or `all`"
    )


class Analysis(Section):
    """The learning analyses."""

    learned_share: float = Field(
        0.98, gt=0, le=1, description="share of the best score at which something counts as learned"
    )
    permutations: Positive = Field(
        9_999, description="permutations behind each p-value of a correlation"
    )


class Settings(Section):
    """An experiment."""

    experiment: str = Field(
        pattern=name_pattern(
            r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
            "letters, digits, `.`, `_` and `-`, a letter or digit first",
        ),
        max_length=100,
        description="its name: results lie in results/<experiment>",
    )
    title: str = Field("", description="the report's title")
    seed: NotNegative = Field(1, description="seed of everything that is drawn")
    languages: dict[Code, Language] = Field(min_length=1, description="ISO 639 code → the language")
    tasks: Annotated[list[TaskName], Distinct] = Field(
        ["bpc", "pos", "arc_prediction", "arc_classification"],
        min_length=1,
        description="the tasks; docs/tasks.md defines them",
    )
    folders: Folders = Field(Folders(), description="where real data lies")
    downloads: Downloads = Field(Downloads(), description="data that is fetched if it is absent")
    in_vitro: Generator = Field(
        default_factory=Generator, description="what the in-vitro languages have in common"
    )
    data: Data = Field(Data(), description="what is taken from the data")
    xnli: Xnli = Field(Xnli(), description="labelled sentence pairs")
    alignment: Alignment = Field(Alignment(), description="gold word alignments")
    tokenizer: Tokenizer = Field(Tokenizer(), description="the subword tokenizer")
    pretraining: Pretraining | None = Field(
        None, description="the run; null: its checkpoints come from elsewhere"
    )
    checkpoints: Checkpoints = Field(
        Checkpoints(), description="checkpoints from elsewhere, and their verification"
    )
    encoding: Encoding = Field(Encoding(), description="words to vectors")
    probing: Probing = Field(Probing(), description="vectors to scores")
    transfer: Transfer = Field(Transfer(), description="scores across languages")
    analysis: Analysis = Field(Analysis(), description="scores to learning curves")

    @model_validator(mode="after")
    def _languages_exist(self) -> "Settings":
        named = {
            "xnli.languages": self.xnli.languages,
            "transfer.sources": self.transfer.sources or [],
            "transfer.targets": self.transfer.targets or [],
            **{f"alignment.gold.{pair}": pair.split("-") for pair in self.alignment.gold},
        }
        for where, codes in named.items():
            for code in codes:
                if code not in self.languages:
                    raise ValueError(
                        f"{where}: {code} is not one of the `languages`"
                        f"{nearest(code, list(self.languages))}"
                    )
        for pair, folder in self.alignment.gold.items():
            both = [self.languages[code].in_vitro is not None for code in pair.split("-")]
            if (folder == IN_VITRO) != all(both) or len(set(pair.split("-"))) < 2:
                raise ValueError(
                    f"alignment.gold.{pair}: give two in-vitro languages and `{IN_VITRO}`, "
                    "or two other languages and a folder"
                )
        return self

    @model_validator(mode="after")
    def _text_and_uses(self) -> "Settings":
        texts = [language.in_vitro or language.text for language in self.languages.values()]
        if self.pretraining and not any(texts):
            raise ValueError("languages: none has `text` to pretrain on")
        used = {code for pair in self.alignment.gold for code in pair.split("-")}
        used |= set(self.xnli.languages)
        for code, language in self.languages.items():
            if not (language.in_vitro or language.text or language.treebank or code in used):
                raise ValueError(
                    f"languages.{code}: give either `in_vitro`, or `text`, `treebank` or both"
                )
        return self

    @model_validator(mode="after")
    def _one_run(self) -> "Settings":
        if bool(self.pretraining) == bool(self.checkpoints.kind):
            raise ValueError(
                "give either `pretraining`, or one of `checkpoints.fairseq`, `checkpoints.hub` "
                "and `checkpoints.folder`"
            )
        return self

    @property
    def described_languages(self) -> str:
        """Name, script and family of every language, as JSON."""
        described = {code: language.described for code, language in self.languages.items()}
        return json.dumps(described, ensure_ascii=False)

    @property
    def typologies(self) -> str:
        """Parameters of the in-vitro languages, as JSON."""
        return json.dumps(
            {
                code: language.in_vitro.model_dump()
                for code, language in self.languages.items()
                if language.in_vitro
            }
        )

    @property
    def resolved(self) -> str:
        """All settings with their defaults, as JSON; folders left out, which are the machine's."""
        resolved = self.model_dump(mode="json", exclude={"folders"}, exclude_none=True)
        return json.dumps(resolved, ensure_ascii=False)

    @property
    def text_tokens(self) -> str:
        """Tokens that the model was pretrained on elsewhere, by language, as JSON."""
        languages = self.languages.items()
        return json.dumps({code: one.text_tokens for code, one in languages if one.text_tokens})
