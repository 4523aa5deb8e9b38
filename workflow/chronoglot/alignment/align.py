"""A checkpoint and sentence pairs with gold links in, alignment scores of its layers out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chronoglot.alignment.chunk import Chunk, chunks
from chronoglot.alignment.methods import METHODS, similarity
from chronoglot.alignment.metrics import Agreement, agreement
from chronoglot.encoding.encode import Long, Pooling, word_vectors
from chronoglot.encoding.encoder import Precision, load_encoder
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole
from chronoglot.runtime.progress import Progress
from chronoglot.tables.gold_links import read_gold_links


def align(
    model_folder: str | Path,
    parallel: str | Path,
    *,
    step: int,
    source: str,
    target: str,
    pooling: Pooling,
    batch_tokens: int,
    long: Long,
    output: str | Path,
    method: str = "argmax",
    device: str = "cpu",
    precision: Precision = "fp32",
    threads: int = 1,
) -> None:
    """Align the sentence pairs of the table `parallel` at every layer and score the links.

    `source` and `target` name the languages of the table's two sides. Words get their vectors as
    in `chronoglot.encoding.encode` (`pooling`, `batch_tokens`, `long`), links come from the two
    methods of `chronoglot.alignment.methods`; `method` names the one whose F1 is the score.

    Writes `output`, a JSON list of one flat object a layer: `score`, and for each method
    `{method}_{precision,recall,f1,aer,links}` over all sentence pairs, null where undefined; see
    `chronoglot.alignment.metrics`. Predicted links with a word that the annotators did not judge
    are not counted.

    Raises UserError if a file is damaged, there is no such method, or the encoder refuses a
    sentence.
    """
    if method not in METHODS:
        raise UserError(f"alignment.method: no {method!r}; choose from {', '.join(METHODS)}")
    pairs = read_gold_links(parallel).translations
    torch.set_num_threads(threads)
    encoder = load_encoder(model_folder, device, precision)
    layers = range(encoder.layers + 1)

    found = {(layer, name): Agreement() for layer in layers for name in METHODS}
    progress = Progress("aligned", len(pairs), "sentence pairs")
    for numbers in chunks(pairs):
        chunk = Chunk([pairs[number] for number in numbers])
        words = chunk.table([f"{n + 1} ({side})" for side in (source, target) for n in numbers])
        vectors = np.empty((len(layers), len(words), encoder.dimension), dtype=np.float32)
        for rows, batch in word_vectors(
            encoder, words, pooling=pooling, batch_tokens=batch_tokens, long=long
        ):
            vectors[:, rows] = batch
        for layer, of_layer in zip(layers, vectors, strict=True):
            similarities = similarity(*chunk.padded(of_layer))
            for name, extract in METHODS.items():
                links = extract(similarities, chunk.words) & chunk.judged
                found[layer, name] += agreement(links, chunk.sure, chunk.possible)
        progress.add(len(numbers))

    constant: dict[str, Any] = {
        "step": step,
        "task": "alignment",
        "source": source,
        "target": target,
        "score_dev": None,
        "majority": None,
        "train_items": None,
        "test_items": len(pairs),
        "unseen": None,
        "regularisation": None,
        "sentences": len(pairs),
        "sure_links": sum(len(pair.sure) for pair in pairs),
        "possible_links": sum(len(pair.possible) for pair in pairs),
    }
    results = []
    for layer in layers:
        result = constant | {"layer": layer}
        for name in METHODS:
            result |= _measures(name, found[layer, name])
        results.append(result | {"score": result[f"{method}_f1"]})
    with whole(output) as temporary:
        text = json.dumps(results, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


def _measures(method: str, found: Agreement) -> dict[str, float | None]:
    values = {name: getattr(found, name) for name in ("precision", "recall", "f1", "aer", "links")}
    return {f"{method}_{name}": None if np.isnan(v) else v for name, v in values.items()}
