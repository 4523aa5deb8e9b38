"""Where the data of each language lies; files that are named but missing are reported here."""

from pathlib import Path

from chronoglot.data.locate import PHARAOH, choose_parts, find_gold
from chronoglot.planning.downloads import Downloads
from chronoglot.runtime.errors import UserError
from chronoglot.settings.data import IN_VITRO, Text, Treebank
from chronoglot.settings.model import Settings
from chronoglot.tables.values import SPLITS

_SET_FOLDER = "set `folders.{}` to the folder that holds it, or mend the name"


class Inputs:
    """The files of each language's text, treebank and sentence pairs, and of gold links.

    Raises UserError if one that the settings name neither exists nor is fetched; the training
    pairs alone may be missing, which makes the language a target only.
    """

    def __init__(self, settings: Settings, downloads: Downloads) -> None:
        self._settings, self._downloads = settings, downloads
        self._texts: dict[str, list[Path]] = {}
        self._treebanks: dict[str, list[Path]] = {}
        self._pairs: dict[str, dict[str, Path]] = {}
        self._gold: dict[str, list[Path]] = {}
        for code, language in settings.languages.items():
            if language.text:
                self._texts[code] = self._locate_text(code, language.text)
            if language.treebank:
                self._treebanks[code] = self._locate_treebank(code, language.treebank)
        if "xnli" in settings.tasks:
            for code in settings.xnli.languages:
                self._pairs[code] = self._locate_pairs(code)
        if "alignment" in settings.tasks:
            for pair, name in settings.alignment.gold.items():
                if name != IN_VITRO:
                    self._gold[pair] = self._locate_gold(pair, name)

    def _locate_text(self, code: str, text: Text) -> list[Path]:
        if text.dataset:
            where = f"languages.{code}.text.dataset"
            return [self._downloads.text(text.dataset, text.code or code, where)]
        paths = [Path(self._settings.folders.text) / name for name in text.files]
        for path in paths:
            if not path.is_file():
                raise UserError(
                    f"languages.{code}.text.files: there is no file {path}; "
                    f"{_SET_FOLDER.format('text')}"
                )
        return paths

    def _locate_treebank(self, code: str, treebank: Treebank) -> list[Path]:
        """The files of its parts; or its folder, which is fetched, so that they are not known."""
        folder = Path(self._settings.folders.treebanks) / treebank.name
        if not folder.is_dir() and (fetched := self._downloads.treebank(treebank.name)):
            return [fetched]
        try:
            parts = choose_parts(folder, treebank.parts, published=treebank.split == "published")
        except UserError as error:
            raise UserError(f"languages.{code}.treebank: {error}") from None
        files = [path for paths in parts.values() for path in paths]
        for path in files:
            if set("{}") & set(path.name):
                raise UserError(
                    f"languages.{code}.treebank: {path}: Snakemake reads what is in braces as a "
                    "wildcard; rename it"
                )
        return files

    def _locate_pairs(self, code: str) -> dict[str, Path]:
        found = {}
        for split in SPLITS:
            name = getattr(self._settings.xnli, split).replace("{language}", code)
            path = Path(self._settings.folders.xnli) / name
            if path.is_file():
                found[split] = path
            elif fetched := self._downloads.pairs(split, name):
                found[split] = fetched
            elif split != "train":
                raise UserError(
                    f"xnli.{split}: there is no file {path} for {code}; "
                    f"{_SET_FOLDER.format('xnli')}"
                )
        return found

    def _locate_gold(self, pair: str, name: str) -> list[Path]:
        folder = Path(self._settings.folders.alignments) / name
        if not folder.is_dir() and (fetched := self._downloads.gold(name)):
            return fetched
        try:
            return find_gold(folder)
        except UserError as error:
            raise UserError(
                f"alignment.gold.{pair}: {error}; {_SET_FOLDER.format('alignments')}"
            ) from None

    def _in_vitro(self, language: str) -> bool:
        return self._settings.languages[language].in_vitro is not None

    def _made(self, name: str) -> str:
        return f"results/{self._settings.experiment}/data/in_vitro/{name}"

    def has_text(self, language: str) -> bool:
        """Whether the language is part of the pretraining."""
        return language in self._texts or self._in_vitro(language)

    def has_treebank(self, language: str) -> bool:
        """Whether the language has a word table."""
        return language in self._treebanks or self._in_vitro(language)

    def has_pairs(self, language: str) -> bool:
        """Whether the language has a pair table."""
        return language in self._pairs or self._in_vitro(language)

    def has_training_pairs(self, language: str) -> bool:
        """Whether a probe of sentence pairs can be trained on the language."""
        return "train" in self._pairs.get(language, {}) or self._in_vitro(language)

    def typology(self, language: str) -> str:
        """Parameters of an in-vitro language, as JSON."""
        typology = self._settings.languages[language].in_vitro
        assert typology is not None
        return typology.model_dump_json()

    def text_files(self, language: str) -> list[str]:
        """Files with a language's text."""
        if language in self._texts:
            return [str(path) for path in self._texts[language]]
        return [self._made(f"{language}/text.txt")]

    def text_format(self, language: str) -> str:
        """Format of a language's text."""
        text = self._settings.languages[language].text
        return text.format if text else "plain"

    def treebank_files(self, language: str) -> list[str]:
        """Files of a language's treebank, all parts; or the folder that it is fetched to."""
        if language in self._treebanks:
            return [str(path) for path in self._treebanks[language]]
        return [self._made(f"{language}/{language}_invitro-ud-{part}.conllu") for part in SPLITS]

    def treebank_split(self, language: str) -> str:
        """Options that say how a language's treebank is divided."""
        treebank = self._settings.languages[language].treebank
        if treebank is None:
            return "--split published --hidden refuse"
        options = f"--split {treebank.split} --hidden {treebank.hidden}"
        if treebank.split != "published":
            options += f" --shares {','.join(map(str, treebank.shares))}"
        if any(path.suffix != ".conllu" for path in self._treebanks[language]):
            options += f" --parts {','.join(treebank.parts)}"
        return options

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets that are used, as far as they are known: for their licences."""
        settings = self._settings
        names = list(self._downloads.used)
        if settings.xnli.languages and "xnli" in settings.tasks:
            names.append("xnli-1.0")  # wherever its files are from
        if settings.checkpoints.dataset:
            names.append(settings.checkpoints.dataset)
        return list(dict.fromkeys(names))

    def treebank_folders(self) -> list[Path]:
        """Folders of the real treebanks."""
        files = (paths[0] for paths in self._treebanks.values())
        return sorted({path.parent if path.suffix == ".conllu" else path for path in files})

    def pair_files(self, language: str) -> dict[str, str]:
        """Files of a language's sentence pairs by split."""
        if language in self._pairs:
            return {split: str(path) for split, path in self._pairs[language].items()}
        return {split: self._made(f"{language}/xnli.{split}.tsv") for split in SPLITS}

    def alignment_files(self, pair: str) -> list[str]:
        """Files with a pair's gold links."""
        if pair in self._gold:
            return [str(path) for path in self._gold[pair]]
        return [self._made(f"parallel/{pair}/{name}") for name in PHARAOH]
