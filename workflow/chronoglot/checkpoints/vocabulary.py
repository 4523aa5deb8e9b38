"""fairseq's dictionary and the sentencepiece model must number the subwords alike.

fairseq puts `<s> <pad> </s> <unk>` first and `<mask>` last; sentencepiece `<unk> <s> </s>` first.
So a subword's id is its sentencepiece id + 1, which is what XLM-R's tokenizer takes for granted.
"""

import re
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from chronoglot.runtime.errors import UserError

_PADDING = re.compile(r"madeupword\d{4,}")
_SPECIALS = ["<unk>", "<s>", "</s>"]
# Entries of a dictionary looked at to tell numbers of GPT-2's subwords from subwords.
_SAMPLE = 100


def check_vocabulary(tokenizer: Path, dictionary: Path, size: int, checkpoint: Path) -> int:
    """Number of entries that only pad the dictionary, which fairseq calls `madeupword0000`, ….

    They stand behind the subwords, and `<mask>` behind them. Raises UserError unless tokenizer,
    dictionary and the model's `size` embeddings agree.
    """
    try:
        lines = dictionary.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{dictionary}: not a readable dictionary ({error})") from error
    entries = [line.split(" ")[0] for line in lines if line]
    if entries and all(entry.isdecimal() for entry in entries[:_SAMPLE]):
        raise UserError(
            f"{dictionary}: holds numbers in place of subwords, as that of English RoBERTa, whose "
            "text is split by GPT-2's byte-level BPE; only models with a sentencepiece tokenizer, "
            "as XLM-R, can be converted"
        )
    try:
        processor = SentencePieceProcessor(model_file=str(tokenizer))
    except (OSError, RuntimeError) as error:
        raise UserError(f"{tokenizer}: not a readable sentencepiece model") from error
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    if pieces[:3] != _SPECIALS:
        raise UserError(f"{tokenizer}: its first pieces are {pieces[:3]}, not {_SPECIALS}")
    for number, (entry, piece) in enumerate(zip(entries, pieces[3:], strict=False), start=1):
        if entry != piece:
            raise UserError(
                f"{dictionary}, line {number}: {entry!r} where {tokenizer} has {piece!r}; "
                "give the dictionary that was made from this tokenizer"
            )
    padding = len(entries) - (len(pieces) - 3)
    if padding < 0 or not all(map(_PADDING.fullmatch, entries[len(pieces) - 3 :])):
        raise UserError(
            f"{dictionary}: {len(entries)} subwords where {tokenizer} has {len(pieces) - 3}"
        )
    needed = len(pieces) + padding + 2  # <pad> and <mask>
    if size != needed:
        raise UserError(
            f"{checkpoint}: {size} embeddings where {tokenizer} needs {needed}; "
            "give the tokenizer and the dictionary that the model was pretrained with"
        )
    return padding
