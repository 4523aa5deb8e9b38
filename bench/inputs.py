"""What competitors read: made once, from an invented language or a given treebank, and kept.

Everything lies in the cache under a name that tells what it was made from.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from chronoglot.runtime.files import whole, whole_folder
from chronoglot.settings.in_vitro import Generator, Sentences, Typology
from chronoglot.tables.gold_links import GoldLinks, read_gold_links, write_gold_links
from chronoglot.tables.sentence_pairs import Pairs, write_pairs
from chronoglot.tables.words import Words, read_words, write_words

from bench.benchmark import Options

SEED = 1
SOURCE = Typology(
    name="Talu",
    family="northern",
    order="SVO",
    adjective="before",
    adposition="before",
    case=False,
    agreement=True,
    morphology="separate",
    script="latin",
    words=20_000,
)
TARGET = SOURCE.model_copy(update={"name": "Oreni", "order": "SOV", "morphology": "agglutinated"})
# Lexicons of the size of a small real vocabulary, so that words are cut into subwords.
_LEXICON = {"nouns": 2000, "verbs": 800, "adjectives": 600, "adverbs": 200, "names": 300}
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def generator(**sizes: int | Sentences) -> Generator:
    """The generator's defaults but for `sizes`."""
    return Generator.model_validate({**_LEXICON, **sizes})


def treebank(options: Options, words: int) -> Path:
    """A word table of about `words` words, none of which is glued to the one before.

    So do other tools read a treebank: with a space between any two words.
    """
    if options.treebank:
        name = f"words-{options.treebank.name}-{words}.parquet"
    else:
        name = f"words-{words}.parquet"
    return _made(options.cache / name, lambda path: _write_treebank(options.treebank, words, path))


