"""Text: the division of documents into train and heldout, and what is refused."""

import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from chronoglot.data.lines import read_lines
from chronoglot.data.text import Counts, prepare_text
from chronoglot.runtime.errors import UserError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Documents = list[list[str]]
Prepare = Callable[..., tuple[Documents, Documents]]


def numbered(count: int, word: str = "paragraph") -> dict[str, list[str]]:
    """Documents of one to three paragraphs, by key."""
    return {
        f"help/page-{n:03}.html": [f"{word} {n}.{k} of the page" for k in range(1 + n % 3)]
        for n in range(count)
    }


def plain(documents: dict[str, list[str]]) -> str:
    return "\n\n".join("\n".join(paragraphs) for paragraphs in documents.values()) + "\n"


def keyed(documents: dict[str, list[str]]) -> str:
    return "".join(
        f"{key}#par_{n}\t{paragraph}\n"
        for key, paragraphs in documents.items()
        for n, paragraph in enumerate(paragraphs)
    )


def parse(path: Path) -> Documents:
    content = path.read_text(encoding="utf-8")
    assert content.endswith("\n")
    assert not content.endswith("\n\n")
    assert "\n\n\n" not in content
    return [document.split("\n") for document in content.removesuffix("\n").split("\n\n")]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Write the contents as files, divide them, parse both outputs."""

    def run(*contents: str | bytes, **settings: object) -> tuple[Documents, Documents]:
        paths = []
        for n, content in enumerate(contents):
            paths.append(tmp_path / f"{n}.txt")
            paths[n].write_bytes(content.encode() if isinstance(content, str) else content)
        train, heldout = tmp_path / "out" / "train.txt", tmp_path / "out" / "heldout.txt"
        arguments = {"format": "plain", "heldout_share": 0.2} | settings
        counts = prepare_text(paths, train, heldout, **arguments)  # type: ignore[arg-type]
        divided = parse(train), parse(heldout)
        for side, count in zip(divided, counts, strict=True):
            paragraphs = [paragraph for document in side for paragraph in document]
            assert count == Counts(len(side), len(paragraphs), sum(map(len, paragraphs)))
        return divided

    return run


@pytest.mark.parametrize(("format", "write"), [("plain", plain), ("keyed", keyed)])
def test_each_document_goes_whole_to_one_side(
    prepare: Prepare, format: str, write: Callable[[dict[str, list[str]]], str]
) -> None:
    documents = numbered(500)
    train, heldout = prepare(write(documents), format=format)
    assert sorted(train + heldout) == sorted(documents.values())
    order = list(documents.values())
    assert train == [document for document in order if document in train]
    assert len(heldout) / 500 == pytest.approx(0.2, abs=0.05)


def test_both_formats_and_all_packings_give_the_same(prepare: Prepare, tmp_path: Path) -> None:
    content = keyed(numbered(50))
    expected = prepare(content, format="keyed")
    for suffix, pack in ((".xz", lzma.compress), (".gz", gzip.compress)):
        packed = tmp_path / f"text.tsv{suffix}"
        packed.write_bytes(pack(content.encode()))
        train, heldout = tmp_path / "t", tmp_path / "h"
        prepare_text([packed], train, heldout, format="keyed", heldout_share=0.2)
        assert (parse(train), parse(heldout)) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.randoms(use_true_random=False), st.sampled_from([("plain", plain), ("keyed", keyed)]))
def test_the_side_depends_on_the_document_alone(
    prepare: Prepare, shuffler: random.Random, kind: tuple[str, Callable[..., str]]
) -> None:
    format, write = kind
    documents = numbered(120)
    _, heldout = prepare(write(documents), format=format)
    some = dict(shuffler.sample(list(documents.items()), 100))
    _, of_some = prepare(write(some), format=format)
    assert sorted(of_some) == sorted(document for document in heldout if document in some.values())


def test_parallel_text_is_divided_alike(prepare: Prepare) -> None:
    """Heldout in one language is never parallel to train in another."""
    sides = []
    for word in ("paragraph", "абзац"):
        _, heldout = prepare(keyed(numbered(100, word)), format="keyed")
        sides.append([document[0].split()[1] for document in heldout])
    assert sides[0] == sides[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(
        st.lists(st.integers(0, 60).map(lambda n: f"text {n}"), min_size=1, max_size=5),
        min_size=20,
        max_size=40,
    )
)
def test_no_paragraph_is_there_twice(prepare: Prepare, documents: Documents) -> None:
    given_paragraphs = [paragraph for document in documents for paragraph in document]
    contents = plain({str(n): document for n, document in enumerate(documents)})
    try:
        train, heldout = prepare(contents)
    except UserError as error:
        assert "a single document" in str(error) or "fall to heldout" in str(error)
        return
    kept = [paragraph for document in train + heldout for paragraph in document]
    assert sorted(kept) == sorted(set(given_paragraphs))


def test_paragraphs_are_one_line_without_control_characters(prepare: Prepare) -> None:
    odd = "  a\tb\x00\x07c\u2028d\x85e\u00a0f  "
    train, heldout = prepare(f"{odd}\r\n\r\n" + plain(numbered(20)).replace("\n", "\r\n"))
    paragraphs = [paragraph for document in train + heldout for paragraph in document]
    assert "a b c d e\u00a0f" in paragraphs
    assert "paragraph 1.1 of the page" in paragraphs


def test_composed_and_decomposed_characters_are_left(prepare: Prepare) -> None:
    train, heldout = prepare("caf\u00e9\n\ncafe\u0301\n\n" + plain(numbered(20)))
    paragraphs = {paragraph for document in train + heldout for paragraph in document}
    assert {"caf\u00e9", "cafe\u0301"} <= paragraphs


def test_max_characters_ends_train_at_a_whole_document(prepare: Prepare) -> None:
    text = plain(numbered(300))
    everything, all_heldout = prepare(text)
    for limit in (500, 501, 3000):
        train, heldout = prepare(text, max_characters=limit)
        size = sum(len(paragraph) for document in train for paragraph in document)
        following = sum(map(len, everything[len(train)]))
        assert size <= limit < size + following
        assert train == everything[: len(train)]
        assert heldout
        assert heldout == all_heldout[: len(heldout)]


def test_max_characters_stops_reading(prepare: Prepare) -> None:
    text = plain(numbered(300)).encode()
    prepare(text + b"\n\xff", max_characters=500)  # what is not UTF-8 is never reached
    with pytest.raises(UserError, match="not UTF-8"):
        prepare(text + b"\n\xff")


def test_two_documents_are_enough(prepare: Prepare) -> None:
    for n in range(20):
        train, heldout = prepare(f"one {n}\n\ntwo {n}\n", heldout_share=1e-6)
        assert sorted(train + heldout) == [[f"one {n}"], [f"two {n}"]]


def test_several_files(prepare: Prepare) -> None:
    documents = list(numbered(60).items())
    parts = [plain(dict(documents[:30])), plain(dict(documents[30:]))]
    assert prepare(*parts) == prepare(plain(dict(documents)))


def test_an_absent_heldout_of_keyed_text_says_which_share_mends_it(prepare: Prepare) -> None:
    text = keyed(numbered(5))
    with pytest.raises(UserError, match="none of the 5 documents falls to heldout") as caught:
        prepare(text, format="keyed", heldout_share=1e-6)
    share = float(str(caught.value).rpartition(" ")[2])
    _, heldout = prepare(text, format="keyed", heldout_share=share)
    assert len(heldout) == 1


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        ("", {}, r"0\.txt: holds no text"),
        (" \n\t\n", {}, r"0\.txt: holds no text"),
        ("a#1\t\na#2\t \n", {"format": "keyed"}, r"0\.txt: holds no text"),
        (
            "one\ntwo\n",
            {},
            "a single document .* `format: plain` .* no blank line .*`keyed`",
        ),
        ("one\n\none\n", {}, "a single document"),
        (
            "a#1\tone\na#2\ttwo\n",
            {"format": "keyed"},
            "`format: keyed` has it, all its lines have the same id",
        ),
        ("a#1\tone\nb#1 two\n", {"format": "keyed"}, r"0\.txt, line 2: not `id TAB text`"),
        ("a#1\tone\n#1\ttwo\n", {"format": "keyed"}, r"0\.txt, line 2: not `id TAB text`"),
        (plain(numbered(9)), {"max_characters": 3}, "more than 3 characters; raise max_char"),
        (plain(numbered(9)), {"heldout_share": 0.9999}, "all 9 documents fall to heldout"),
        ("fine\n\ncaf\u00e9".encode("latin-1"), {}, r"0\.txt, line 3: byte 0xe9 is not UTF-8"),
    ],
)
def test_refusals(
    prepare: Prepare,
    tmp_path: Path,
    content: str | bytes,
    change: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UserError, match=message):
        prepare(content, **change)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_a_damaged_archive_is_named(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    noise = random.Random(0)
    packed = pack("\n".join(str(noise.random()) for _ in range(9999)).encode())
    path = tmp_path / f"text{suffix}"
    for content in (packed[: len(packed) // 2], packed[:5], b"not packed at all"):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            prepare_text([path], tmp_path / "t", tmp_path / "h", format="plain", heldout_share=0.5)
        what = "is not compressed" if content.startswith(b"not") else "damaged or cut short"
        assert str(caught.value).startswith(f"{path}: {what}")
    path.write_bytes(packed[:2000] + b"damage" + packed[2006:])
    with pytest.raises(UserError, match="damaged or cut short"):
        list(read_lines(path))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_lines_are_numbered_and_end_only_at_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeffone\r\ntwo\u2028three\x0b\r\r\n\nfour".encode())
    assert list(read_lines(path)) == [
        (1, "one"),
        (2, "two\u2028three\x0b\r"),
        (3, ""),
        (4, "four"),
    ]
