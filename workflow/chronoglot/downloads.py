"""What an experiment fetches: which file of which dataset, and where it is kept.

Read by the Snakefile on every dry run, so nothing heavy is imported. What lies in `folders` is
never fetched; `chronoglot.sources` asks here for the rest.
"""

import shlex
from pathlib import Path

from chronoglot.data.fetch.alignments import CONVERTERS
from chronoglot.data.fetch.datasets import Dataset, find_dataset
from chronoglot.data.fetch.missing import Needed, missing_files, needed
from chronoglot.data.locate import PHARAOH
from chronoglot.errors import UserError
from chronoglot.settings import Settings


class Downloads:
    """Files of datasets, under the folder of downloads; what was asked for is remembered.

    Raises UserError if the settings name a dataset that is unknown, or not of the kind.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.downloads
        self.folder = Path(settings.downloads.folder)
        self.table = Path(settings.downloads.table) if settings.downloads.table else None
        self.used: list[str] = []
        """Names of the datasets that are used, for their licences."""
        self._treebanks: list[Path] = []
        self._files: dict[Path, Needed] = {}  # file or folder → what is fetched for it

    def dataset(self, name: str, where: str = "downloads") -> Dataset:
        """A row of the table; `where` is the key that names it."""
        try:
            return find_dataset(name, self.table)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def archive(self, name: str) -> Path:
        """Where the archive of a dataset is kept."""
        suffix = ".zip" if self.dataset(name).url.endswith(".zip") else ".tar.gz"
        return self.folder / "archives" / f"{name}{suffix}"

    def url(self, name: str, code: str | None = None) -> str:
        """Where a dataset's file, or that of a language, can be had."""
        return self.dataset(name).at(code)

    def options(self, name: str) -> str:
        """A dataset's URL, size and checksum, as options of `chronoglot fetch-file`."""
        dataset = self.dataset(name)
        known = {"size": dataset.size, "sha256": dataset.sha256}
        return shlex.join(
            [dataset.url, *(f"--{key}={value}" for key, value in known.items() if value)]
        )

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
        return self._unpacked(name, file, f"downloads.{key}") if name else None

    def gold(self, name: str) -> list[Path] | None:
        """The files of a gold alignment; None if none that can be fetched has this name."""
        if name not in CONVERTERS:
            return None
        return [self._unpacked(name, file, "alignment.gold") for file in PHARAOH]

    def text(self, name: str, code: str, where: str) -> Path:
        """The beginning of a dataset's text in a language, of which `code` is the code there."""
        dataset = self.dataset(name, where)
        if "{language}" not in dataset.url:
            raise UserError(f"{where}: {name} has no files of single languages")
        path = self.folder / name / f"{code}.{self._settings.max_characters}.txt.xz"
        return self._use(name, path, needed(dataset, path, code))

    def xlmr_tokenizer(self) -> Path:
        """XLM-R's sentencepiece model."""
        dataset = self.dataset("xlmr-tokenizer")
        path = self.folder / dataset.name / "sentencepiece.bpe.model"
        return self._use(dataset.name, path, needed(dataset, path))

    def _unpacked(self, name: str, member: str, where: str) -> Path:
        """A file or folder of an archive."""
        dataset = self.dataset(name, where)
        return self._use(name, self.folder / name / member, needed(dataset, self.archive(name)))

    def _use(self, name: str, path: Path, need: Needed) -> Path:
        if name not in self.used:
            self.used.append(name)
        self._files[path] = need
        return path

    @property
    def missing_treebanks(self) -> list[Path]:
        """Folders of treebanks that are to be unpacked; those that are there stay as they are."""
        return [folder for folder in self._treebanks if not folder.is_dir()]

    @property
    def missing(self) -> list[Needed]:
        """What has to be fetched."""
        needs = (need for path, need in self._files.items() if not path.exists())
        return missing_files(needs)
