"""Archives in the published layouts: what is unpacked, and what is refused."""

import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chronoglot.data.fetch.archives import unpack, unpack_all
from chronoglot.data.fetch.download import download
from chronoglot.data.locate import find_parts
from chronoglot.data.xnli import collect_pairs
from loopback import Cut, Server, fail, loopback, only


@pytest.fixture
def server() -> Iterator[Server]:
    with loopback() as running:
        yield running


def tgz(files: dict[str, str], *extra: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
        for entry in extra:
            archive.addfile(entry)
    return packed.getvalue()


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def release() -> dict[str, str]:
    """A UD release in small, in its published layout."""
    files = {}
    for folder, code in (("UD_English-EWT", "en_ewt"), ("UD_Thai-PUD", "th_pud")):
        inside = f"ud-treebanks-v2.15/{folder}"
        files[f"{inside}/README.md"] = "License: CC BY-SA 4.0\n"
        for part in ("train", "dev", "test"):
            files[f"{inside}/{code}-ud-{part}.conllu"] = f"# {folder} {part}\n" * 500
    return files


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes, name: str = "release.tgz") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_only_the_treebanks_asked_for_are_unpacked(server: Server, tmp_path: Path) -> None:
    url = server.serve("ud-treebanks-v2.15.tgz", tgz(release()), faults=[Cut(300)])
    packed, folder = tmp_path / "ud.tgz", tmp_path / "ud"
    download(url, packed)
    unpack(packed, ["UD_Thai-PUD"], folder)
    only(folder, "UD_Thai-PUD")
    parts = find_parts(folder / "UD_Thai-PUD")
    assert list(parts) == ["train", "dev", "test"]
    assert parts["dev"][0].read_text() == "# UD_Thai-PUD dev\n" * 500
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    unpack(packed, ["UD_English-EWT"], folder)
    only(folder, "UD_English-EWT", "UD_Thai-PUD")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_folder_is_replaced_whole(archive: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "ud"
    (folder / "UD_Thai-PUD").mkdir(parents=True)
    (folder / "UD_Thai-PUD" / "old").touch()
    unpack(archive(tgz(release())), ["UD_Thai-PUD", "UD_English-EWT"], folder)
    only(folder, "UD_English-EWT", "UD_Thai-PUD")
    assert not (folder / "UD_Thai-PUD" / "old").exists()


def xnli_row(language: str, number: int) -> str:
    values = {
        "language": language,
        "gold_label": "neutral",
        "sentence1": f"premise {number}",
        "sentence2": f"hypothesis {number}",
        "pairID": str(number),
    }
    return "\t".join(values.values())


def test_xnli_is_read_from_its_archives(server: Server, tmp_path: Path) -> None:
    header = "language\tgold_label\tsentence1\tsentence2\tpairID"
    files = {
        f"XNLI-1.0/xnli.{split}.tsv": "\n".join(
            [header, *(xnli_row(language, n + 10 * k) for language in ("de", "sw") for n in (1, 2))]
        )
        for k, split in enumerate(("dev", "test"))
    }
    junk = {"__MACOSX/XNLI-1.0/._xnli.dev.tsv": "junk", "XNLI-1.0/xnli.dev.jsonl": "{}"}
    trained = "premise\thypo\tlabel\nein Satz\tein anderer\tcontradictory\n"
    name = "XNLI-MT-1.0/multinli/multinli.train.{}.tsv"
    archives = {
        "XNLI-1.0.zip": (files | junk, list(files)),
        "XNLI-MT-1.0.zip": ({name.format(c): trained for c in ("de", "sw")}, [name.format("de")]),
    }
    folder = tmp_path / "xnli"
    for file, (content, wanted) in archives.items():
        download(server.serve(file, zipped(content)), tmp_path / file)
        unpack(tmp_path / file, wanted, folder)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file())
    assert found == sorted([*files, name.format("de")])
    pairs = collect_pairs(
        "de",
        train=folder / name.format("de"),
        dev=folder / "XNLI-1.0" / "xnli.dev.tsv",
        test=folder / "XNLI-1.0" / "xnli.test.tsv",
    )
    assert [len(pairs.rows(split)) for split in ("train", "dev", "test")] == [1, 2, 2]


