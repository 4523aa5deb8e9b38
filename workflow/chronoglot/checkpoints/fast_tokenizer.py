"""`tokenizer.json` out of the files that tokenizers had before it."""

import json
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from chronoglot.checkpoints.agreement import SENTENCEPIECE, is_cased
from chronoglot.runtime.errors import UserError

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
    # Of a list of subwords alone transformers takes all case away, whatever the list holds.
    options = {"do_lower_case": False} if _says_nothing_of_case(folder) else {}
    loaded = AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False, **options
    )
    tokenizer = loaded.backend_tokenizer
    ids = max(tokenizer.get_vocab().values(), default=-1) + 1
    for path in folder.iterdir():
        if (subwords := _subwords(path)) > ids:
            raise ValueError(f"{path.name} has {subwords} subwords, the one made {ids}")
        if path.suffix == ".model":
            wanted = SentencePieceProcessor(model_file=str(path)).encode(_SAMPLE)
            if path.name == SENTENCEPIECE:  # numbered by fairseq
                wanted = [piece + 1 if piece else 3 for piece in wanted]
            if tokenizer.encode(_SAMPLE, add_special_tokens=False).ids != wanted:
                raise ValueError(f"{path.name} divides text in another way than the one made")
    return tokenizer


def _says_nothing_of_case(folder: Path) -> bool:
    """Whether there is a list of subwords, cased ones among them, and no word on case beside it."""
    try:
        said = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except OSError:
        said = {}
    return (folder / "vocab.txt").is_file() and "do_lower_case" not in said and is_cased(folder)


def _subwords(path: Path) -> int:
    """How many subwords a file lists; 0 if it is no list of them."""
    if path.name == "vocab.txt":
        return path.read_text(encoding="utf-8").count("\n")
    return len(json.loads(path.read_bytes())) if path.name == "vocab.json" else 0
