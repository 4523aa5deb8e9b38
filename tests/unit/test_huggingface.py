"""Models of every family: the same however batched, from weights alone."""

import json
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.encoding.encode import word_vectors
from chronoglot.encoding.encoder import load_encoder, load_masked_lm
from chronoglot.encoding.families import FAMILIES
from chronoglot.encoding.fast_tokens import FastTokenizer
from chronoglot.encoding.sentence_pairs import write_pair_vectors
from chronoglot.encoding.transformers_model import TransformersModel
from chronoglot.encoding.xlm_roberta import XLMRoberta
from chronoglot.runtime.errors import UserError
from chronoglot.tables.sentence_pairs import Pairs
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tiny_families import MODELS, POSITIONS, write_families, write_model
from tiny_tokenizers import SCRIPTS, write_tokenizers
from tokenizers import Tokenizer


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a `tokenizer.json` each."""
    return write_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="module")
def tokenizers(saved: dict[str, Path]) -> dict[str, FastTokenizer]:
    return {kind: FastTokenizer(folder) for kind, folder in saved.items()}


@pytest.fixture(scope="module")
def folders(saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_families(tmp_path_factory.mktemp("families"), saved)


def texts_of(tokenizer: FastTokenizer, number: int = 8) -> list[NDArray[np.int64]]:
    """Of very different lengths, in no order."""
    rng = np.random.default_rng(0)
    lines = [tokenizer.text_ids(line) for line in SCRIPTS]
    return [lines[n % len(lines)][: rng.integers(1, 30)] for n in range(number)]


def test_every_family_is_tested() -> None:
    assert MODELS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", MODELS)
def test_states_are_those_of_each_text_alone(folders: dict[str, Path], family: str) -> None:
    """`transformers` with one text at a time, tokenizer included, no padding, no mask."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    folder = folders[family]
    encoder = load_encoder(folder)
    theirs = AutoModel.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    lines = [line[:20] for line in SCRIPTS]
    states = encoder.hidden_states([encoder.text_ids(line) for line in lines])
    with torch.inference_mode():
        alone = [
            theirs(torch.tensor([tokenizer(line)["input_ids"]]), output_hidden_states=True)
            for line in lines
        ]
    assert len(states) == encoder.layers + 1 == 4
    for number, state in enumerate(states):
        expected = torch.cat([each.hidden_states[number][0] for each in alone])
        assert state.shape == (len(expected), encoder.dimension) and state.dtype == torch.float32
        torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", MODELS)
