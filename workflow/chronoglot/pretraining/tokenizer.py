"""XLM-R's tokenizer, trained on the run's own text.

A sentencepiece unigram model over all languages, and the dictionary that gives fairseq its ids:

    fairseq          <s> 0   <pad> 1   </s> 2   <unk> 3   first piece 4  …  <mask> last
    sentencepiece    <s> 1      -      </s> 2   <unk> 0   first piece 3  …     -

so that a piece's id in fairseq is its id in sentencepiece plus one (Conneau et al. 2020,
"Unsupervised Cross-lingual Representation Learning at Scale").
"""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import sentencepiece

from chronoglot.data.lines import paragraphs
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole


def shares(counts: Mapping[str, int], alpha: float) -> dict[str, float]:
    """Each language's share of a sample: p ** alpha over its sum, p the share of its sentences.

    `alpha` 1 keeps the text's own proportions, 0 makes all languages equal; XLM-R takes 0.3.
    """
    total = sum(counts.values())
    weights = {language: (count / total) ** alpha for language, count in counts.items()}
    return {language: weight / sum(weights.values()) for language, weight in weights.items()}


def sample(
    texts: Mapping[str, Path], *, alpha: float, seed: int, sentences: int | None
) -> Iterator[str]:
    """Yield `sentences` paragraphs, the languages in the shares above.

    A language short of its share gives every paragraph the same number of times, give or take one;
    which ones are taken once more is drawn from the seed. With `sentences` None there are as many
    as the texts have together. Raises UserError naming a text that is empty.
    """
    counts = {language: sum(1 for _ in paragraphs(text)) for language, text in texts.items()}
    for language, count in counts.items():
        if not count:
            raise UserError(f"{texts[language]}: no text for {language}")
    total = sentences or sum(counts.values())
    for number, (language, share) in enumerate(sorted(shares(counts, alpha).items())):
        times, more = divmod(round(share * total), counts[language])
        draw = np.random.default_rng([seed, number])
        chosen = np.zeros(counts[language], dtype=bool)
        chosen[draw.choice(counts[language], more, replace=False, shuffle=False)] = True
        for paragraph, again in zip(paragraphs(texts[language]), chosen, strict=True):
            for _ in range(times + int(again)):
                yield paragraph


def train_tokenizer(
    texts: Mapping[str, Path],
    model: Path,
    dictionary: Path,
    *,
    vocabulary: int,
    alpha: float,
    seed: int,
    sentences: int | None,
    character_coverage: float,
) -> None:
    """Train the tokenizer; write `model` (sentencepiece) and `dictionary` (fairseq's dict.txt).

    `vocabulary` counts sentencepiece's pieces, its three special ones among them; the language
    model has two more rows, for <pad> and <mask>. The same text and seed give the same bytes.
    Raises UserError where the text is too small for the vocabulary, or the vocabulary for it.
    """
    chosen = list(sample(texts, alpha=alpha, seed=seed, sentences=sentences))
    trained = io.BytesIO()
    try:
        # One thread, sentences from memory and not from a file: neither the machine nor a path
        # reaches the model's bytes.
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(chosen),
            model_writer=trained,
            model_type="unigram",
            vocab_size=vocabulary,
            character_coverage=character_coverage,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            # Longer ones, by default those of over 4192 bytes, would be passed over in silence.
            max_sentence_length=max(len(sentence.encode()) for sentence in chosen),
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _explained(error, vocabulary) from error
    with whole(model) as temporary:
        temporary.write_bytes(trained.getvalue())
    write_dictionary(model, dictionary)


def read_pieces(model: Path) -> sentencepiece.SentencePieceProcessor:
    """A sentencepiece model; raises UserError if the file is none."""
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(model))
    except (OSError, RuntimeError) as error:
        raise UserError(f"{model}: not a readable sentencepiece model") from error


def write_dictionary(model: Path, dictionary: Path) -> None:
    """Write fairseq's dictionary of a sentencepiece model's subwords, in their order.

    Raises UserError if the file is not a sentencepiece model.
    """
    pieces = read_pieces(model)
    with whole(dictionary) as temporary:
        # The first three, <unk>, <s> and </s>, are fairseq's own; it reads but never uses counts.
        names = (pieces.id_to_piece(index) for index in range(3, len(pieces)))
        temporary.write_text("".join(f"{name} 1\n" for name in names), encoding="utf-8")


def _explained(error: RuntimeError, vocabulary: int) -> UserError:
    message = str(error)
    if found := re.search(r"set it to a value <= (\d+)", message):
        return UserError(
            f"tokenizer.vocabulary: the text yields {found[1]} pieces, not {vocabulary}; "
            f"lower it to {found[1]} or less, or give more text"
        )
    if found := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return UserError(
            f"tokenizer.vocabulary: {vocabulary} pieces do not hold the text's characters; raise "
            f"it to {found[1]} at least, or lower tokenizer.character_coverage"
        )
    return UserError(f"tokenizer.vocabulary: sentencepiece refuses the text: {message}")
