"""Word tables: who goes to which split, what is dropped, what is refused."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from chronoglot.data.draw import draw
from chronoglot.data.locate import find_parts
from chronoglot.data.treebank import prepare_words
from chronoglot.runtime.errors import UserError
from chronoglot.tables.values import SPLITS
from chronoglot.tables.words import Words, read_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SHARES = (0.6, 0.2, 0.2)
Sentence = tuple[str, str]  # its id and its text
Prepare = Callable[..., Words]


def conllu(sentences: list[Sentence], document: Callable[[str], str] | None = None) -> str:
    blocks = []
    for name, text in sentences:
        lines = [f"# newdoc id = {document(name)}"] if document else []
        lines.append(f"# sent_id = {name}")
        lines += [
            f"{number}\t{form}\t_\tNOUN\t_\t_\t{number - 1}\tdep:sub\t_\t_"
            for number, form in enumerate(text.split(), 1)
        ]
        blocks.append("\n".join(lines) + "\n\n")
    return "".join(blocks)


def numbered(first: int, last: int) -> list[Sentence]:
    return [(f"id-{n}", f"sentence number {n}") for n in range(first, last)]


def document(name: str) -> str:
    """Ten sentences a document."""
    return f"doc-{int(name.partition('-')[2]) // 10}"


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Write the parts as files, prepare their word table, read it."""

    def run(parts: dict[str, str | list[str]], **settings: object) -> Words:
        paths: dict[str, list[Path]] = {}
        for part, contents in parts.items():
            for n, content in enumerate([contents] if isinstance(contents, str) else contents):
                path = tmp_path / f"xx_t-ud-{part}-{n}.conllu"
                path.write_text(content, encoding="utf-8")
                paths.setdefault(part, []).append(path)
        arguments = {
            "split": "sentence",
            "shares": SHARES,
            "max_train_words": None,
            "language": "xx",
        } | settings
        prepare_words(paths, tmp_path / "words.parquet", **arguments)  # type: ignore[arg-type]
        return read_words(tmp_path / "words.parquet")

    return run


def ids(words: Words, split: str) -> list[str]:
    return list(dict.fromkeys(words.sentence_id[words.rows(split)]))


def split_of(words: Words) -> dict[str, str]:
    return dict(zip(words.sentence_id, words.split, strict=True))


PUBLISHED = {
    "train": [conllu(numbered(0, 30)), conllu(numbered(30, 40))],
    "dev": conllu(numbered(40, 50)),
    "test": conllu(numbered(50, 60)),
}


