"""Encoding pairs of sentences: the vector of each pair at all layers, in files."""

from pathlib import Path
from typing import Any

import numpy as np
from chronoglot.tables.sentence_pairs import read_pairs

from bench import inputs
from bench.benchmark import Case, Competitor, Options, Outcome, Precision, Run


def cases(options: Options) -> list[Case]:
    """Ours against a loop over the pairs."""
    number = 600 if options.full else 30
    arguments = {
        "model": inputs.model(options),
        "table": inputs.pairs(options, number),
        "output": options.cache / "xnli",
        "device": options.device,
        "precision": options.precision,
    }
    competitors = [
        Competitor("Chronoglot", ours, arguments),
        Competitor("transformers, one pair a pass", one_by_one, arguments),
    ]
    return [Case("XNLI", f"{number:,} sentence pairs", "sentence pairs", competitors, per=1000)]


def ours(model: Path, table: Path, output: Path, device: str, precision: Precision) -> Run:
    """What the job does once the model is loaded."""
    from chronoglot.encoding.encoder import load_encoder as load
    from chronoglot.encoding.sentence_pairs import write_pair_vectors

    encoder, pairs = load(model, device, precision), read_pairs(table)
    files = {layer: output / f"ours-{layer}.npy" for layer in range(encoder.layers + 1)}

    def run() -> Outcome:
        write_pair_vectors(encoder, pairs, files, pooling="first", batch_tokens=4096, long="refuse")
        return _outcome(len(pairs), list(files.values()))

    return run


def one_by_one(model: Path, table: Path, output: Path, device: str, precision: Precision) -> Run:
    """A loop over `transformers`, a pair in each forward pass."""
    import torch

    from bench.models import transformer

    network, tokenizer = transformer(model, device, precision)
    pairs = read_pairs(table)
    output.mkdir(parents=True, exist_ok=True)
    files = [output / f"loop-{n}.npy" for n in range(network.config.num_hidden_layers + 1)]

    @torch.inference_mode()
    def run() -> Outcome:
        vectors = []
        for premise, hypothesis in zip(pairs.premise, pairs.hypothesis, strict=True):
            inputs = tokenizer(premise, hypothesis, return_tensors="pt").to(device)
            states = network(**inputs, output_hidden_states=True).hidden_states
            vectors.append(np.stack([state[0, 0].float().cpu().numpy() for state in states]))
        for file, layer in zip(files, np.stack(vectors, axis=1), strict=True):
            np.save(file, layer)
        return _outcome(len(pairs), files)

    return run


def _outcome(pairs: int, files: list[Path]) -> Outcome:
    def result() -> list[Any]:
        return [np.load(file) for file in files]

    return Outcome(pairs, result=result)
