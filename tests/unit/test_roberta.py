"""The forward pass computes what transformers computes, and refuses what it cannot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.encoding.roberta import Roberta
from chronoglot.encoding.xlm_roberta import XLMRoberta
from chronoglot.runtime.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

POSITIONS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(
        tmp_path_factory.mktemp("model"),
        positions=POSITIONS,
        num_hidden_layers=3,
        type_vocab_size=2,
        layer_norm_eps=1e-3,
    )


@pytest.fixture(scope="module")
def model(folder: Path) -> Roberta:
    return Roberta(folder, head=True)


@pytest.fixture(scope="module")
def reference(folder: Path) -> Callable[[list[NDArray[np.int64]]], torch.Tensor]:
    """Layers and, last, logits of a padded batch, from transformers."""
    from transformers import XLMRobertaForMaskedLM

    theirs = XLMRobertaForMaskedLM.from_pretrained(folder, attn_implementation="sdpa").eval()

    @torch.inference_mode()
    def run(texts: list[NDArray[np.int64]]) -> list[torch.Tensor]:
        ids = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(text) for text in texts], batch_first=True, padding_value=1
        )
        output = theirs(ids, attention_mask=ids != 1, output_hidden_states=True)
        return [state[ids != 1] for state in (*output.hidden_states, output.logits)]

    return run


def texts_of(lengths: list[int], vocabulary: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.integers(2, vocabulary, length) for length in lengths]


@settings(max_examples=60)
@given(lengths=st.lists(st.integers(1, POSITIONS), min_size=1, max_size=12))
def test_layers_and_logits_are_those_of_transformers(
    model: Roberta, reference: Callable, lengths: list[int]
) -> None:
    texts = texts_of(lengths, model.config.vocabulary)
    states = model.states(np.concatenate(texts), lengths)
    assert len(states) == model.config.layers + 1
    for ours, theirs in zip([*states, model.logits(states[-1])], reference(texts), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_large_batch_goes_through_in_pieces(model: Roberta, reference: Callable) -> None:
    lengths = sorted(np.random.default_rng(0).integers(1, POSITIONS, 120).tolist())
    assert sum(lengths) > 2048
    texts = texts_of(lengths, model.config.vocabulary)
    states = model.states(np.concatenate(texts), lengths)
    for ours, theirs in zip(states, reference(texts)[:-1], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_computes_the_same(folder: Path, model: Roberta) -> None:
    lengths = [9, 9, 5, 30]
    ids = np.concatenate(texts_of(lengths, model.config.vocabulary))
    gpu = Roberta(folder, "cuda", head=True)
    states = gpu.states(ids, lengths)
    for ours, theirs in zip(states, model.states(ids, lengths), strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=1e-4, rtol=1e-4)
    assert gpu.logits(states[-1]).device.type == "cuda"


def test_a_model_without_a_head_and_in_half_precision_is_read(
    folder: Path, model: Roberta, tmp_path: Path
) -> None:
    """As `XLMRobertaModel` saves it: the names have no prefix."""
    from transformers import XLMRobertaModel

    XLMRobertaModel.from_pretrained(folder).half().save_pretrained(tmp_path)
    ids, lengths = texts_of([7], model.config.vocabulary)[0], [7]
    states = Roberta(tmp_path).states(ids, lengths)
    assert states[0].dtype == torch.float32
    for ours, theirs in zip(states, model.states(ids, lengths), strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0)
    with pytest.raises(UserError, match=r"no weights for lm_head\.bias, lm_head\.dense\.bias"):
        Roberta(tmp_path, head=True)


def changed(folder: Path, into: Path, **config: object) -> Path:
    shutil.copytree(folder, into)
    path = into / "config.json"
    content = json.loads(path.read_text()) | config
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
    return into


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'; only 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "only 'absolute'"),
        ({"is_decoder": True}, "is_decoder is True; only False"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"layer_norm_eps": None}, "does not say layer_norm_eps"),
        ({"num_attention_heads": 3}, "3 heads"),
        ({"hidden_size": 32}, r"word_embeddings\.weight has shape \(\d+, 16\), not .*\(\d+, 32\)"),
        ({"num_hidden_layers": 4}, r"no weights for encoder\.layer\.3\..* and 11 more"),
        ({"num_hidden_layers": 2}, r"no place for encoder\.layer\.2\..* and 11 more"),
    ],
)
def test_a_configuration_that_is_not_the_model_is_refused(
    folder: Path, tmp_path: Path, config: dict, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Roberta(changed(folder, tmp_path / "model", **config))


def test_a_missing_weight_is_named(folder: Path, tmp_path: Path) -> None:
    broken = changed(folder, tmp_path / "model")
    weights = load_file(broken / "model.safetensors")
    del weights["roberta.encoder.layer.1.output.dense.bias"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"no weights for encoder\.layer\.1\.output\.dense\.bias$"):
        Roberta(broken)


def test_positions_have_to_be_counted_from_something(folder: Path, tmp_path: Path) -> None:
    path = changed(folder, tmp_path / "model") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": None}))
    with pytest.raises(UserError, match="pad_token_id is null"):
        Roberta(path.parent)


@pytest.mark.parametrize("name", ["lm_head.decoder.weight", "lm_head.decoder.bias"])
def test_a_head_of_its_own_is_used_as_transformers_uses_it(
    folder: Path, tmp_path: Path, name: str
) -> None:
    from transformers import XLMRobertaForMaskedLM

    untied = changed(folder, tmp_path / "untied")
    weights = load_file(untied / "model.safetensors")
    shared = {"weight": "roberta.embeddings.word_embeddings.weight", "bias": "lm_head.bias"}
    weights[name] = 2 * weights[shared[name.rpartition(".")[2]]] + 1
    save_file(weights, untied / "model.safetensors", {"format": "pt"})
    ids = torch.arange(2, 9)
    theirs = XLMRobertaForMaskedLM.from_pretrained(untied).eval()
    with torch.inference_mode():
        expected = theirs(ids[None]).logits[0]
    model = Roberta(untied, head=True)
    found = model.logits(model.states(ids.numpy(), [len(ids)])[-1])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_an_unreadable_file_is_refused(folder: Path, tmp_path: Path) -> None:
    broken = changed(folder, tmp_path / "model")
    (broken / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UserError, match=r"model\.safetensors: not a readable"):
        Roberta(broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: not a readable"):
        Roberta(broken)


def test_a_tokenizer_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    """One embedding too few, that of <mask>, is told before it is looked up."""
    size = XLMRoberta(folder, head=True).mask
    weights = load_file(folder / "model.safetensors")
    name = "roberta.embeddings.word_embeddings.weight"
    broken = changed(folder, tmp_path / "model", vocab_size=size)
    save_file(weights | {name: weights[name][:size].contiguous()}, broken / "model.safetensors")
    with pytest.raises(UserError, match=f"ids to {size}, <mask> included, the model only {size} "):
        XLMRoberta(broken)


def test_a_text_longer_than_the_window_is_an_error(folder: Path) -> None:
    encoder = XLMRoberta(folder)
    assert encoder.window == POSITIONS - 2
    assert len(encoder.hidden_states([np.full(encoder.window, 5)])[0]) == POSITIONS
    with pytest.raises(ValueError, match="38 subwords at once, not 39"):
        encoder.hidden_states([np.full(encoder.window + 1, 5)])


def test_special_subwords_surround_each_text(folder: Path, reference: Callable) -> None:
    encoder = XLMRoberta(folder)
    texts = [np.array([5, 6, 7]), np.array([8]), np.zeros(0, np.int64)]
    states = encoder.hidden_states(texts)
    read = [np.array([0, *text, 2]) for text in texts]
    for ours, theirs in zip(states, reference(read)[:-1], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert encoder.separator.tolist() == [2, 2]


@settings(max_examples=20)
@given(lengths=st.lists(st.integers(1, POSITIONS), min_size=1, max_size=12))
def test_bfloat16_is_near_single_precision(
    folder: Path, model: Roberta, lengths: list[int]
) -> None:
    half = Roberta(folder, head=True, dtype=torch.bfloat16)
    texts = texts_of(lengths, model.config.vocabulary)
    ours, exact = (one.states(np.concatenate(texts), lengths) for one in (half, model))
    for state, expected in zip(
        [*ours, half.logits(ours[-1])], [*exact, model.logits(exact[-1])], strict=True
    ):
        assert state.dtype == torch.float32
        assert not torch.equal(state, expected)
        # It has 8 bits, and each block adds its rounding to that of the one before.
        assert torch.linalg.norm(state - expected) < 0.1 * torch.linalg.norm(expected)