def _write_treebank(real: Path | None, words: int, output: Path) -> None:
    from chronoglot.data.locate import find_parts
    from chronoglot.data.treebank import prepare_words

    with _scratch() as folder:
        if real is None:
            from chronoglot.data.in_vitro.write import generate_language

            # A sentence has eight words or so.
            sizes = Sentences(train=max(words // 6, 12), dev=3, test=3)
            made = generator(treebank_sentences=sizes, pairs=Sentences(train=3, dev=3, test=3))
            brief = SOURCE.model_copy(update={"words": 1000})
            generate_language("qaa", brief, made, SEED, folder / "qaa")
        prepare_words(
            find_parts(real or folder / "qaa"),
            folder / "words.parquet",
            language="qaa",
            split="sentence",
            shares=(0.98, 0.01, 0.01),
            max_train_words=words,
        )
        table = read_words(folder / "words.parquet")
    # Whole sentences from the start.
    bounds = table.sentence_starts()
    stop = bounds[np.searchsorted(bounds, min(words, len(table)))]
    columns = {field.name: getattr(table, field.name)[:stop] for field in dataclasses.fields(table)}
    spaced = Words(**columns | {"space_before": np.ones(stop, dtype=bool)})
    write_words(spaced, output)


def sentences(table: Words) -> list[list[str]]:
    """The forms of each sentence."""
    bounds = table.sentence_starts().tolist()
    return [table.form[start:stop].tolist() for start, stop in pairwise(bounds)]


def text(options: Options, paragraphs: int) -> Path:
    """A text of so many paragraphs, the sentences of a treebank."""
    source = options.treebank.name if options.treebank else "in-vitro"

    def write(path: Path) -> None:
        lines = [" ".join(forms) for forms in sentences(read_words(treebank(options, 20_000)))]
        path.write_text("".join(f"{line}\n" for line in lines[:paragraphs]), encoding="utf-8")

    return _made(options.cache / f"text-{source}-{paragraphs}.txt", write)


def parallel(options: Options, number: int) -> Path:
    """A gold link table of two invented languages, with a space before every word."""

    def write(path: Path) -> None:
        from chronoglot.data.gold_links import prepare_gold_links
        from chronoglot.data.in_vitro.write import generate_translations

        made = generator(parallel=number)
        with _scratch() as folder:
            generate_translations("qaa", SOURCE, "qab", TARGET, made, SEED, folder / "gold")
            prepare_gold_links(folder / "gold", folder / "parallel.parquet")
            pairs = read_gold_links(folder / "parallel.parquet").translations
        spaced = [
            dataclasses.replace(
                pair,
                source_space_before=(True,) * len(pair.source),
                target_space_before=(True,) * len(pair.target),
            )
            for pair in pairs
        ]
        write_gold_links(GoldLinks(tuple(spaced)), path)

    return _made(options.cache / f"parallel-{number}.parquet", write)


def pairs(options: Options, number: int) -> Path:
    """A pair table of about `number` pairs of sentences, in threes that share a hypothesis."""

    def write(path: Path) -> None:
        from chronoglot.data.in_vitro.write import generate_language
        from chronoglot.data.xnli import collect_pairs

        sizes = Sentences(train=number, dev=3, test=3)
        made = generator(pairs=sizes, treebank_sentences=Sentences(train=3, dev=3, test=3))
        with _scratch() as folder:
            brief = SOURCE.model_copy(update={"words": 1000})
            generate_language("qaa", brief, made, SEED, folder / "qaa")
            parts = {n: folder / "qaa" / f"xnli.{n}.tsv" for n in ("train", "dev", "test")}
            table = collect_pairs("qaa", max_train=None, **parts)
        rows = slice(0, number)
        columns = {f.name: getattr(table, f.name)[rows] for f in dataclasses.fields(table)}
        write_pairs(Pairs(**columns), path)

    return _made(options.cache / f"pairs-{number}.parquet", write)


def model(options: Options) -> Path:
    """A model folder with random weights: at full scale of the size of XLM-R base.

    Its tokenizer is trained on the treebank; the embeddings of XLM-R's 250,002 subwords are there
    at full scale, though few are used.
    """
    source = options.treebank.name if options.treebank else "in-vitro"

    def write(folder: Path) -> None:
        with whole_folder(folder) as temporary:
            _write_model(temporary, read_words(treebank(options, 20_000)), options.full)

    return _made(options.cache / f"model-{source}-{options.scale}", write)


def _write_model(folder: Path, table: Words, full: bool) -> None:
    import torch
    from chronoglot.checkpoints.manifest import write_manifest
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    pieces = _write_tokenizer(folder, table, 8000 if full else 300)
    # Those of XLM-R base are the defaults.
    sizes: dict[str, Any] = {} if full else _SMALL
    torch.manual_seed(SEED)
    config = XLMRobertaConfig(
        vocab_size=250_002 if full else pieces + 2,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        **sizes,
    )
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    special = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>"}
    special |= {"pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    settings = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}
    settings |= {f"{name}_token": token for name, token in special.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    write_manifest(folder)


def _write_tokenizer(folder: Path, table: Words, size: int) -> int:
    """A sentencepiece model of at most `size` pieces; returns their number."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    lines = [" ".join(forms) for forms in sentences(table)]
    # NeuroX puts the word "a" before others to count their subwords, and takes it to be one.
    lines += ["a a a"] * len(lines)
    trained = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=trained,
        vocab_size=size,
        hard_vocab_limit=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "sentencepiece.bpe.model").write_bytes(trained.getvalue())
    return len(SentencePieceProcessor(model_proto=trained.getvalue()))


def binarised(options: Options, words: int, vocabulary: int) -> Path:
    """A folder with the text of two invented languages as fairseq reads it: `qaa` and `qab`."""

    def write(folder: Path) -> None:
        from chronoglot.data.in_vitro.write import generate_language
        from chronoglot.data.text import prepare_text
        from chronoglot.pretraining.binarise import binarise
        from chronoglot.pretraining.tokenizer import train_tokenizer

        few = Sentences(train=3, dev=3, test=3)
        made = Generator(treebank_sentences=few, pairs=few)
        texts = {}
        with _scratch() as scratch:
            for code, typology in (("qaa", SOURCE), ("qab", TARGET)):
                brief = typology.model_copy(update={"words": words})
                generate_language(code, brief, made, SEED, scratch / code)
                texts[code] = scratch / f"{code}-train.txt", scratch / f"{code}-heldout.txt"
                prepare_text(
                    [scratch / code / "text.txt"], *texts[code], format="plain", heldout_share=0.05
                )
            with whole_folder(folder) as temporary:
                model, dictionary = scratch / "sentencepiece.bpe.model", scratch / "dict.txt"
                train_tokenizer(
                    {code: train for code, (train, _) in texts.items()},
                    model,
                    dictionary,
                    vocabulary=vocabulary,
                    alpha=0.3,
                    seed=SEED,
                    sentences=None,
                    character_coverage=1.0,
                )
                binarise(texts, model, dictionary, temporary)

    return _made(options.cache / f"binarised-{words}-{vocabulary}", write)


def corpus(options: Options, words: int) -> Path:
    """The sentences of `treebank`, one a line."""
    table = treebank(options, words)

    def write(path: Path) -> None:
        lines = [" ".join(forms) for forms in sentences(read_words(table))]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return _made(table.with_suffix(".txt"), write)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that is removed; what readers say of its files is not shown."""
    quiet = io.StringIO()
    with (
        TemporaryDirectory(prefix="chronoglot-") as folder,
        redirect_stdout(quiet),
        redirect_stderr(quiet),
    ):
        yield Path(folder)


def _made(path: Path, write: Callable[[Path], None]) -> Path:
    """The path, after it was written if it was not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            with whole(path) as temporary:
                write(temporary)
        else:
            write(path)
    return path