def test_published_parts_are_left_as_they_are(
    prepare: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    words = prepare(PUBLISHED, split="published")
    assert ids(words, "train") == [name for name, _ in numbered(0, 40)]
    assert ids(words, "test") == [name for name, _ in numbered(50, 60)]
    assert list(words.sentence) == [n for n in range(60) for _ in range(3)]
    assert list(words.word) == [1, 2, 3] * 60
    assert list(words.form[:3]) == ["sentence", "number", "0"]
    assert set(words.deprel) == {"dep"}
    assert capsys.readouterr().out == (
        "xx: train 40 sentences, 120 words; dev 10 sentences, 30 words; "
        "test 10 sentences, 30 words; 0 repeated sentences dropped\n"
    )


def test_missing_part_is_named_with_the_mend(prepare: Prepare) -> None:
    with pytest.raises(UserError, match=r"has no train and no dev part; set `split: document`"):
        prepare({"test": PUBLISHED["test"]}, split="published")


def test_published_training_sentences_yield_to_dev_and_test(
    prepare: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    text = {n: text for n, (_, text) in enumerate(numbered(0, 60))}
    extra = [("copy-1", text[45]), ("copy-2", text[55]), ("copy-3", text[1])]
    test = [*numbered(50, 60), ("copy-4", text[46])]
    words = prepare(
        PUBLISHED | {"train": conllu(numbered(0, 40) + extra), "test": conllu(test)},
        split="published",
    )
    # A repetition within train, and one between dev and test, stays.
    assert ids(words, "train") == [*(name for name, _ in numbered(0, 40)), "copy-3"]
    assert ids(words, "test")[-1] == "copy-4"
    assert "2 repeated sentences dropped" in capsys.readouterr().out


@pytest.mark.parametrize("split", ["sentence", "document"])
def test_pooled_repeats_stay_in_the_earliest_split(prepare: Prepare, split: str) -> None:
    texts = [(f"id-{n}", f"text {n % 1000}") for n in range(2000)]
    words = prepare({"test": conllu(texts, document)}, split=split)
    where = dict[str, set[str]]()
    for form, part in zip(words.form, words.split, strict=True):
        where.setdefault(form, set()).add(part)
    assert all(len(parts) == 1 for form, parts in where.items() if form != "text")
    placed = {
        name: SPLITS[(place >= 0.6) + (place >= 0.8)]
        for name, place in (
            (name, draw(document(name) if split == "document" else name)) for name, _ in texts
        )
    }
    for number in range(1000):
        earliest = min(
            (placed[name] for name, text in texts if text == f"text {number}"), key=SPLITS.index
        )
        assert where[str(number)] == {earliest}


def test_documents_stay_whole(prepare: Prepare) -> None:
    words = prepare({"test": conllu(numbered(0, 400), document)}, split="document")
    parts: dict[str, set[str]] = {}
    for name, part in split_of(words).items():
        parts.setdefault(document(name), set()).add(part)
    assert len(parts) == 40
    assert all(len(part) == 1 for part in parts.values())


def test_shares_are_met(prepare: Prepare) -> None:
    words = prepare({"test": conllu(numbered(0, 3000))})
    sizes = [len(ids(words, part)) / 3000 for part in SPLITS]
    assert sizes == pytest.approx(SHARES, abs=0.03)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.randoms(use_true_random=False), st.sampled_from(["document", "sentence"]))
def test_a_split_depends_on_the_name_alone(
    prepare: Prepare, shuffler: random.Random, split: str
) -> None:
    """Order, other sentences, other forms and the part that a file came in change nothing."""
    whole = numbered(0, 200)
    original = prepare({"test": conllu(whole, document)}, split=split)
    some = shuffler.sample(whole, 150)
    translated = [(name, text.replace("sentence", "satz")) for name, text in some]
    parts = {
        "train": conllu(translated[:50], document),
        "dev": conllu(translated[50:], document),
    }
    changed = split_of(prepare(parts, split=split))
    assert len(changed) == 150
    assert changed.items() <= split_of(original).items()


def test_same_bytes_twice(prepare: Prepare, tmp_path: Path) -> None:
    prepare(PUBLISHED)
    first = (tmp_path / "words.parquet").read_bytes()
    prepare(PUBLISHED)
    assert (tmp_path / "words.parquet").read_bytes() == first


def test_max_train_words(prepare: Prepare) -> None:
    everything = ids(prepare(PUBLISHED, split="published"), "train")
    fewer: list[str] = []
    for limit in (20, 21, 60, 119, 120, 1000):
        words = prepare(PUBLISHED, split="published", max_train_words=limit)
        kept = ids(words, "train")
        assert len(words.rows("train")) == min(limit, 120) // 3 * 3
        assert kept == [name for name in everything if name in kept]  # in file order
        assert set(fewer) <= set(kept)
        assert len(ids(words, "dev")) == 10
        fewer = kept
    assert prepare(PUBLISHED, split="published", max_train_words=60).form[2] != "0"


def test_document_split_needs_documents(prepare: Prepare) -> None:
    with pytest.raises(UserError, match=r"id-0 belongs to no document .* `split: sentence`"):
        prepare({"test": conllu(numbered(0, 50))}, split="document")


@pytest.mark.parametrize(
    ("parts", "change", "message"),
    [
        ({"test": conllu(numbered(0, 2))}, {}, "no sentence is left for .* larger treebank"),
        (PUBLISHED, {"split": "published", "max_train_words": 2}, "for train; .* max_train_words"),
        (PUBLISHED, {"shares": (0.5, 0.2, 0.2)}, "sum to 1"),
        (PUBLISHED, {"shares": (0.9, 0.1, 0.0)}, "positive"),
        ({"test": conllu([("a", "_ _ _"), ("b", "_ w")])}, {}, "without its text"),
    ],
)
def test_refusals(
    prepare: Prepare, parts: dict[str, str], change: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        prepare(parts, **change)


def test_an_id_in_two_parts_names_both_places(prepare: Prepare) -> None:
    with pytest.raises(UserError, match=r"ud-dev-0.*line 1: sent_id id-3 .*ud-train-0.*line 16"):
        prepare(PUBLISHED | {"dev": conllu(numbered(3, 9))}, split="published")


def test_sentences_without_ids_are_numbered_over_all_parts(prepare: Prepare) -> None:
    without = {
        part: "\n\n".join(f"1\tw{part}{n}\t_\tX\t_\t_\t0\troot\t_\t_" for n in range(3))
        for part in SPLITS
    }
    words = prepare(without, split="published")
    assert list(words.sentence_id) == [f"s{n}" for n in range(1, 10)]


def test_a_failure_leaves_no_file(prepare: Prepare, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        prepare({"test": conllu(numbered(0, 2))})
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".conllu"]


def test_find_parts(tmp_path: Path) -> None:
    folder = tmp_path / "UD_Czech-PDT"
    folder.mkdir()
    names = [
        "cs_pdt-ud-dev.conllu",
        "cs_pdt-ud-test.conllu",
        "cs_pdt-ud-train-c.conllu",
        "cs_pdt-ud-train-l.conllu",
        "cs_pdt-ud-train.rebuilt-from-sources.conllu",
    ]
    for name in [*names, "cs_pdt-ud-test.txt", "README.md", "stats.xml", "cs-ud-traintest.conllu"]:
        (folder / name).touch()
    found = find_parts(folder)
    assert list(found) == ["train", "dev", "test"]
    assert sorted(path.name for paths in found.values() for path in paths) == names
    assert [path.name for path in found["train"]] == names[2:]


def test_find_parts_refuses(tmp_path: Path) -> None:
    for name in ("UD_Czech-PDT", "UD_French-GSD"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=r"no such treebank folder; the nearest .* UD_French-GSD"):
        find_parts(tmp_path / "UD_Frnch-GSD")
    with pytest.raises(UserError, match=r"UD_Czech-PDT: holds no CoNLL-U file"):
        find_parts(tmp_path / "UD_Czech-PDT")
    with pytest.raises(UserError, match="nor is there"):
        find_parts(tmp_path / "nowhere" / "UD_Czech-PDT")
    with pytest.raises(UserError, match="holds no folder at all"):
        find_parts(tmp_path / "UD_Czech-PDT" / "UD_Czech-PDT")


def test_find_parts_imports_nothing_heavy() -> None:
    code = (
        "import sys; import chronoglot.data.locate; "
        "print(sorted({'numpy', 'pyarrow', 'conllu', 'pandas'} & sys.modules.keys()))"
    )
    workflow = Path(__file__).parents[2] / "workflow"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(workflow)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[]\n"
