"""Proof of a conversion: the folder computes what fairseq computes from the checkpoint."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch

from chronoglot.checkpoints.convert import mask_first
from chronoglot.checkpoints.load import load_fairseq
from chronoglot.pretraining.fairseq_dataclasses import allow
from chronoglot.runtime.errors import UserError

TOLERANCE = 1e-4


def compare_with_fairseq(
    checkpoint: str | Path, folder: str | Path, dictionary: str | Path, sentences: Sequence[str]
) -> dict:
    """Compare fairseq's model with the converted one over sentences in any script.

    Returns `layers`: the greatest absolute difference of the hidden states of each layer, 0
    (embedding output) to L; `logits`: the same for the masked LM's output; `sentences`: their
    number; `ids_equal`: True. Sentences are cut to the model's window, alike on both sides.

    Raises UserError, naming the first sentence or layer, if subword ids differ or a difference
    exceeds 1e-4.
    """
    allow()
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel
    from sentencepiece import SentencePieceProcessor
    from transformers import XLMRobertaForMaskedLM, XLMRobertaTokenizer

    state, settings = load_fairseq(checkpoint)
    symbols = Dictionary.load(str(dictionary))
    symbols.add_symbol("<mask>")
    theirs = RobertaModel.build_model(
        Namespace(**settings), SimpleNamespace(source_dictionary=symbols)
    )
    theirs.load_state_dict(state)  # fairseq's own, which knows its older names
    theirs.eval()
    processor = SentencePieceProcessor(model_file=str(Path(folder) / "sentencepiece.bpe.model"))

    ours = XLMRobertaForMaskedLM.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = XLMRobertaTokenizer.from_pretrained(folder, local_files_only=True)

    padding = getattr(ours.config, "vocab_padding", 0)
    layers = torch.zeros(ours.config.num_hidden_layers + 1)
    logits = torch.zeros(())
    for sentence in sentences:
        pieces = " ".join(processor.encode(sentence, out_type=str))
        ids = [symbols.bos(), *symbols.encode_line(pieces, add_if_not_exist=False).tolist()]
        if tokenizer(sentence)["input_ids"] != ids:
            raise UserError(f"{folder}: subword ids differ from fairseq's for {sentence!r}")
        batch = torch.tensor([ids[: tokenizer.model_max_length]])
        with torch.inference_mode():
            expected, extra = theirs(batch, return_all_hiddens=True)
            if padding:
                expected = expected[..., mask_first(ours.config.vocab_size, padding)]
            output = ours(batch, output_hidden_states=True)
        states = [state.transpose(0, 1) for state in extra["inner_states"]]
        difference = [
            (a - b).abs().max() for a, b in zip(states, output.hidden_states, strict=True)
        ]
        layers = torch.maximum(layers, torch.stack(difference))
        logits = torch.maximum(logits, (expected - output.logits).abs().max())
    # `not ≤` rather than `>`, so that a NaN fails.
    for name, value in [*((f"layer {n}", v) for n, v in enumerate(layers)), ("logits", logits)]:
        if not value <= TOLERANCE:
            raise UserError(f"{folder}: {name} differs from fairseq's by {value:.1e}")
    return {
        "layers": layers.tolist(),
        "logits": logits.item(),
        "sentences": len(sentences),
        "ids_equal": True,
    }
