"""Whether the files of a model's tokenizer agree: with each other, and with the vocabulary.

A model folder can hold its tokenizer twice, of which one was not kept up to date: subwords that
were added, a vocabulary of cased words under a tokenizer that takes case away. The wrong one reads
every text, and loses exactly what the model was extended by.
"""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer, decoders

from chronoglot.runtime.errors import UserError, listed

SENTENCEPIECE = "sentencepiece.bpe.model"
# fairseq puts <s> <pad> </s> <unk> before the pieces, and <mask> after them.
_OFFSET = 1
# Entries of a kind that are looked at, and the share of them that must come back. Of tokenizers of
# every algorithm, trained on 17 languages, all did; without the case or the accents, none.
_SAMPLE, _FEWEST, _SHARE = 200, 3, 0.5
# What a subword begins with that goes on with a word, or that begins one.
_CONTINUES, _BEGINS = "##", ("▁", "Ġ")
_BYTES = decoders.ByteLevel()
_TEXTS = (
    "The quick brown fox, don't: 3.5 % of 10 000 in Über Ærø",
    "кошка видит собаку в доме и ёж",
    "القطة ترى الكلب في البيت",
    "我爱北京天安门 猫が犬を見る 고양이가 개를 본다",
    "बिल्ली कुत्ते को देखती है แมวเห็นสุนัข",
)


def check_tokenizer(folder: Path, name: str) -> None:
    """Raise UserError unless the files of the tokenizer in a model folder agree.

    `tokenizer.json` is what is read; the older files beside it, and the tokens that its settings
    add, must be in it under the same numbers, and it must give back the entries of its own
    vocabulary, as it cannot where it takes away the case or the accents that they have. The folder
    is called `name`.
    """
    tokenizer = _tokenizer(folder)
    if tokenizer is None:
        return
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    for file, entries in _claims(folder).items():
        wrong = [token for token, number in entries.items() if vocabulary.get(token) != number]
        if wrong:
            token = wrong[0]
            raise UserError(
                f"{name}: {file} and tokenizer.json disagree on {len(wrong)} of {len(entries)} "
                f"subwords: {token!r} is number {entries[token]} in the one and "
                f"{vocabulary.get(token, 'none')} in the other; delete the one that is not the "
                "model's"
            )
    _check_options(folder, tokenizer, name)
    for kind, sample in _kinds(tokenizer).items():
        lost = [entry for entry, text, number in sample if _ids(tokenizer, text) != [number]]
        if len(sample) >= _FEWEST and len(lost) > (1 - _SHARE) * len(sample):
            raise UserError(
                f"{name}: the tokenizer does not give back {len(lost)} of {len(sample)} {kind} "
                f"entries of its own vocabulary, such as {listed(lost[:3])}; it takes away what "
                "they have (see do_lower_case and strip_accents in tokenizer_config.json) or has "
                "another model's vocabulary"
            )


def is_extended(folder: Path, name: str) -> bool:
    """Whether the files beside XLM-R's sentencepiece model add to it, so that they are to be read.

    Raises UserError where they contradict it.
    """
    own = SentencePieceProcessor(model_file=str(folder / SENTENCEPIECE))
    pieces = {own.id_to_piece(i): i + _OFFSET for i in range(3, own.get_piece_size())}
    size = own.get_piece_size() + 2
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": size - 1}
    known = specials | pieces
    claims, tokenizer = _claims(folder), _tokenizer(folder)
    if tokenizer:
        claims["tokenizer.json"] = tokenizer.get_vocab(with_added_tokens=True)
        moved = [t for t, number in pieces.items() if claims["tokenizer.json"].get(t) != number]
        if moved:
            raise UserError(
                f"{name}: {SENTENCEPIECE} and tokenizer.json disagree on {len(moved)} of "
                f"{len(pieces)} subwords, such as {moved[0]!r}; delete the one that is not the "
                "model's"
            )
    extended = any(
        known.get(token) != number
        for entries in claims.values()
        for token, number in entries.items()
    )
    if tokenizer and not extended:
        for text in _TEXTS:
            if _ids(tokenizer, text) != [piece + 1 if piece else 3 for piece in own.encode(text)]:
                raise UserError(
                    f"{name}: {SENTENCEPIECE} and tokenizer.json divide {text!r} in two ways; "
                    "delete the one that is not the model's"
                )
    return extended


def _tokenizer(folder: Path) -> Tokenizer | None:
    """That of `tokenizer.json`; None if it is not there or cannot be read, as `verify` tells."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # the library raises nothing more particular
        return None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def is_cased(folder: Path) -> bool:
    """Whether `vocab.txt` has entries that a tokenizer without case could never give."""
    entries = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return sum(_kind(entry) == "cased" for entry in entries if not _is_special(entry)) >= _FEWEST


def _claims(folder: Path) -> dict[str, dict[str, int]]:
    """File → the subwords that it lists with their numbers, of the files that do."""
    claims: dict[str, dict[str, int]] = {}
    if (path := folder / "vocab.txt").is_file():
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        # Of a token that stands twice, the last number holds.
        claims[path.name] = {line.rstrip("\r"): number for number, line in enumerate(lines)}
    for file in ("vocab.json", "added_tokens.json"):
        if (path := folder / file).is_file():
            claims[file] = {str(t): int(n) for t, n in _read(path).items() if isinstance(n, int)}
    decoder = _read(folder / "tokenizer_config.json").get("added_tokens_decoder")
    if isinstance(decoder, Mapping):
        claims["tokenizer_config.json"] = {
            str(entry["content"]): int(number)
            for number, entry in decoder.items()
            if isinstance(entry, Mapping) and "content" in entry
        }
    return claims


def _check_options(folder: Path, tokenizer: Tokenizer, name: str) -> None:
    """Whether case and accents are kept or taken away as the settings say."""
    said = _read(folder / "tokenizer_config.json")
    for option, text in (("do_lower_case", "ABC"), ("strip_accents", "éäñ")):
        wanted = said.get(option)
        shown = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        plain = unicodedata.normalize("NFC", shown) != text
        if isinstance(wanted, bool) and wanted != plain:
            raise UserError(
                f"{name}: tokenizer_config.json says {option}: {str(wanted).lower()}, but "
                f"tokenizer.json makes {shown!r} of {text!r}; mend the one that is wrong, or "
                "delete tokenizer.json if the older files are right"
            )


def _kinds(tokenizer: Tokenizer) -> dict[str, list[tuple[str, str, int]]]:
    """A sample of the words in a vocabulary by kind: the entry, its text and its number."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    begins = next((b for b in _BEGINS if sum(t.startswith(b) for t in vocabulary) > 1), "")
    special = set(tokenizer.get_added_tokens_decoder())
    for entry, number in sorted(vocabulary.items(), key=lambda item: item[1]):
        if number in special or _is_special(entry) or not entry.startswith(begins):
            continue
        text = _BYTES.decode([entry]) if begins == "Ġ" else entry.removeprefix("▁")
        if "\ufffd" not in text and text.strip():
            found.setdefault(_kind(text), []).append((entry, text, number))
    return {kind: entries[:: -(-len(entries) // _SAMPLE)] for kind, entries in found.items()}


def _kind(text: str) -> str:
    if text != text.lower():
        return "cased"
    if unicodedata.normalize("NFD", text) != text:
        return "accented"
    return "plain" if text.isascii() else "other"


def _is_special(entry: str) -> bool:
    return entry.startswith((_CONTINUES, "[", "<")) or not any(map(str.isalpha, entry))


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