@pytest.mark.parametrize("name", ["../evil", "ud/../../evil", "/evil", "ud/UD_Thai-PUD/../../../e"])
@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_a_path_that_climbs_out_is_refused(
    archive: Callable[..., Path], tmp_path: Path, name: str, suffix: str
) -> None:
    files = release() | {name: "evil"}
    packed = archive(tgz(files) if suffix == ".tgz" else zipped(files), f"release{suffix}")
    message = fail("climbs out", unpack, packed, ["UD_Thai-PUD"], tmp_path / "deep" / "ud")
    assert name in message
    only(tmp_path / "deep" / "ud")
    only(tmp_path, "deep", packed.name)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "th_pud-ud-dev.conllu"),
        (tarfile.LNKTYPE, "ud-treebanks-v2.15/UD_English-EWT/README.md"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused(
    archive: Callable[..., Path], tmp_path: Path, kind: bytes, target: str
) -> None:
    name = "ud-treebanks-v2.15/UD_Thai-PUD/th_pud-ud-extra.conllu"
    packed = archive(tgz(release(), special(name, kind, target)))
    assert name in fail("link or device", unpack, packed, ["UD_Thai-PUD"], tmp_path / "ud")
    only(tmp_path / "ud")
    unpack(packed, ["UD_English-EWT"], tmp_path / "ud")
    only(tmp_path / "ud", "UD_English-EWT")


def test_a_link_in_a_zip_is_refused(archive: Callable[..., Path], tmp_path: Path) -> None:
    packed = archive(b"", "a.zip")
    with zipfile.ZipFile(packed, "w") as file:
        entry = zipfile.ZipInfo("XNLI-1.0/xnli.dev.tsv")
        entry.external_attr = 0o120777 << 16
        file.writestr(entry, "/etc/passwd")
    fail("link or device", unpack, packed, ["XNLI-1.0"], tmp_path / "xnli")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_a_truncated_archive_is_refused(
    archive: Callable[..., Path], tmp_path: Path, share: float, suffix: str
) -> None:
    """Even where all that is wanted of it is whole."""
    content = tgz(release()) if suffix == ".tgz" else zipped(release())
    packed = archive(content[: int(share * len(content))], f"release{suffix}")
    message = fail("cut short", unpack, packed, ["UD_English-EWT"], tmp_path / "ud")
    assert packed.name in message
    only(tmp_path / "ud")


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_an_archive_truncated_before_its_compression_is_refused(
    archive: Callable[..., Path], tmp_path: Path, blocks: int
) -> None:
    plain = gzip.decompress(tgz({"UD_A-B/README.md": "x" * 600, "UD_C-D/README.md": "y" * 512}))
    packed = archive(gzip.compress(plain[: blocks * tarfile.BLOCKSIZE]))
    fail("cut short", unpack, packed, ["UD_A-B"], tmp_path / "ud")
    only(tmp_path / "ud")


@pytest.mark.parametrize("name", ["page.zip", "page.tgz"])
def test_a_page_in_place_of_an_archive_is_refused(
    archive: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    packed = archive(b"<!doctype html><title>Log in</title>" * 100, name)
    fail("damaged", unpack, packed, ["UD_A-B"], tmp_path / "ud")


def test_a_damaged_member_is_refused(archive: Callable[..., Path], tmp_path: Path) -> None:
    files = {"XNLI-1.0/a.tsv": random.Random(2).randbytes(9999).hex()}
    content = bytearray(zipped(files))
    content[3000] ^= 1
    packed = archive(bytes(content), "a.zip")
    fail("damaged", unpack, packed, list(files), tmp_path / "xnli")
    only(tmp_path / "xnli")


def test_what_is_not_in_the_archive_is_named(archive: Callable[..., Path], tmp_path: Path) -> None:
    packed = archive(tgz(release()))
    wanted = ["UD_Thai-PUD", "UD_English-EWTT"]
    message = fail("holds no UD_English-EWTT", unpack, packed, wanted, tmp_path / "ud")
    assert message.endswith("the nearest name in it is UD_English-EWT")
    only(tmp_path / "ud")


def test_a_real_treebank_is_fetched(server: Server, tmp_path: Path, real_data: Path) -> None:
    treebank = real_data / "ud" / "UD_Thai-TUD"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name in ("UD_Thai-TUD", "UD_Japanese-GSD"):
            archive.add(
                real_data / "ud" / name / "README.md", f"ud-treebanks-v2.15/{name}/README.md"
            )
        archive.add(treebank, "ud-treebanks-v2.15/UD_Thai-TUD")
    content = packed.getvalue()
    url = server.serve("ud.tgz", content, faults=[Cut(len(content) // 2)])
    download(url, tmp_path / "ud.tgz", sha256=hashlib.sha256(content).hexdigest())
    unpack(tmp_path / "ud.tgz", ["UD_Thai-TUD"], tmp_path / "ud")
    only(tmp_path / "ud", "UD_Thai-TUD")
    for path in treebank.iterdir():
        assert (tmp_path / "ud" / "UD_Thai-TUD" / path.name).read_bytes() == path.read_bytes()


def _zip_bomb() -> bytes:
    return zipped({"XNLI-1.0/xnli.dev.tsv": "0" * 50_000_000})


def _tar_bomb() -> bytes:
    return tgz({"release/UD_X/x-ud-train.conllu": "0" * 50_000_000})


def _unwanted_bomb() -> bytes:
    """What is not wanted is unpacked all the same, since a tar is read to its end."""
    return tgz({"release/UD_X/x-ud-train.conllu": "x", "release/y": "0" * 50_000_000})


def _sparse_bomb() -> bytes:
    """A few bytes that stand for gigabytes of zeros."""
    entry = tarfile.TarInfo("release/UD_X/x-ud-train.conllu")
    pax = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(1 << 35)}
    entry.pax_headers = pax | {"GNU.sparse.map": "0,1", "GNU.sparse.numblocks": "1"}
    entry.size = 1
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as written:
        written.addfile(entry, io.BytesIO(b"x"))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("bomb", "wanted"),
    [
        (_zip_bomb, "XNLI-1.0/xnli.dev.tsv"),
        (_tar_bomb, "UD_X"),
        (_unwanted_bomb, "UD_X"),
        (_sparse_bomb, "UD_X"),
    ],
)
def test_what_unpacks_to_far_too_much_is_refused(
    bomb: Callable[[], bytes], wanted: str, tmp_path: Path
) -> None:
    path, folder = tmp_path / "archive", tmp_path / "folder"
    path.write_bytes(bomb())
    fail("unpacks to more than", unpack, path, [wanted], folder)
    only(folder)
    if bomb is not _unwanted_bomb:
        (tmp_path / "all").mkdir()
        fail("unpacks to more than", unpack_all, path, tmp_path / "all")
