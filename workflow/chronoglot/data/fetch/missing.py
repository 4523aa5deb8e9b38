"""Which files have to be brought where none can be fetched."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from chronoglot.data.fetch.datasets import Dataset

_SECONDS = 10  # to answer


class Needed(NamedTuple):
    """A file, where it belongs, and where it can be had; `size` in bytes, if known.

    `by_hand`: from the URL, which is a page, a person has to fetch it. `characters`: only so many
    of its beginning are needed.
    """

    path: Path
    url: str
    size: int | None = None
    by_hand: bool = False
    sha256: str | None = None
    characters: int | None = None


def needed(dataset: Dataset, path: Path, language: str | None = None) -> Needed:
    """A dataset's file, or its file of a language."""
    return Needed(path, dataset.at(language), dataset.size, not dataset.url, dataset.sha256)


def missing_files(files: Iterable[Needed]) -> list[Needed]:
    """Those of the files that are not there, each path once."""
    return [file for file in {file.path: file for file in files}.values() if not file.path.exists()]


def bring(missing: Iterable[Needed]) -> str:
    """What to bring, from where and to where: a line a file."""
    lines = []
    for file in missing:
        size = f" ({file.size / 1e6:,.0f} MB)" if file.size else ""
        how = ", by hand from this page" if file.by_hand else ""
        if file.characters:
            how = f", its beginning alone ({file.characters:,} characters)"
        lines.append(f"  {file.path}{size} ← {file.url}{how}")
    files = "1 file is" if len(lines) == 1 else f"{len(lines)} files are"
    return "\n".join([f"{files} not here; bring from a machine that can reach the source:", *lines])


def is_cut_off(files: Iterable[Needed]) -> bool:
    """Whether none of the files' servers answers, as on a node without a way out.

    A proxy that the environment names is used. One server that is down for a while is no reason
    to stop: while another answers, this is False.
    """
    servers = {f"{url.scheme}://{url.netloc}/" for url in (urlsplit(file.url) for file in files)}
    return bool(servers) and not any(map(_answers, sorted(servers)))


def _answers(server: str) -> bool:
    import requests

    try:
        requests.head(server, timeout=_SECONDS).close()
    except requests.RequestException:
        return False
    return True
