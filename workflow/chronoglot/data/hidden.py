"""Sentences of a treebank whose words are hidden, as where their licence forbids to publish them.

An underscore stands for each word (`_`), or one for each of its characters (`____`). A text can
hold runs of underscores of its own, a rule or a signature; then they are annotated as punctuation
or as symbols, which a word is not.
"""

from collections.abc import Iterable

from chronoglot.data.conllu import Sentence

_OWN = frozenset({"PUNCT", "SYM"})


def hidden(sentences: Iterable[Sentence]) -> frozenset[str]:
    """The ids of the sentences with a hidden word.

    In a treebank that has such, a sentence of nothing but underscores is another.
    """
    sentences = list(sentences)
    found = {
        sentence.id
        for sentence in sentences
        if any(word.upos not in _OWN and _is_masked(word.form) for word in sentence.words)
    }
    if found:
        found |= {s.id for s in sentences if all(_is_masked(word.form) for word in s.words)}
    return frozenset(found)


def _is_masked(form: str) -> bool:
    return not form.strip("_ ")
