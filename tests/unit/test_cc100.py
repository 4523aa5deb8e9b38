"""The beginning of a text, fetched from a server on this machine."""

import lzma
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from chronoglot.data.fetch.cc100 import fetch_text
from chronoglot.data.lines import read_lines
from chronoglot.data.text import prepare_text
from loopback import Cut, Server, Status, fail, loopback, only


@pytest.fixture
def server() -> Iterator[Server]:
    with loopback() as running:
        yield running


def documents(count: int, seed: int = 3) -> list[list[str]]:
    draw = random.Random(seed)
    return [
        [" ".join(draw.choices(["שלום", "мир", "世界", "hello"], k=20)) for _ in range(1 + n % 3)]
        for n in range(count)
    ]


def plain(texts: list[list[str]]) -> str:
    return "".join("\n".join(paragraphs) + "\n\n" for paragraphs in texts)


def characters(texts: list[list[str]]) -> int:
    return sum(len(paragraph) for paragraphs in texts for paragraph in paragraphs)


def read_documents(path: Path) -> list[list[str]]:
    text = "\n".join(line for _, line in read_lines(path))
    return [document.split("\n") for document in text.split("\n\n")]


def test_a_text_is_cut_before_the_document_that_is_too_long(server: Server, tmp_path: Path) -> None:
    texts = documents(400)
    url = server.serve("cc-100/xx.txt.xz", lzma.compress(plain(texts).encode()))
    path = tmp_path / "xx.txt.xz"
    for kept in (1, 2, 250, 400):
        for more in (0, len(texts[kept][0]) - 1 if kept < 400 else 99):
            counts = fetch_text(url, path, max_characters=characters(texts[:kept]) + more)
            assert read_documents(path) == texts[:kept]
            assert (counts.documents, counts.characters) == (kept, characters(texts[:kept]))
    only(tmp_path, "xx.txt.xz")


def test_what_is_cut_is_read_as_plain_text(server: Server, tmp_path: Path) -> None:
    texts = documents(300)
    url = server.serve("cc-100/xx.txt.xz", lzma.compress(plain(texts).encode()))
    path = tmp_path / "xx.txt.xz"
    fetched = fetch_text(url, path, max_characters=20_000)
    outputs = tmp_path / "train.txt", tmp_path / "heldout.txt"
    train, heldout = prepare_text([path], *outputs, format="plain", heldout_share=0.1)
    assert train.documents + heldout.documents == fetched.documents


def test_no_more_is_fetched_than_is_needed(server: Server, tmp_path: Path) -> None:
    """The file is longer than any disk: it could not be fetched to its end."""
    once = lzma.compress(plain(documents(2000)).encode())
    url = server.serve("cc-100/xx.txt.xz", once, times=10**7)
    path = tmp_path / "xx.txt.xz"
    counts = fetch_text(url, path, max_characters=500_000)
    assert 499_000 < counts.characters <= 500_000
    (asked,) = server.asked
    assert asked.length > 10**11
    assert asked.sent < 10**8
    assert path.stat().st_size < len(once) * 20


def test_a_cut_connection_does_not_show_in_the_text(server: Server, tmp_path: Path) -> None:
    texts = documents(3000)
    packed = lzma.compress(plain(texts).encode())
    whole, cut = tmp_path / "whole.txt.xz", tmp_path / "cut.txt.xz"
    fetch_text(server.serve("a.txt.xz", packed), whole, max_characters=150_000)
    faults = [Cut(5_000), Status(503), Cut(9_000)]
    fetch_text(server.serve("b.txt.xz", packed, faults=faults), cut, max_characters=150_000)
    assert cut.read_bytes() == whole.read_bytes()
    assert [asked.range for asked in server.asked[1:]] == [
        None,
        *("bytes=5000-", "bytes=5000-", "bytes=14000-"),
    ]


def test_without_ranges_a_cut_text_is_begun_anew(server: Server, tmp_path: Path) -> None:
    texts = documents(300)
    packed = lzma.compress(plain(texts).encode())
    url = server.serve("a.txt.xz", packed, ranges=False, faults=[Cut(2_000)] * 2)
    fetch_text(url, tmp_path / "a.txt.xz", max_characters=10**9)
    assert read_documents(tmp_path / "a.txt.xz") == texts
    only(tmp_path, "a.txt.xz")


def test_a_text_that_cannot_be_fetched_leaves_nothing(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.txt.xz"
    packed = lzma.compress(plain(documents(300)).encode())
    missing = server.serve("a", packed, faults=[Status(404)])
    assert f"{missing} → {path}" in fail("404", fetch_text, missing, path, max_characters=9)
    short = server.serve("b", packed)
    fail("no document in the first 9 characters", fetch_text, short, path, max_characters=9)
    for damaged in (packed[:2000], b"<!doctype html>", lzma.compress(b"\xff\xfe\n" * 99)):
        url = server.serve("c", damaged)
        fail("not a whole .xz file of UTF-8", fetch_text, url, path, max_characters=10**9)
    only(tmp_path)


def test_real_text_is_cut(server: Server, tmp_path: Path, real_data: Path) -> None:
    """Real paragraphs in CC100's layout, ten a document."""
    file = real_data / "text" / "libreoffice-help" / "hi.tsv.xz"
    lines = [line.partition("\t")[2].strip() for _, line in read_lines(file)]
    paragraphs = [line for line in lines if line][:2000]
    texts = [paragraphs[n : n + 10] for n in range(0, len(paragraphs), 10)]
    url = server.serve("cc-100/hi.txt.xz", lzma.compress(plain(texts).encode()))
    path = tmp_path / "hi.txt.xz"
    counts = fetch_text(url, path, max_characters=30_000)
    kept = read_documents(path)
    assert kept == texts[: len(kept)]
    assert counts.characters == characters(kept) <= 30_000 < characters(texts[: len(kept) + 1])


def test_a_line_without_end_is_not_held(server: Server, tmp_path: Path) -> None:
    """A megabyte of one line that unpacks to gigabytes is left at its beginning."""
    url = server.serve("x.txt.xz", lzma.compress(b"\xc3\xa4" * 50_000_000, preset=0))
    tracemalloc.start()
    path = tmp_path / "x.txt.xz"
    fail("no document in the first 1,000 characters", fetch_text, url, path, max_characters=1000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000