def test_states_do_not_depend_on_the_batch(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    texts = texts_of(encoder)
    together = encoder.hidden_states(texts)
    alone = [encoder.hidden_states([text]) for text in texts]
    for number, state in enumerate(together):
        expected = torch.cat([each[number] for each in alone])
        torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", MODELS)
def test_the_padding_side_of_a_tokenizer_changes_nothing(
    folders: dict[str, Path], family: str, tmp_path: Path
) -> None:
    """A decoder's tokenizer pads at the left, to generate; here that would shift positions."""
    folder = tmp_path / "model"
    shutil.copytree(folders[family], folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(direction="left", length=40)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"padding_side": "left"}))
    ours, theirs = TransformersModel(folder), TransformersModel(folders[family])
    texts = texts_of(theirs)
    for one, other in zip(ours.hidden_states(texts), theirs.hidden_states(texts), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("family", MODELS)
def test_a_causal_model_sees_nothing_of_what_follows(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    text = encoder.text_ids(SCRIPTS[0])[:12]
    whole, start = (encoder.hidden_states([part])[-1] for part in (text, text[:6]))
    kept = encoder.lead + 6
    same = torch.allclose(whole[:kept], start[:kept], atol=1e-5)
    assert same == encoder.causal == FAMILIES[family].causal


@pytest.mark.parametrize("family", MODELS)
def test_words_have_vectors_in_every_family(folders: dict[str, Path], family: str) -> None:
    words = tiny_model.word_table([[(word, True) for word in line.split()] for line in SCRIPTS[:4]])
    batches = word_vectors(
        load_encoder(folders[family]), words, pooling="mean", batch_tokens=60, long="window"
    )
    rows = np.concatenate([rows for rows, _ in batches])
    assert sorted(rows.tolist()) == list(range(len(words)))


@pytest.mark.parametrize("family", [f for f in MODELS if not FAMILIES[f].causal])
def test_logits_are_those_of_the_masked_language_model(
    folders: dict[str, Path], family: str
) -> None:
    from transformers import AutoModelForMaskedLM

    model = load_masked_lm(folders[family])
    theirs = AutoModelForMaskedLM.from_pretrained(folders[family]).eval()
    text = model.text_ids(SCRIPTS[1])[:10]
    text[3] = model.mask
    ours = TransformersModel(folders[family], head=True)
    read = torch.from_numpy(np.concatenate([ours.before, text, ours.after]))
    with torch.inference_mode():
        expected = theirs(read[None]).logits[0]
    for encoder in (model, ours):
        logits = encoder.logits(encoder.hidden_states([text])[-1])
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2"])
def test_the_other_head_of_deberta(saved: dict[str, Path], tmp_path: Path, family: str) -> None:
    from transformers import AutoModelForMaskedLM

    write_model(tmp_path, saved[MODELS[family][0]], family, head=True, legacy=False)
    model = load_masked_lm(tmp_path)
    text = torch.tensor([[5, 6, 7, 8]])
    theirs = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        expected = theirs(text, output_hidden_states=True)
    logits = model.logits(expected.hidden_states[-1][0])
    torch.testing.assert_close(logits, expected.logits[0], atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("family", MODELS)
def test_a_gpu_computes_the_same(folders: dict[str, Path], family: str) -> None:
    cpu, gpu = (TransformersModel(folders[family], device) for device in ("cpu", "cuda"))
    texts = texts_of(cpu)
    for one, other in zip(cpu.hidden_states(texts), gpu.hidden_states(texts), strict=True):
        torch.testing.assert_close(other.cpu(), one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("family", [f for f in MODELS if FAMILIES[f].causal])
def test_a_decoder_is_no_masked_language_model(folders: dict[str, Path], family: str) -> None:
    with pytest.raises(UserError, match=f"type '{family}' read from left to right.*leave bpc out"):
        load_masked_lm(folders[family])


def test_a_pair_has_the_types_of_its_tokenizer(folders: dict[str, Path]) -> None:
    """BERT's second sentence is of type 1."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    folder = folders["bert"]
    encoder = load_encoder(folder)
    premise, hypothesis = "the cat sees", "a dog"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    inputs = tokenizer(premise, hypothesis, return_tensors="pt", return_token_type_ids=True)
    assert inputs["token_type_ids"].max() == 1
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0]
    pair = [encoder.text_ids(premise), encoder.separator, encoder.text_ids(hypothesis)]
    states = encoder.hidden_states([encoder.text_ids("a"), np.concatenate(pair)])[-1]
    torch.testing.assert_close(states[-len(expected) :], expected, atol=1e-5, rtol=1e-5)


def test_a_model_of_one_type_reads_pairs_without_types(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, saved["wordpiece"], "bert", head=False, type_vocab_size=1)
    encoder = load_encoder(tmp_path)
    pair = [encoder.text_ids("the cat"), encoder.separator, encoder.text_ids("a dog")]
    text = np.concatenate(pair)
    assert len(encoder.hidden_states([text])[-1]) == len(text) + encoder.special


def test_roberta_is_read_without_transformers(folders: dict[str, Path]) -> None:
    """It takes seconds to import; the same model through it gives the same."""
    fast, slow = load_encoder(folders["roberta"]), TransformersModel(folders["roberta"])
    assert isinstance(fast, XLMRoberta)
    assert fast.window == slow.window == POSITIONS - 2
    texts = texts_of(slow)
    for one, other in zip(fast.hidden_states(texts), slow.hidden_states(texts), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_roberta_of_another_kind_goes_through_transformers(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, saved["roberta"], "roberta", head=False, hidden_act="gelu_new")
    assert isinstance(load_encoder(tmp_path), TransformersModel)


@pytest.mark.parametrize("family", MODELS)
def test_the_window_is_what_the_model_reads(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    assert encoder.window + encoder.special == POSITIONS
    text = np.resize(encoder.text_ids(SCRIPTS[0]), encoder.window)
    assert len(encoder.hidden_states([text])[0]) == POSITIONS
    with pytest.raises(ValueError, match="subwords at once"):
        encoder.hidden_states([np.append(text, text[:1])])


def test_bloom_reads_2048_subwords_unless_it_says_otherwise(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, saved["bytes"], "bloom", head=False)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["seq_length"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_manifest(tmp_path)
    encoder = load_encoder(tmp_path)
    assert encoder.window + encoder.special == 2048


def changed(folder: Path, into: Path, **config: object) -> Path:
    shutil.copytree(folder, into)
    path = into / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    write_manifest(into)
    return into


@pytest.mark.parametrize("family", ["t5", "vit", "whisper", None])
def test_other_models_are_refused_by_name(
    folders: dict[str, Path], tmp_path: Path, family: str | None
) -> None:
    folder = changed(folders["bert"], tmp_path / "model", model_type=family)
    with pytest.raises(UserError, match=f"models of type {family!r} cannot be encoded, only bert"):
        load_encoder(folder)


@pytest.mark.parametrize("family", ["bert", "gpt_neox", "bloom"])
@pytest.mark.parametrize(("layers", "message"), [(4, "no weights for"), (2, "no place for")])
def test_layers_too_few_or_too_many_are_refused(
    folders: dict[str, Path], tmp_path: Path, family: str, layers: int, message: str
) -> None:
    name = "n_layer" if family == "bloom" else "num_hidden_layers"
    folder = changed(folders[family], tmp_path / "model", **{name: layers})
    with pytest.raises(UserError, match=rf"{message} .*\.{min(layers, 3) if layers == 4 else 2}\."):
        load_encoder(folder)


def test_weights_drawn_at_random_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """`transformers` only warns of a weight that it does not find, or not in the right shape."""
    folder = tmp_path / "model"
    shutil.copytree(folders["llama"], folder)
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({k: v for k, v in weights.items() if k != name}, folder / "model.safetensors")
    write_manifest(folder)
    with pytest.raises(UserError, match=r"no weights for layers\.1\.mlp\.up_proj\.weight$"):
        load_encoder(folder)
    save_file(weights | {name: weights[name][:, :8].contiguous()}, folder / "model.safetensors")
    write_manifest(folder)
    with pytest.raises(UserError, match=r"another shape to layers\.1\.mlp\.up_proj\.weight$"):
        load_encoder(folder)


def test_a_model_without_a_head_is_no_masked_language_model(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, saved["wordpiece"], "bert", head=False)
    load_encoder(tmp_path)
    with pytest.raises(UserError, match=r"no weights for cls\.predictions"):
        load_masked_lm(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    write_model(tmp_path, saved["bytes"], "gpt_neox", head=False, vocab_size=400)
    with pytest.raises(UserError, match=r"ids to 4\d\d, the model only 400 embeddings"):
        load_encoder(tmp_path)


def test_weights_of_torch_are_read_and_nothing_else_of_them(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["gpt_neox"], folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save({name: tensor.half() for name, tensor in weights.items()},
               folder / "pytorch_model.bin")  # fmt: skip
    write_manifest(folder)
    encoder = load_encoder(folder)
    text = encoder.text_ids("the cat")
    ours, theirs = (
        load_encoder(f).hidden_states([text])[-1] for f in (folder, folders["gpt_neox"])
    )
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, atol=0.05, rtol=0.05)

    torch.save({**weights, "trap": _Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    write_manifest(folder)
    with pytest.raises(UserError, match="cannot load it"):
        load_encoder(folder)
    assert not (tmp_path / "sprung").exists()


class _Trap:
    """Creates a file if it is unpickled as code would be."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_code_beside_the_weights_is_never_run(folders: dict[str, Path], tmp_path: Path) -> None:
    for number, kinds in enumerate((["AutoTokenizer"], ["AutoConfig", "AutoModel"])):
        folder = changed(
            folders["bert"], tmp_path / f"{number}", auto_map=dict.fromkeys(kinds, "trap.Trap")
        )
        (folder / "trap.py").write_text("import sys\nsys.trapped = True\n")
        write_manifest(folder)
        # What code of the model's own would compute is not known.
        with pytest.raises(UserError, match="auto_map") if number else nullcontext():
            load_encoder(folder)
    assert not hasattr(sys, "trapped")


def test_an_old_tokenizer_is_read_through_transformers(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """`vocab.txt` alone, as the first BERT models have it."""
    folder = tmp_path / "model"
    shutil.copytree(folders["bert"], folder)
    new = FastTokenizer(folder)
    vocabulary = new._tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    (folder / "tokenizer.json").unlink()
    old = FastTokenizer(folder)
    for line in SCRIPTS:
        assert old.text_ids(line).tolist() == new.text_ids(line).tolist()
    assert old.before.tolist() == new.before.tolist()
    assert old.mask == new.mask


@pytest.mark.parametrize("family", [f for f in MODELS if FAMILIES[f].causal])
def test_the_first_token_of_a_decoder_is_no_vector_of_a_pair(
    folders: dict[str, Path], family: str, tmp_path: Path
) -> None:
    encoder = load_encoder(folders[family])
    one = np.array(["x"], object)
    pairs = Pairs(np.array(["train"]), one, one, one, np.array(["neutral"], object))
    outputs = {layer: tmp_path / str(layer) for layer in range(encoder.layers + 1)}
    with pytest.raises(UserError, match=r"left to right.*set encoding\.pair_pooling to mean"):
        write_pair_vectors(encoder, pairs, outputs, pooling="first", batch_tokens=9, long="window")
    write_pair_vectors(encoder, pairs, outputs, pooling="mean", batch_tokens=9, long="window")
    assert np.load(outputs[0]).shape == (1, encoder.dimension)


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.bf16])
def test_bfloat16_is_near_single_precision(folders: dict[str, Path], family: str) -> None:
    texts = [np.arange(3, 3 + length) for length in (4, 9)]
    exact = load_encoder(folders[family]).hidden_states(texts)
    half = load_encoder(folders[family], precision="bf16").hidden_states(texts)
    for state, expected in zip(half, exact, strict=True):
        assert state.dtype == torch.float32
        assert torch.linalg.norm(state - expected) < 0.05 * torch.linalg.norm(expected)
    assert not torch.equal(half[-1], exact[-1])


def test_a_family_that_knows_no_bfloat16_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"encoding\.precision: models of type 'deberta'"):
        load_encoder(folders["deberta"], precision="bf16")
