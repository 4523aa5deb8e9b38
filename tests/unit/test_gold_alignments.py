"""Gold alignments in the formats of their sources, fetched and read as gold link tables."""

import io
import tarfile
from pathlib import Path

import pytest
from chronoglot.data.fetch.alignments import CONVERTERS, write_gold
from chronoglot.data.fetch.archives import unpack_all
from chronoglot.data.fetch.datasets import find_dataset
from chronoglot.data.gold_links import read_gold
from chronoglot.runtime.errors import UserError

CZENALI = {
    "CzEnAli_1.0/data/b/one.wa": """<?xml version="1.0" encoding="utf-8" ?>
<sentences>
<s id="b-s1">
  <english>AT&T pays Tom &amp; Co .</english>
  <czech>AT&T platí firmě .</czech>
  <sure>1-1 2-2 6-4</sure>
  <possible>3-3 4-3 5-3</possible>
</s>
</sentences>
""",
    "CzEnAli_1.0/data/a/two.wa": """<sentences>
<s id="a-s1">
  <english>Now .</english>
  <czech>Teď .</czech>
  <sure></sure>
  <possible>1-1</possible>
</s>
</sentences>
""",
}
HANSARDS = {
    "English-French/test/test.e": "<s snum=0001> hear , hear ! </s>\n<s snum=0002> it is </s>\n",
    "English-French/test/test.f": "<s snum=0001> bravo ! </s>\n<s snum=0002> c' est été </s>\n",
    "English-French/answers/test.wa.nonullalign": "0001 1 1 S\n0001 4 2 S\n0002 2 2 P\n0002 1 1\n",
}


def unpacked(files: dict[str, str], folder: Path, encoding: str = "utf-8") -> Path:
    """The files by way of an archive."""
    packed = folder / "gold.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode(encoding))
            archive.addfile(entry, io.BytesIO(text.encode(encoding)))
    unpack_all(packed, folder / "published")
    return folder / "published"


def test_czenali_becomes_a_parallel_table(tmp_path: Path) -> None:
    write_gold("czenali-1.0", unpacked(CZENALI, tmp_path), tmp_path / "en-cs")
    second, first = read_gold(tmp_path / "en-cs").translations
    assert first.source == ("AT&T", "pays", "Tom", "&", "Co", ".")
    assert first.target == ("AT&T", "platí", "firmě", ".")
    assert first.sure == ((0, 0), (1, 1), (5, 3))
    assert set(first.possible) - set(first.sure) == {(2, 2), (3, 2), (4, 2)}
    assert (second.sure, second.possible) == ((), ((0, 0),))


def test_the_hansards_become_a_parallel_table(tmp_path: Path) -> None:
    published = unpacked(HANSARDS, tmp_path, "latin-1")
    write_gold("wpt03-en-fr", published, tmp_path / "en-fr")
    first, second = read_gold(tmp_path / "en-fr").translations
    assert (first.source, first.target) == (("hear", ",", "hear", "!"), ("bravo", "!"))
    assert first.sure == ((0, 0), (3, 1))
    assert second.target == ("c'", "est", "été")
    assert (second.sure, second.possible) == (((0, 0),), ((0, 0), (1, 1)))


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    one = HANSARDS | {"English-French/test/test.f": "<s snum=0001> bravo ! </s>\n"}
    with pytest.raises(UserError, match="sentence 2 is only in one"):
        write_gold("wpt03-en-fr", unpacked(one, tmp_path), tmp_path / "gold")
    with pytest.raises(UserError, match="holds no gold alignment as czenali"):
        write_gold("czenali-1.0", tmp_path / "published", tmp_path / "gold")
    with pytest.raises(UserError, match=r"holds 0 files test\.e"):
        write_gold("wpt03-en-fr", tmp_path / "nothing", tmp_path / "gold")
    lacking = {"CzEnAli_1.0/data/a.wa": "<s id='1'><english>a</english></s>"}
    with pytest.raises(UserError, match="sentence pair 1: lacks"):
        write_gold("czenali-1.0", unpacked(lacking, tmp_path), tmp_path / "gold")
    assert not (tmp_path / "gold").exists()


def test_what_can_be_converted_can_be_fetched() -> None:
    assert all(find_dataset(name).url for name in CONVERTERS)
