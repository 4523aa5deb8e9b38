"""Settings of the languages and of the data that each task reads."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from chronoglot.settings.in_vitro import Typology
from chronoglot.settings.messages import name_pattern
from chronoglot.settings.section import Amount, Distinct, PathName, PathOfLanguage, Section, Shares

IN_VITRO = "in_vitro"
"""In the place of a folder of gold links: made by the generator."""


CODE = r"[a-z]{2,3}(_[A-Za-z0-9]{1,20})?"
_CODE = name_pattern(rf"^{CODE}$", "an ISO 639 code of two or three small letters, such as `fr`")
_PAIR = name_pattern(rf"^{CODE}-{CODE}$", "two codes of languages, such as `en-fr`")
_CODE_THERE = name_pattern(r"^[A-Za-z0-9_-]+$", "letters, digits, `_` and `-`, as in `zh-Hans`")
Code = Annotated[str, Field(pattern=_CODE)]
LanguagePair = Annotated[str, Field(pattern=_PAIR)]


class Text(Section):
    """Where a language's text lies: for pretraining and, held out, for `bpc`."""

    files: list[PathName] = Field(
        [], description="its files, plain or compressed (.gz, .bz2, .xz, .zst), in `folders.text`"
    )
    dataset: str | None = Field(
        None, description="a dataset with a file a language, such as `cc100`, instead of `files`"
    )
    code: Annotated[str, Field(pattern=_CODE_THERE)] | None = Field(
        None, description="the language's code there; null: its code here"
    )
    format: Literal["plain", "keyed"] = Field(
        "plain",
        description="`plain`: a paragraph a line, a blank line between documents; "
        "`keyed`: a line is `document#paragraph TAB text`",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "Text":
        if bool(self.files) == bool(self.dataset):
            raise ValueError("give either `files` or `dataset`")
        if self.code and not self.dataset:
            raise ValueError("code: belongs to `dataset`; drop it")
        return self


class Treebank(Section):
    """A treebank and how it becomes train, dev and test."""

    name: PathName = Field(description="the treebank's folder, in `folders.treebanks`")
    split: Literal["published", "document", "sentence"] = Field(
        "published",
        description="`published`: the treebank's own parts; `document`, `sentence`: its parts are "
        "pooled and divided by a hash of the document's or the sentence's id",
    )
    parts: Annotated[list[Literal["train", "dev", "test"]], Distinct] = Field(
        ["train", "dev", "test"], min_length=1, description="which of its parts to use"
    )
    hidden: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="sentences whose words are hidden, as where their licence forbids to publish "
        "them (`_` or `____` for a word): an error, or left out and counted",
    )
    shares: Shares = Field(
        (0.7, 0.1, 0.2), description="shares of train, dev and test where parts are pooled"
    )


class Language(Section):
    """A language: in vitro, or with real text, a real treebank or both.

    One without text is never seen in pretraining; one without a treebank has no part in the
    tasks that read one.
    """

    name: str = Field("", description="the language's name in figures and tables")
    script: str = Field("", description="its script; languages are grouped by it in figures")
    family: str = Field("", description="its family; languages are grouped by it in figures")
    in_vitro: Typology | None = Field(
        None, description="parameters of an invented language (instead of `text` and `treebank`)"
    )
    text: Text | None = Field(None, description="its pretraining text; null: none")
    treebank: Treebank | None = Field(None, description="its treebank; null: none")
    text_tokens: Amount | None = Field(
        None,
        description="tokens that the model was pretrained on, where that was not here; the "
        "correlates relate scores to it",
    )

    @model_validator(mode="after")
    def _one_origin(self) -> "Language":
        if self.in_vitro is not None and (self.text or self.treebank):
            raise ValueError("give either `in_vitro`, or `text` and `treebank`")
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

    text: PathName = Field("data/text", description="folder of the languages' text files")
    treebanks: PathName = Field("data/ud", description="folder with treebanks as in a UD release")
    xnli: PathName = Field("data/xnli", description="folder that `xnli`'s files are named in")
    alignments: PathName = Field(
        "data/alignments", description="folder of the folders of gold links"
    )


class Downloads(Section):
    """What is fetched if it is not in the `folders`; docs/downloads.md says how."""

    folder: PathName = Field("data/downloads", description="where it is kept, for all experiments")
    table: PathName | None = Field(
        None,
        description="a CSV file with columns as in workflow/chronoglot/data/fetch/datasets.csv, "
        "whose rows come beside that table's, or instead of those of the same name",
    )
    treebanks: str | None = Field(
        None, description="release of UD that treebanks are taken from, such as `ud-2.15`"
    )
    xnli: str | None = Field(
        None, description="dataset that the dev and test pairs are taken from: `xnli-1.0`"
    )
    xnli_train: str | None = Field(
        None, description="dataset that the training pairs are taken from: `xnli-mt-1.0`"
    )
    max_characters: Amount = Field(
        20_000_000,
        description="characters of text fetched a language: whole documents from the start",
    )


class Data(Section):
    """What is taken from every language's data."""

    heldout_share: float = Field(
        0.05, gt=0, lt=0.5, description="share of the documents kept out of pretraining"
    )
    max_characters: Amount | None = Field(
        None, description="characters of pretraining text a language at most; null: all"
    )
    max_train_words: Amount | None = Field(
        20_000, description="words of a treebank's train part at most, whole sentences; null: all"
    )
    max_train_pairs: Amount | None = Field(
        None, description="training pairs of `xnli` a language, the first of its file; null: all"
    )
    max_bpc_characters: Amount | None = Field(
        50_000,
        description="characters of held-out text that `bpc` is measured on, whole paragraphs from "
        "the start; null: all",
    )


class Xnli(Section):
    """Files of labelled sentence pairs, `{language}` in a name standing for each code."""

    languages: Annotated[list[Code], Distinct] = Field(
        [],
        description="languages with pairs, beside those in vitro, which all have some; one without "
        "a file of training pairs is only a target",
    )
    train: PathOfLanguage = Field(
        "XNLI-MT-1.0/multinli/multinli.train.{language}.tsv", description="training pairs"
    )
    dev: PathOfLanguage = Field("XNLI-1.0/xnli.dev.tsv", description="pairs to choose on")
    test: PathOfLanguage = Field("XNLI-1.0/xnli.test.tsv", description="pairs to score")


class Alignment(Section):
    """Gold word alignments and how links are found."""

    gold: dict[LanguagePair, PathName] = Field(
        {},
        description="pair of languages, such as `en-fr` → its folder in `folders.alignments`, or "
        "`in_vitro`",
    )
    method: Literal["argmax", "itermax"] = Field(
        "argmax",
        description="SimAlign's method whose F1 is the score; results of both are in the tables",
    )


class Transfer(Section):
    """Which probes are scored on which other languages."""

    sources: Annotated[list[Code], Distinct] | None = Field(
        None, description="languages whose probes are transferred; null: all; []: none"
    )
    targets: Annotated[list[Code], Distinct] | None = Field(
        None, description="languages that they are scored on; null: all; []: none"
    )
