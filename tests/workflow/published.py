"""Datasets in small, in the layouts in which their sources publish them, on a server."""

import csv
import hashlib
import html
import io
import lzma
import re
import tarfile
import zipfile
from pathlib import Path

from chronoglot.data.fetch.datasets import TABLE
from chronoglot.data.in_vitro.write import generate_language, generate_translations
from chronoglot.settings.in_vitro import Generator, Typology
from chronoglot.tables.values import SPLITS
from loopback import Server

TREEBANKS = {"en": "UD_English-EWT", "cs": "UD_Czech-CAC", "de": "UD_German-GSD"}
PATHS = {
    "ud-2.15": "ud/ud-treebanks-v2.15.tgz",
    "xnli-1.0": "XNLI/XNLI-1.0.zip",
    "xnli-mt-1.0": "XNLI/XNLI-MT-1.0.zip",
    "czenali-1.0": "CzEnAli_1.0.tar.gz",
    "cc100": "cc-100/{language}.txt.xz",
    "xlmr-tokenizer": "xlm-roberta-base/sentencepiece.bpe.model",
}
Row = dict[str, str]

TOKENIZER = b"a sentencepiece model"
"""No rule of the data stage reads it."""

_GENERATOR = Generator.model_validate(
    {
        "treebank_sentences": {"train": 12, "dev": 4, "test": 5},
        "pairs": {"train": 12, "dev": 6, "test": 6},
        "parallel": 10,
    }
)
_ENGLISH = Typology(
    name="English",
    family="A",
    order="SVO",
    adjective="before",
    adposition="before",
    case=False,
    agreement=True,
    morphology="separate",
    script="latin",
    words=2000,
)
_TYPOLOGIES = {
    "en": _ENGLISH,
    "cs": _ENGLISH.model_copy(update={"order": "VSO", "case": True}),
    "de": _ENGLISH.model_copy(update={"order": "SOV"}),
}
_RELEASE = "ud-treebanks-v2.15"


def make_files(folder: Path) -> dict[str, bytes]:
    """The files of all datasets, by their paths on the server."""
    for code, typology in _TYPOLOGIES.items():
        generate_language(code, typology, _GENERATOR, 1, folder / code)
    generate_translations(
        "en", _TYPOLOGIES["en"], "cs", _TYPOLOGIES["cs"], _GENERATOR, 1, folder / "en-cs"
    )
    texts = {
        PATHS["cc100"].format(language=code): lzma.compress(
            (folder / code / "text.txt").read_bytes()
        )
        for code in TREEBANKS
    }
    return texts | {
        PATHS["ud-2.15"]: targz(_release(folder)),
        PATHS["xnli-1.0"]: _zip(
            {f"XNLI-1.0/xnli.{split}.tsv": _xnli(folder, split) for split in ("dev", "test")}
        ),
        PATHS["xnli-mt-1.0"]: _zip(
            {
                f"XNLI-MT-1.0/multinli/multinli.train.{code}.tsv": _translated(folder / code)
                for code in TREEBANKS
            }
        ),
        PATHS["czenali-1.0"]: targz({"CzEnAli_1.0/data/news.wa": _czenali(folder / "en-cs")}),
        PATHS["xlmr-tokenizer"]: TOKENIZER,
    }


def publish(server: Server, files: dict[str, bytes], table: Path, **changed: Row) -> None:
    """Serve the files, and write the table that says where, with their sizes and checksums.

    `changed`: other columns of a dataset, in whose name - and . are _.
    """
    for path, content in files.items():
        server.serve(path, content)
    rows = {name: _row(server, files, name) for name in PATHS}
    for name, row in rows.items():
        row.update(changed.get(re.sub(r"[-.]", "_", name), {}))
    write_table(table, rows)


def _row(server: Server, files: dict[str, bytes], name: str) -> Row:
    address = f"http://127.0.0.1:{server.http.server_address[1]}"
    row = {"url": f"{address}/{PATHS[name]}", "size": "", "sha256": "", "sha256_from": ""}
    if content := files.get(PATHS[name]):
        digest = hashlib.sha256(content).hexdigest()
        row |= {"size": str(len(content)), "sha256": digest, "sha256_from": "this test"}
    return row


def write_table(table: Path, rows: dict[str, Row]) -> None:
    """A table of the user's own: rows of the project's, with these columns instead."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        known = {known["name"]: known for known in csv.DictReader(file)}
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, known["cc100"])
        writer.writeheader()
        writer.writerows(known[name] | columns for name, columns in rows.items())


def targz(files: dict[str, str]) -> bytes:
    """An archive of such files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _zip(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _release(folder: Path) -> dict[str, str]:
    files = {}
    for code, name in TREEBANKS.items():
        stem = f"{code}_{name.split('-')[1].lower()}-ud"
        files[f"{_RELEASE}/{name}/README.md"] = f"# Summary\n\nLicense: CC BY-SA 4.0 ({code})\n"
        for split in SPLITS:
            made = folder / code / f"{code}_invitro-ud-{split}.conllu"
            files[f"{_RELEASE}/{name}/{stem}-{split}.conllu"] = made.read_text(encoding="utf-8")
    return files


def _xnli(folder: Path, split: str) -> str:
    """The pairs of all languages under one header."""
    header, *rows = (folder / f"en/xnli.{split}.tsv").read_text(encoding="utf-8").splitlines()
    for code in ("cs", "de"):
        rows += (folder / code / f"xnli.{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return "".join(f"{line}\n" for line in (header, *rows))


def _translated(folder: Path) -> str:
    """Training pairs in the columns, and the spelling of labels, of the translated ones."""
    with (folder / "xnli.train.tsv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file, delimiter="\t"))
    lines = ["premise\thypo\tlabel"]
    for pair in pairs:
        label = pair["gold_label"].replace("contradiction", "contradictory")
        lines.append(f"{pair['sentence1']}\t{pair['sentence2']}\t{label}")
    return "".join(f"{line}\n" for line in lines)


def _czenali(folder: Path) -> str:
    """Its .wa files count words from 1."""
    sentences = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines()
    gold = (folder / "gold.txt").read_text(encoding="utf-8").splitlines()
    blocks = []
    for number, (line, links) in enumerate(zip(sentences, gold, strict=True), 1):
        english, czech = (html.escape(side.strip()) for side in line.split("|||"))
        pairs = (link.split("-") for link in links.split())
        sure = " ".join(f"{int(i) + 1}-{int(j) + 1}" for i, j in pairs)
        blocks.append(
            f'<s id="news-s{number}">\n  <english>{english}</english>\n  <czech>{czech}</czech>\n'
            f"  <sure>{sure}</sure>\n  <possible></possible>\n</s>\n"
        )
    return f'<?xml version="1.0" encoding="utf-8" ?>\n<sentences>\n{"".join(blocks)}</sentences>\n'
