"""Small real runs as others keep them: tokenizers and checkpoints, for tests of the sources."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import torch

_SPECIAL = {
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "gpt_neox": ["<|endoftext|>", "<|padding|>"],
}


def train_tokenizer(folder: Path, family: str, text: Iterable[str]) -> Path:
    """The tokenizer of a family, trained on text, as `save_pretrained` writes it; the folder."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = _SPECIAL[family]
    if family == "bert":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=400, special_tokens=special, show_progress=False
        )
        names = dict(zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True))
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        names = {"eos": special[0], "pad": special[1]}
    tokenizer.train_from_iterator(text, trainer)
    if family == "bert":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
        )
    tokens = {f"{name}_token": token for name, token in names.items()}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens).save_pretrained(folder)
    return folder


def save_checkpoint(folder: Path, family: str, tokenizer: Path, step: int, layers: int) -> Path:
    """A checkpoint of a run of `transformers`, with the tokenizer and what a Trainer adds."""
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        PreTrainedTokenizerFast,
    )

    tokens = PreTrainedTokenizerFast.from_pretrained(str(tokenizer))
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        **{f"{name}_token_id": 0 for name in ("pad", "bos", "eos")},
    )
    kind = AutoModelForMaskedLM if family == "bert" else AutoModelForCausalLM
    torch.manual_seed(0)
    model = kind.from_config(config)
    _advance(model, step)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    torch.save({"state": {}}, folder / "optimizer.pt")
    (folder / "trainer_state.json").write_text(f'{{"global_step": {step}}}\n', encoding="utf-8")
    return folder


def save_fairseq(path: Path, dictionary: Path, step: int, layers: int) -> Path:
    """A checkpoint of fairseq's own RobertaModel, of the subwords of a dictionary."""
    from chronoglot.pretraining.fairseq_dataclasses import allow

    allow()
    from fairseq.checkpoint_utils import torch_persistent_save
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    symbols = Dictionary.load(str(dictionary))
    symbols.add_symbol("<mask>")
    settings = Namespace(
        arch="roberta_base",
        encoder_layers=layers,
        encoder_embed_dim=16,
        encoder_ffn_embed_dim=32,
        encoder_attention_heads=2,
        max_positions=128,
    )
    torch.manual_seed(0)
    model = RobertaModel.build_model(settings, SimpleNamespace(source_dictionary=symbols))
    _advance(model, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch_persistent_save({"args": settings, "model": model.state_dict()}, str(path))
    return path


def _advance(model: torch.nn.Module, step: int) -> None:
    """Move all weights a little, as training would, in a direction of the step's own."""
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.02)
