"""Files that are not what their names say are named for what they are."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from chronoglot.data.lines import read_lines
from chronoglot.data.text import prepare_text
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.masquerade import masquerade

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
TEXT = "ein Satz\nnoch einer: ä\n" * 50
LINES = list(enumerate(TEXT.splitlines(), 1))


def _zip() -> bytes:
    with io.BytesIO() as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
        archive.close()
        return file.getvalue()


def _tar() -> bytes:
    with io.BytesIO() as file, tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
        archive.close()
        return file.getvalue()


OTHERS = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
    "an HTML page": b"\n<!DOCTYPE html>\n<html>login</html>",
    "an XML document": b"<?xml version='1.0'?><corpus/>",
    "a zip archive": _zip(),
    "a tar archive": _tar(),
    "encoded in UTF-16": "text".encode("utf-16"),
    "compressed by gzip": gzip.compress(b"a\n"),
    "compressed by bzip2": bz2.compress(b"a\n"),
    "compressed by xz": lzma.compress(b"a\n"),
    "compressed by Zstandard": zstd.compress(b"a\n"),
}


@pytest.mark.parametrize(("what", "content"), OTHERS.items(), ids=OTHERS.keys())
def test_text_that_is_something_else_is_named(what: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"text.txt: is {what}"):
        list(read_lines(path))


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_are_read_whole(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"text{ending}"
    half = len(TEXT) // 2
    halves = (TEXT[:half].encode(), TEXT[half:].encode())
    path.write_bytes(b"".join(map(COMPRESS[ending], halves)))  # members one after the other
    assert list(read_lines(path)) == LINES
    assert masquerade(path) is None


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_that_are_cut_or_are_not(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"text{ending}"
    whole = COMPRESS[ending](TEXT.encode())
    path.write_bytes(whole[:-6])
    with pytest.raises(UserError, match="damaged or cut short after line"):
        list(read_lines(path))
    path.write_text(TEXT)
    with pytest.raises(UserError, match=f"is not compressed by .*; drop {ending} from the name"):
        list(read_lines(path))
    other = next(name for name in COMPRESS if name != ending)
    path.write_bytes(COMPRESS[other](TEXT.encode()))
    with pytest.raises(UserError, match=f"is compressed by .*end in {other}"):
        list(read_lines(path))


@pytest.mark.parametrize(
    "text", ["BZh is how it begins\n", "PK\n", "<p> is a tag\n", "7z\n", "{a}\n"]
)
def test_text_that_begins_like_another_file_is_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(text)
    assert masquerade(tmp_path / "text") is None
    assert list(read_lines(tmp_path / "text")) == [(1, text[:-1])]


@pytest.mark.parametrize("format", ["plain", "keyed"])
@pytest.mark.parametrize("blank", ["", "\n\n"])
def test_json_lines_are_no_text(format: str, blank: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(blank + '{"text": "ein Satz"}\n' * 3)
    with pytest.raises(UserError, match=r"is JSON lines, not text.*jq"):
        prepare_text([path], tmp_path / "a", tmp_path / "b", format=format, heldout_share=0.5)
