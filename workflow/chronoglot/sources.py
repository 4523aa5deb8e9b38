"""Where the data of each language lies; files that are named but missing are reported here."""

from pathlib import Path

from chronoglot.data.locate import PHARAOH, find_gold, find_parts
from chronoglot.errors import UserError
from chronoglot.settings import Settings
from chronoglot.settings_data import IN_VITRO, Text, Treebank

SPLITS = ("train", "dev", "test")
_SET_FOLDER = "set `folders.{}` to the folder that holds it, or mend the name"


class Sources:
    """The files of each language's text, treebank and sentence pairs, and of gold links.

    Raises UserError if one that the settings name does not exist; the training pairs alone may be
    missing, which makes the language a target only.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._texts: dict[str, list[Path]] = {}
        self._parts: dict[str, dict[str, list[Path]]] = {}
        self._pairs: dict[str, dict[str, Path]] = {}
        self._gold: dict[str, list[Path]] = {}
        for code, language in settings.languages.items():
            if language.text:
                self._texts[code] = self._locate_text(code, language.text)
            if language.treebank:
                self._parts[code] = self._locate_treebank(code, language.treebank)
        if "xnli" in settings.tasks:
            for code in settings.xnli.languages:
                self._pairs[code] = self._locate_pairs(code)
        if "alignment" in settings.tasks:
            for pair, name in settings.alignment.gold.items():
                if name != IN_VITRO:
                    self._gold[pair] = self._locate_gold(pair, name)

    def _locate_text(self, code: str, text: Text) -> list[Path]:
        paths = [Path(self._settings.folders.text) / name for name in text.files]
        for path in paths:
            if not path.is_file():
                raise UserError(
                    f"languages.{code}.text.files: there is no file {path}; "
                    f"{_SET_FOLDER.format('text')}"
                )
        return paths

    def _locate_treebank(self, code: str, treebank: Treebank) -> dict[str, list[Path]]:
        where = f"languages.{code}.treebank"
        found = find_parts(Path(self._settings.folders.treebanks) / treebank.name)
        parts: dict[str, list[Path]] = {
            part: found[part] for part in treebank.parts if part in found
        }
        if not parts:
            raise UserError(
                f"{where}: {treebank.name} has none of the parts "
                f"{', '.join(treebank.parts)}; name others in `parts`"
            )
        if treebank.split == "published":
            for part in SPLITS:
                if part not in parts:
                    raise UserError(
                        f"{where}: {treebank.name} has no {part} part; "
                        "set `split: document` or `split: sentence` to divide the parts it has"
                    )
        return parts

    def _locate_pairs(self, code: str) -> dict[str, Path]:
        found = {}
        for split in SPLITS:
            name = getattr(self._settings.xnli, split).replace("{language}", code)
            path = Path(self._settings.folders.xnli) / name
            if path.is_file():
                found[split] = path
            elif split != "train":
                raise UserError(
                    f"xnli.{split}: there is no file {path} for {code}; "
                    f"{_SET_FOLDER.format('xnli')}"
                )
        return found

    def _locate_gold(self, pair: str, name: str) -> list[Path]:
        try:
            return find_gold(Path(self._settings.folders.alignments) / name)
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
        return language in self._parts or self._in_vitro(language)

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
        """Files of a language's treebank, all parts."""
        if language in self._parts:
            return [str(path) for paths in self._parts[language].values() for path in paths]
        return [self._made(f"{language}/{language}_invitro-ud-{part}.conllu") for part in SPLITS]

    def treebank_split(self, language: str) -> str:
        """Options that say how a language's treebank is divided."""
        treebank = self._settings.languages[language].treebank
        if treebank is None or treebank.split == "published":
            return "--split published"
        return f"--split {treebank.split} --shares {','.join(f'{s:g}' for s in treebank.shares)}"

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
