"""`tokenizer.json` out of the files that tokenizers had before it."""

import json
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from chronoglot.errors import UserError

# Nothing that an option of a tokenizer changes: no capitals, no punctuation.
_SAMPLE = "the quick brown fox jumps over the lazy dog"


def write_fast_tokenizer(folder: Path, name: str) -> None:
    """Write `tokenizer.json` into a model folder that has an older tokenizer.

    `transformers` makes it. Where the files or the configuration are not what it expects, it can
    make an empty one, or one without the space before a text: so it is compared with the files.

    Raises UserError, which speaks of the folder as `name`, if no tokenizer that agrees with the
    files can be made.
    """
    try:
        tokenizer = _make(folder)
    except Exception as error:  # of many kinds, none of them promised
        raise UserError(
            f"{name}: has no tokenizer.json, and transformers cannot make one of its older files "
            f"({error}); name the folder of a tokenizer that has one in the run's settings"
        ) from error
    tokenizer.save(str(folder / "tokenizer.json"))


def _make(folder: Path) -> Tokenizer:
    """Raises ValueError if the tokenizer does not agree with its files."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    loaded = AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    )
    tokenizer = loaded.backend_tokenizer
    ids = max(tokenizer.get_vocab().values(), default=-1) + 1
    for path in folder.iterdir():
        if (subwords := _subwords(path)) > ids:
            raise ValueError(f"{path.name} has {subwords} subwords, the one made {ids}")
        if path.suffix == ".model":
            wanted = SentencePieceProcessor(model_file=str(path)).encode(_SAMPLE)
            if tokenizer.encode(_SAMPLE, add_special_tokens=False).ids != wanted:
                raise ValueError(f"{path.name} divides text in another way than the one made")
    return tokenizer


def _subwords(path: Path) -> int:
    """How many subwords a file lists; 0 if it is no list of them."""
    if path.name == "vocab.txt":
        return path.read_text(encoding="utf-8").count("\n")
    return len(json.loads(path.read_bytes())) if path.name == "vocab.json" else 0
