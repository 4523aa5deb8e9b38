"""The files of an invented language."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chronoglot.data.in_vitro.dice import Dice
from chronoglot.data.in_vitro.grammar import Grammar
from chronoglot.data.in_vitro.inference import Pair, Reasoner
from chronoglot.data.in_vitro.lexicon import make_lexicon
from chronoglot.data.in_vitro.meaning import Clause
from chronoglot.data.in_vitro.realise import Speaker, Word, links, spell
from chronoglot.data.in_vitro.world import World
from chronoglot.runtime.files import whole_folder
from chronoglot.settings.in_vitro import Generator, Typology
from chronoglot.tables.values import SPLITS

# XNLI-1.0 has more columns, for parses and for the labels of single annotators, which stay empty.
_XNLI_COLUMNS = (
    *("language", "gold_label", "sentence1_binary_parse", "sentence2_binary_parse"),
    *("sentence1_parse", "sentence2_parse", "sentence1", "sentence2", "promptID", "pairID"),
    *("genre", "label1", "label2", "label3", "label4", "label5"),
    *("sentence1_tokenized", "sentence2_tokenized", "match"),
)


def generate_language(
    code: str, typology: Typology, generator: Generator, seed: int, folder: Path
) -> None:
    """Write a language's text, treebank and sentence pairs into `folder`.

    They depend on the arguments alone, whatever other languages there are: `text.txt` (a sentence
    a line, a blank line between documents), `{code}_invitro-ud-{split}.conllu` and
    `xnli.{split}.tsv` (columns of XNLI-1.0, the same meanings in every language). The text holds
    no sentence of the treebank, of the pairs or of any parallel sentences, and no two splits of
    the treebank hold the same sentence.
    """
    world = World(generator, seed)
    speaker = _speaker(code, typology, generator, world, seed)
    treebank = _treebank(code, speaker, generator, world, seed)
    pairs = draw_pairs(world, generator, seed)
    probed = {spell(words) for sentences in treebank.values() for words in sentences}
    probed |= {speaker.text(m) for m in _parallel_meanings(world, generator, seed)}
    with whole_folder(folder) as temporary:
        for split in SPLITS:
            path = temporary / f"{code}_invitro-ud-{split}.conllu"
            path.write_text(_conllu(treebank[split], f"{code}-{split}"), encoding="utf-8")
            rows = []
            for pair in pairs[split]:
                premise, hypothesis = pair.sentences()
                rows.append((pair, speaker.text(premise), speaker.text(hypothesis)))
                probed.update(rows[-1][1:])
            _write_pairs(temporary / f"xnli.{split}.tsv", code, rows)
        grammar = Grammar(world, Dice("text", code, seed))
        with (temporary / "text.txt").open("w", encoding="utf-8") as file:
            dice = Dice("documents", code, seed)
            file.writelines(_text(grammar, speaker, dice, typology.words, probed))


def generate_translations(
    source_code: str,
    source_typology: Typology,
    target_code: str,
    target_typology: Typology,
    generator: Generator,
    seed: int,
    folder: Path,
) -> None:
    """Write `sentences.txt` (`source ||| target`, tokenized) and `gold.txt` (links `i-j` from 0).

    Line n has the same meaning for every pair of languages. Both files have a line a sentence.
    """
    world = World(generator, seed)
    source = _speaker(source_code, source_typology, generator, world, seed)
    target = _speaker(target_code, target_typology, generator, world, seed)
    sentences, gold = [], []
    for meaning in _parallel_meanings(world, generator, seed):
        left, right = source.sentence(meaning), target.sentence(meaning)
        sentences.append(
            f"{' '.join(word.form for word in left)} ||| {' '.join(word.form for word in right)}\n"
        )
        gold.append(" ".join(f"{i}-{j}" for i, j in links(left, right)) + "\n")
    with whole_folder(folder) as temporary:
        (temporary / "sentences.txt").write_text("".join(sentences), encoding="utf-8")
        (temporary / "gold.txt").write_text("".join(gold), encoding="utf-8")


def draw_pairs(world: World, generator: Generator, seed: int) -> dict[str, list[Pair]]:
    """The labelled pairs of each split, in threes that share a hypothesis used nowhere else."""
    used = set()
    pairs: dict[str, list[Pair]] = {}
    for split in SPLITS:
        reasoner = Reasoner(world, Dice("pairs", split, seed), seen_only=split == "train")
        pairs[split] = []
        for triple in reasoner.triples():
            if len(pairs[split]) + 3 > getattr(generator.pairs, split):
                break
            key = (triple[0].hypothesis, triple[0].tense)
            if key not in used:
                used.add(key)
                pairs[split].extend(triple)
    return pairs


def _speaker(
    code: str, typology: Typology, generator: Generator, world: World, seed: int
) -> Speaker:
    share = generator.common_vocabulary
    return Speaker(typology, make_lexicon(code, typology, world, share, seed))


def _parallel_meanings(world: World, generator: Generator, seed: int) -> Iterator[Clause]:
    grammar = Grammar(world, Dice("parallel", seed))
    return (grammar.sentence() for _ in range(generator.parallel))


def _treebank(
    code: str, speaker: Speaker, generator: Generator, world: World, seed: int
) -> dict[str, list[list[Word]]]:
    seen: set[str] = set()
    treebank: dict[str, list[list[Word]]] = {}
    for split in SPLITS:
        grammar = Grammar(world, Dice("treebank", split, code, seed), seen_only=split == "train")
        treebank[split] = []
        while len(treebank[split]) < getattr(generator.treebank_sentences, split):
            words = speaker.sentence(grammar.sentence())
            if spell(words) not in seen:
                seen.add(spell(words))
                treebank[split].append(words)
    return treebank


def _conllu(sentences: Sequence[Sequence[Word]], prefix: str) -> str:
    return "".join(
        f"# sent_id = {prefix}-{number}\n# text = {spell(words)}\n{_rows(words)}\n"
        for number, words in enumerate(sentences, start=1)
    )


def _rows(words: Sequence[Word]) -> str:
    places = {id(word): place for place, word in enumerate(words, start=1)}
    rows = []
    for place, word in enumerate(words, start=1):
        head = places[id(word.head)] if word.head else 0
        glued = place < len(words) and not words[place].space_before
        misc = "SpaceAfter=No" if glued else "_"
        columns = (place, word.form, word.lemma, word.upos, "_", "_", head, word.deprel, "_", misc)
        rows.append("\t".join(map(str, columns)) + "\n")
    return "".join(rows)


def _write_pairs(path: Path, code: str, rows: Iterable[tuple[Pair, str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _XNLI_COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for number, (pair, premise, hypothesis) in enumerate(rows):
            writer.writerow(
                {
                    "language": code,
                    "gold_label": pair.label,
                    "sentence1": premise,
                    "sentence2": hypothesis,
                    "promptID": number // 3 + 1,
                    "pairID": number + 1,
                }
            )


def _text(
    grammar: Grammar, speaker: Speaker, dice: Dice, count: int, probed: set[str]
) -> Iterator[str]:
    """Lines of text, until `count` words; none is a sentence of a probe."""
    words = 0
    left = 4 + dice.below(12)  # sentences of the document
    while words < count:
        sentence = speaker.sentence(grammar.sentence())
        line = spell(sentence)
        if line in probed:
            continue
        if left == 0:
            yield "\n"
            left = 4 + dice.below(12)
        yield line + "\n"
        words += len(sentence)
        left -= 1
