"""Text to token ids on disk, as fairseq maps them into memory.

folder/{language}/train.{bin,idx}, valid.{bin,idx}, counts.json
folder/dict.txt
"""

import itertools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from fairseq.data.indexed_dataset import make_builder

from chronoglot.data.lines import paragraphs
from chronoglot.pretraining.tokenizer import read_pieces
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole, whole_folder

END, UNKNOWN = 2, 3  # </s> and <unk> in fairseq
CHUNK = 10_000  # paragraphs encoded at once


def fairseq_ids(pieces: list[int]) -> np.ndarray:
    """Sentencepiece's ids of a paragraph as fairseq's, </s> at the end. int64 [pieces + 1]."""
    ids = np.asarray([*pieces, END - 1], dtype=np.int64) + 1
    ids[ids == 1] = UNKNOWN  # sentencepiece's <unk> is 0
    return ids


def binarise(
    texts: Mapping[str, tuple[Path, Path]], model: Path, dictionary: Path, folder: Path
) -> None:
    """Binarise every language's training and held-out text. Raises as `binarise_language` does."""
    for language, (train, heldout) in texts.items():
        binarise_language(language, train, heldout, model, dictionary, folder)


def binarise_language(
    language: str,
    train: Path,
    heldout: Path,
    model: Path,
    dictionary: Path,
    folder: Path,
    cut: int | None = None,
) -> None:
    """Binarise one language; its job may run beside those of others and share their folder.

    A paragraph becomes its pieces and </s>, none left out; with `cut`, one that is longer than so
    many tokens becomes several items of that length and a rest. `counts.json` holds for train and
    valid the numbers of `paragraphs`, `characters` (Unicode code points, line ends left out),
    `tokens` (with </s>) and `unknown` tokens. Raises UserError naming a text that is empty.
    """
    pieces = read_pieces(model)
    with whole_folder(folder / language) as temporary:
        counts = {
            split: _binarise_text(text, pieces, temporary / split, cut)
            for split, text in (("train", train), ("valid", heldout))
        }
        (temporary / "counts.json").write_text(json.dumps(counts, indent=2) + "\n")
    _share(dictionary, folder / "dict.txt")


def _binarise_text(
    text: Path, pieces: sentencepiece.SentencePieceProcessor, output: Path, cut: int | None
) -> dict[str, int]:
    counts = dict.fromkeys(("paragraphs", "characters", "tokens", "unknown"), 0)
    # fairseq counts <pad> and <mask> too when it chooses the width of an integer.
    builder = make_builder(f"{output}.bin", impl="mmap", vocab_size=len(pieces) + 2)
    remaining = paragraphs(text)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        for paragraph, encoded in zip(chunk, pieces.encode(chunk, num_threads=1), strict=True):
            ids = fairseq_ids(encoded)
            for start in range(0, len(ids), cut or len(ids)):
                builder.add_item(torch.from_numpy(ids[start : start + (cut or len(ids))]))
            counts["paragraphs"] += 1
            counts["characters"] += len(paragraph)
            counts["tokens"] += len(ids)
            counts["unknown"] += int((ids == UNKNOWN).sum())
    builder.finalize(f"{output}.idx")
    if not counts["paragraphs"]:
        raise UserError(f"{text}: the text is empty")
    return counts


def _share(dictionary: Path, copy: Path) -> None:
    """Copy the dictionary once: a folder that a pretraining reads is not written again."""
    if copy.exists() and copy.read_bytes() == dictionary.read_bytes():
        return
    with whole(copy) as temporary:
        shutil.copyfile(dictionary, temporary)
