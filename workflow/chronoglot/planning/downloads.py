"""What an experiment fetches: which file of which dataset, and where it is kept.

Read by the Snakefile on every dry run, so nothing heavy is imported. What lies in `folders` is
never fetched; `chronoglot.planning.inputs` asks here for the rest.
"""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from chronoglot.data.fetch.alignments import CONVERTERS
from chronoglot.data.fetch.datasets import Dataset, find_dataset
from chronoglot.data.fetch.missing import Needed, missing_files, needed
from chronoglot.data.locate import PHARAOH
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.urls import is_open
from chronoglot.settings.model import Settings


class Downloads:
    """Files of datasets, under the folder of downloads; what was asked for is remembered.

    Raises UserError if the settings name a dataset that is unknown, has no files of single
    languages where these are asked for, or can only be fetched by hand.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.downloads
        self.folder = Path(settings.downloads.folder)
        self.table = Path(settings.downloads.table) if settings.downloads.table else None
        self.used: list[str] = []
        """Names of the datasets that are used, for their licences."""
        self._needs: dict[Path, Needed] = {}  # file or folder that is used → what it is fetched as
        self._treebanks: list[Path] = []
        self._members: list[Path] = []
        self._gold: list[Path] = []
        fairseq = settings.checkpoints.fairseq
        if fairseq and not fairseq.tokenizer:
            self.xlmr_tokenizer()

    def treebank(self, treebank: str) -> Path | None:
        """The folder of a treebank of the release; None if the settings give no release."""
        release = self._settings.treebanks
        if release is None:
            return None
        folder = self._unpacked(release, treebank, "downloads.treebanks")
        self._treebanks.append(folder)
        return folder

    def pairs(self, split: str, file: str) -> Path | None:
        """A file of labelled pairs of sentences; None if the settings give no dataset."""
        key = "xnli_train" if split == "train" else "xnli"
        name = getattr(self._settings, key)
        if name is None:
            return None
        path = self._unpacked(name, file, f"downloads.{key}")
        self._members.append(path)
        return path

    def gold(self, name: str) -> list[Path] | None:
        """The files of a gold alignment; None if none that can be fetched has this name."""
        if name not in CONVERTERS:
            return None
        files = [self._unpacked(name, file, "alignment.gold") for file in PHARAOH]
        self._gold += files
        return files

    def text(self, name: str, code: str, where: str) -> Path:
        """The beginning of a dataset's text in a language, of which `code` is the code there."""
        dataset = self._dataset(name, where)
        if "{language}" not in dataset.url:
            raise UserError(f"{where}: {name} has no files of single languages")
        characters = self._settings.max_characters
        path = self.folder / name / f"{code}.{characters}.txt.xz"
        return self._use(name, path, needed(dataset, path, code)._replace(characters=characters))

    def xlmr_tokenizer(self) -> Path:
        """XLM-R's sentencepiece model."""
        dataset = self._dataset("xlmr-tokenizer", "downloads")
        path = self.folder / dataset.name / "sentencepiece.bpe.model"
        return self._use(dataset.name, path, needed(dataset, path))

    def _dataset(self, name: str, where: str) -> Dataset:
        """A row of the table; `where` is the key that names it."""
        try:
            dataset = find_dataset(name, self.table)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        if not dataset.url:
            raise UserError(
                f"{where}: {name} is only fetched by hand, from {dataset.page}; put it into "
                "`folders`, or its URL into a table of your own"
            )
        if is_open(dataset.url) and not dataset.sha256 and not self.archive(name).exists():
            raise UserError(
                f"{where}: {name} lies at {dataset.url}, over plain http, where others can change "
                f"it, and its sha256 is not known; bring it to {self.archive(name)}, or give a row "
                "with its sha256 or an https URL in a table of your own"
            )
        return dataset

    def archive(self, name: str) -> Path:
        """Where the archive of a dataset is kept: under its name, whatever its mirrors call it."""
        return self.folder / "archives" / name

    def known_sum(self, name: str) -> str:
        """The option with which an archive, which may have been brought, is unpacked."""
        known = find_dataset(name, self.table).sha256
        return f"--sha256={known}" if known else ""

    def _unpacked(self, name: str, member: str, where: str) -> Path:
        """A file or folder of an archive."""
        need = needed(self._dataset(name, where), self.archive(name))
        return self._use(name, self.folder / name / member, need)

    def _use(self, name: str, path: Path, need: Needed) -> Path:
        if name not in self.used:
            self.used.append(name)
        self._needs[path] = need
        return path

    @property
    def files(self) -> list[Path]:
        """All files and folders that are used, there or not."""
        return list(self._needs)

    @property
    def missing(self) -> list[Needed]:
        """What has to be fetched."""
        needs = (need for path, need in self._needs.items() if not path.exists())
        return missing_files(needs)

    @property
    def missing_treebanks(self) -> list[Path]:
        """Folders of treebanks that are to be unpacked."""
        return _absent(self._treebanks)

    @property
    def missing_members(self) -> list[Path]:
        """Other files that are to be unpacked."""
        return _absent(self._members)

    @property
    def missing_gold(self) -> list[Path]:
        """Folders of gold alignments that are to be unpacked."""
        return list(dict.fromkeys(file.parent for file in _absent(self._gold)))

    def any_of(self, paths: Iterable[Path]) -> str:
        """A wildcard's constraint: the paths, from the folder on, and nothing else."""
        names = (re.escape(str(path.relative_to(self.folder))) for path in paths)
        return "|".join(names) or "(?!)"

    def command(self, path: str | Path) -> str:
        """The command that fetches a missing file, to be given an `--output`."""
        need = next(need for need in self._needs.values() if need.path == Path(path))
        if need.characters:
            return shlex.join(["fetch-text", need.url, f"--max-characters={need.characters}"])
        known = {"size": need.size, "sha256": need.sha256}
        options = [f"--{key}={value}" for key, value in known.items() if value]
        return shlex.join(["fetch-file", need.url, *options])


def _absent(paths: list[Path]) -> list[Path]:
    return [path for path in dict.fromkeys(paths) if not path.exists()]
