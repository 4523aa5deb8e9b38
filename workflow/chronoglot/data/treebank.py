"""A treebank's files, split into train, dev and test, as a word table."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from chronoglot.data.conllu import Sentence, read_conllu
from chronoglot.data.draw import draw
from chronoglot.data.hidden import hidden as hidden_ids
from chronoglot.runtime.errors import UserError
from chronoglot.tables.values import SPLITS
from chronoglot.tables.words import Words, write_words

Splits = dict[str, list[Sentence]]


def prepare_words(
    parts: dict[str, list[Path]],
    output: Path,
    *,
    split: Literal["published", "document", "sentence"],
    shares: tuple[float, float, float],
    max_train_words: int | None,
    language: str,
    hidden: Literal["refuse", "leave_out"] = "refuse",
) -> None:
    """Write the word table of the CoNLL-U files in `parts` (train, dev, test) and print its size.

    `split` is `published` (the parts as they are), `document` or `sentence` (all parts together,
    divided in the `shares` of train, dev and test by a draw from the id of the document or the
    sentence, so that parallel treebanks are divided alike). No sentence id is in two splits, and
    no training sentence has the forms of a dev or test sentence: see `_without_repeats`.
    `max_train_words` keeps whole training sentences, by a draw from their ids, up to so many words.
    Sentences whose words are hidden (see `chronoglot.data.hidden`) are refused or left out.
    Raises UserError if a file is malformed, a part is missing or a split comes out empty.
    """
    sentences, left_out = _without_hidden(_read(parts), language, leave_out=hidden == "leave_out")
    if split == "published":
        _check_published(parts, language)
        splits, repeats = _without_repeats(sentences, yielding=("train",))
    else:
        pooled = [sentence for part in sentences.values() for sentence in part]
        divided = _divide(pooled, by=split, shares=shares, language=language)
        splits, repeats = _without_repeats(divided, yielding=("dev", "test"))
    if max_train_words is not None:
        splits["train"] = _sample(splits["train"], max_train_words)
    for name in SPLITS:
        if not splits[name]:
            raise UserError(
                f"{language}: no sentence is left for {name}; give a larger treebank, or change "
                "split, shares or max_train_words"
            )
    write_words(_table(splits), output)
    print(_summary(language, splits, repeats, left_out))


def _read(parts: dict[str, list[Path]]) -> Splits:
    place_of_id: dict[str, str] = {}
    sentences: Splits = {name: [] for name in SPLITS}
    for name in SPLITS:
        for path in parts.get(name, []):
            for sentence in read_conllu(path, first=len(place_of_id) + 1):
                place = f"{path}, line {sentence.line}"
                earlier = place_of_id.setdefault(sentence.id, place)
                if earlier != place:
                    raise UserError(
                        f"{place}: sent_id {sentence.id} is that of {earlier} too; "
                        "give every sentence of the treebank an id of its own"
                    )
                sentences[name].append(sentence)
    return sentences


def _without_hidden(sentences: Splits, language: str, *, leave_out: bool) -> tuple[Splits, int]:
    """The sentences whose words are there, and the number of the others."""
    every = [sentence for part in sentences.values() for sentence in part]
    ids = hidden_ids(every)
    if ids and len(ids) == len(every):
        raise UserError(
            f"{language}: all words of the treebank are hidden: it is published without its text; "
            "merge the text into it as its README says"
        )
    if ids and not leave_out:
        first = next(sentence.id for sentence in every if sentence.id in ids)
        raise UserError(
            f"{language}: words of {len(ids):,} of {len(every):,} sentences are hidden, the first "
            f"in {first}: the treebank is published without part of its text; merge the text into "
            "it as its README says, or set `hidden: leave_out` to do without these sentences"
        )
    kept = {
        part: [sentence for sentence in of_part if sentence.id not in ids]
        for part, of_part in sentences.items()
    }
    return kept, len(ids)


def _check_published(parts: dict[str, list[Path]], language: str) -> None:
    missing = [name for name in SPLITS if not parts.get(name)]
    if missing:
        given = [path for paths in parts.values() for path in paths]
        where = given[0].parent if given else "the treebank"
        raise UserError(
            f"{language}: {where} has no {' and no '.join(missing)} part; set `split: document` or "
            "`split: sentence` to divide what it has"
        )


def _divide(
    sentences: list[Sentence], *, by: str, shares: tuple[float, float, float], language: str
) -> Splits:
    """Divide sentences by the draw of their document's or their own id."""
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise UserError(
            f"{language}: the shares of train, dev and test must be positive and sum to 1, "
            f"which {shares} do not"
        )
    divided: Splits = {name: [] for name in SPLITS}
    for sentence in sentences:
        name = sentence.document if by == "document" else sentence.id
        if name is None:
            raise UserError(
                f"{language}: sentence {sentence.id} belongs to no document (there is no "
                "`# newdoc` before it); set `split: sentence`"
            )
        place = draw(name)
        part = "train" if place < shares[0] else "dev" if place < shares[0] + shares[1] else "test"
        divided[part].append(sentence)
    return divided


