"""Encoding a treebank: the vectors of its words at all layers, in files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from chronoglot.tables.words import read_words

from bench import inputs, neurox
from bench.benchmark import Case, Competitor, Options, Outcome, Precision, Run

BATCH_TOKENS = 4096  # the setting's default
PLAIN_BATCH = 32  # sentences


def cases(options: Options) -> list[Case]:
    """All competitors on one treebank; and ours on a larger one, to show that memory is bounded."""
    words = 5000 if options.full else 300
    cases = [_case(options, "words", words, [ours, bare, plain, with_neurox])]
    if options.full:
        cases.append(_case(options, "four times the words", 4 * words, [ours]))
    return cases


def _case(options: Options, name: str, words: int, runs: Sequence[Any]) -> Case:
    table = inputs.treebank(options, words)
    arguments = {
        "model": inputs.model(options),
        "table": table,
        "output": options.cache / "encoding",
        "device": options.device,
        "precision": options.precision,
    }
    more = {"corpus": inputs.corpus(options, words), "installed": neurox.folder(options)}
    competitors = [
        Competitor(_NAMES[run], run, arguments | (more if run is with_neurox else {}))
        for run in runs
    ]
    read = read_words(table)
    size = f"{len(read):,} words, {read.sentence[-1] + 1:,} sentences"
    return Case(name, size, "words", competitors)


def ours(model: Path, table: Path, output: Path, device: str, precision: Precision) -> Run:
    """What the job does once the model is loaded."""
    from chronoglot.encoding.encode import write_vectors
    from chronoglot.encoding.encoder import load_encoder as load

    encoder, words = load(model, device, precision), read_words(table)
    files = _files(output / "ours", encoder.layers)

    def run() -> Outcome:
        write_vectors(
            encoder,
            words,
            dict(enumerate(files)),
            pooling="mean",
            batch_tokens=BATCH_TOKENS,
            long="refuse",
        )
        return _outcome(len(words), files, lambda: [np.load(file) for file in files])

    return run


def bare(model: Path, table: Path, output: Path, device: str, precision: Precision) -> Run:
    """The model's forward pass alone, over the same subwords in the same batches."""
    from chronoglot.encoding.batches import batches
    from chronoglot.encoding.encoder import load_encoder as load

    encoder, words = load(model, device, precision), read_words(table)
    subwords = encoder.tokenize(words)
    bounds = subwords.starts[words.sentence_starts()].tolist()
    texts = [subwords.ids[start:stop] for start, stop in pairwise(bounds)]
    texts.sort(key=len, reverse=True)
    packed = list(batches(texts, lambda text: len(text) + encoder.special, BATCH_TOKENS))

    def run() -> Outcome:
        for batch in packed:
            for state in encoder.hidden_states(batch):
                last = state
        return Outcome(len(words), result=lambda: last)

    return run


def plain(model: Path, table: Path, output: Path, device: str, precision: Precision) -> Run:
    """A plain loop over `transformers`: sentences in file order, padded to the batch."""
    import torch

    from bench.models import transformer

    network, tokenizer = transformer(model, device, precision)
    words = read_words(table)
    sentences = inputs.sentences(words)
    files = _files(output / "plain", network.config.num_hidden_layers)

    def run() -> Outcome:
        vectors: list[Any] = []
        for first in range(0, len(sentences), PLAIN_BATCH):
            batch = tokenizer(
                sentences[first : first + PLAIN_BATCH],
                is_split_into_words=True,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                states = network(**batch.to(device), output_hidden_states=True).hidden_states
            layers = torch.stack(states).float().cpu()  # [layers, sentences, subwords, dimension]
            for number, forms in enumerate(sentences[first : first + PLAIN_BATCH]):
                owners = torch.tensor([-1 if w is None else w for w in batch.word_ids(number)])
                for word in range(len(forms)):
                    vectors.append(layers[:, number, owners == word].mean(dim=1))
        for file, layer in zip(files, torch.stack(vectors, dim=1).numpy(), strict=True):
            np.save(file, layer)
        return _outcome(len(words), files, lambda: [np.load(file) for file in files])

    return run


def with_neurox(
    model: Path,
    table: Path,
    output: Path,
    device: str,
    precision: Precision,
    corpus: Path,
    installed: Path,
) -> Run:
    """NeuroX's own loop, one sentence at a time, into its smaller format."""
    extractor = neurox.load(installed, "data.extraction.transformers_extractor")
    loaded = extractor.get_model_and_tokenizer(str(model), device)
    setattr(extractor, "get_model_and_tokenizer", lambda *_, **__: loaded)  # noqa: B010
    words = len(read_words(table))
    file = output / "neurox.hdf5"
    file.parent.mkdir(parents=True, exist_ok=True)

    def run() -> Outcome:
        extractor.extract_representations(
            str(model),
            str(corpus),
            str(file),
            device=device,
            aggregation="average",
            output_type="hdf5",
        )
        return _outcome(words, [file], lambda: _read_neurox(file))

    return run


_NAMES = {
    ours: "Chronoglot",
    bare: "the model's forward pass alone",
    plain: "transformers, file order, batches of 32",
    with_neurox: "NeuroX 1.0.9",
}


def _read_neurox(file: Path) -> list[Any]:
    import h5py

    with h5py.File(file) as content:
        numbers = sorted(int(name) for name in content if name.isdigit())
        return list(np.concatenate([content[str(number)][:] for number in numbers], axis=1))


def _files(folder: Path, layers: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / f"layer-{layer}.npy" for layer in range(layers + 1)]


def _outcome(words: int, files: Sequence[Path], result: Any) -> Outcome:
    def facts() -> dict[str, float]:
        return {"MB written": sum(file.stat().st_size for file in files) / 1e6}

    return Outcome(words, facts, result)