def _without_repeats(splits: Splits, yielding: tuple[str, ...]) -> tuple[Splits, int]:
    """Drop from the `yielding` splits what other splits hold with the same forms; count it.

    The splits that yield do so in turn, so that a later one also yields to an earlier one. Of
    published splits only train yields: dev and test stay comparable with published results.
    """
    kept = {name: sentences for name, sentences in splits.items() if name not in yielding}
    dropped = 0
    for name in yielding:
        held = {sentence.forms for sentences in kept.values() for sentence in sentences}
        kept[name] = [sentence for sentence in splits[name] if sentence.forms not in held]
        dropped += len(splits[name]) - len(kept[name])
    return kept, dropped


def _sample(sentences: list[Sentence], max_words: int) -> list[Sentence]:
    """Sentences in the order of their draws until `max_words` is reached; back in file order.

    A larger limit gives a superset.
    """
    chosen: set[str] = set()
    words = 0
    for sentence in sorted(sentences, key=lambda sentence: (draw(sentence.id), sentence.id)):
        words += len(sentence.words)
        if words > max_words:
            break
        chosen.add(sentence.id)
    return [sentence for sentence in sentences if sentence.id in chosen]


def _table(splits: Splits) -> Words:
    ordered = [(name, sentence) for name in SPLITS for sentence in splits[name]]
    lengths = [len(sentence.words) for _, sentence in ordered]
    words = [word for _, sentence in ordered for word in sentence.words]
    return Words(
        split=np.repeat([name for name, _ in ordered], lengths),
        sentence=np.repeat(np.arange(len(ordered), dtype=np.int32), lengths),
        sentence_id=np.repeat(_objects(sentence.id for _, sentence in ordered), lengths),
        word=np.concatenate([np.arange(1, length + 1, dtype=np.int32) for length in lengths]),
        form=_objects(word.form for word in words),
        upos=_objects(word.upos for word in words),
        head=np.array([word.head for word in words], dtype=np.int32),
        deprel=_objects(word.deprel for word in words),
        space_before=np.array([word.space_before for word in words], dtype=bool),
    )


def _objects(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=object)


def _summary(language: str, splits: Splits, repeats: int, hidden: int) -> str:
    sizes = []
    for name in SPLITS:
        words = sum(len(sentence.words) for sentence in splits[name])
        sizes.append(f"{name} {len(splits[name]):,} sentences, {words:,} words")
    sizes.append(f"{repeats:,} repeated sentences dropped")
    if hidden:
        sizes.append(f"{hidden:,} sentences with hidden words left out")
    if straddling := _straddling(splits):
        sizes.append(f"{straddling:,} documents in more than one split")
    return f"{language}: " + "; ".join(sizes)


def _straddling(splits: Splits) -> int:
    """Number of documents with sentences in several splits."""
    documents = Counter(
        document
        for sentences in splits.values()
        for document in {sentence.document for sentence in sentences}
        if document is not None
    )
    return sum(count > 1 for count in documents.values())
