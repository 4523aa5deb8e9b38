"""fairseq's files of any age are read as fairseq reads them; checkpoints are found by pattern."""

import os
import pickle
import subprocess
import sys
import types
from argparse import Namespace
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints.check import TOLERANCE, compare_with_fairseq
from chronoglot.checkpoints.convert import convert
from chronoglot.checkpoints.find import find_checkpoints, matching, place_of
from chronoglot.checkpoints.load import load_fairseq
from chronoglot.pretraining.fairseq_dataclasses import allow
from chronoglot.runtime.errors import UserError

BODY = "encoder.sentence_encoder."
ODD = ["", "two  spaces ", "ѣ unknown ⵣ", "ß ﬁ ½ café cafe\u0301"]
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    return tiny_model.write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def content(tokenizer: tuple[Path, Path, int]) -> dict:
    content = tiny_model.checkpoint(tokenizer[2], layers=3, positions=64)
    content["cfg"]["model"].max_positions = 64
    return content


def _plain(state: State) -> State:
    """Without the copies of a fused kernel, which came with fairseq 0.12."""
    return {name: t for name, t in state.items() if not name.endswith(("_weight", "_bias"))}


def _decoder(state: State) -> State:
    """fairseq 0.9 and 0.10: the encoder was called a decoder."""
    older = {
        name.replace("encoder.", "decoder.", 1).replace("layernorm_embedding", "emb_layer_norm"): t
        for name, t in _plain(state).items()
    }
    return older | {"decoder.sentence_encoder.version": torch.tensor([1.0])}


def _fused(state: State) -> State:
    """Before 0.9: queries, keys and values from one matrix; layer norms in a list."""
    fused = {}
    for name, tensor in _decoder(state).items():
        name = name.replace(".self_attn_layer_norm.", ".layer_norms.0.")
        if ".q_proj." in name:
            thirds = [_decoder(state)[name.replace("q_proj", f"{x}_proj")] for x in "qkv"]
            fused[name.replace("q_proj.", "in_proj_")] = torch.cat(thirds)
        elif ".k_proj." not in name and ".v_proj." not in name:
            fused[name.replace("layers.0.final_layer_norm", "layers.0.layer_norms.1")] = tensor
    return fused


def _tuned(state: State) -> State:
    """With the head of a task that it was fine-tuned on."""
    heads = {
        f"classification_heads.mnli.{part}": torch.ones(shape)
        for part, shape in {
            "dense.weight": (8, 8),
            "dense.bias": (8,),
            "out_proj.weight": (3, 8),
            "out_proj.bias": (3,),
        }.items()
    }
    return state | heads | {f"{BODY}version": torch.tensor([3.0])}


def _wrapped(state: State) -> State:
    return {f"module.{name}": tensor for name, tensor in _decoder(state).items()}


def _half(state: State) -> State:
    return {name: tensor.half() for name, tensor in _fused(state).items()}


SPELLINGS = [dict, _plain, _decoder, _fused, _tuned, _wrapped, _half]


@pytest.mark.parametrize("spell", SPELLINGS)
def test_every_spelling_computes_what_fairseq_computes(
    content: dict,
    tokenizer: tuple[Path, Path, int],
    tmp_path: Path,
    spell: Callable[[State], State],
) -> None:
    content["model"] = spell(content["model"])
    torch.save(content, tmp_path / "checkpoint.pt")
    convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "model")
    sentences = [*tiny_model.sentences(3, 12), *ODD]
    found = compare_with_fairseq(
        tmp_path / "checkpoint.pt", tmp_path / "model", tokenizer[1], sentences
    )
    assert found["ids_equal"] and found["sentences"] == len(sentences)
    assert len(found["layers"]) == 3 + 1
    assert max(found["layers"]) < TOLERANCE
    assert found["logits"] < TOLERANCE


def test_the_encoder_reads_a_converted_file_as_transformers_does(
    content: dict, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    from chronoglot.encoding.encoder import load_encoder
    from transformers import XLMRobertaModel, XLMRobertaTokenizer

    content["model"] = _half(content["model"])
    torch.save(content, tmp_path / "checkpoint.pt")
    convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "model")
    ours = load_encoder(tmp_path / "model")
    model = XLMRobertaModel.from_pretrained(tmp_path / "model").eval()
    reference = XLMRobertaTokenizer.from_pretrained(tmp_path / "model")
    for sentence in [*tiny_model.sentences(4, 30), *ODD]:
        ids = reference(sentence)["input_ids"]
        assert ids == [0, *ours.text_ids(sentence).tolist(), 2], sentence
        with torch.inference_mode():
            expected = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        states = ours.hidden_states([ours.text_ids(sentence)])
        for state, other in zip(states, expected, strict=True):
            torch.testing.assert_close(state, other[0], atol=1e-4, rtol=1e-4)


def _settings_as(form: str, settings: Namespace) -> dict:
    """The settings as the releases of fairseq keep them in a checkpoint."""
    from omegaconf import OmegaConf

    values = vars(settings)
    if form == "0.9: args":
        return {"args": settings}
    if form == "0.10: omegaconf":
        model = {"model": settings, "common": {"fp16": True, "seed": 1}, "lr": [0.1]}
        return {"args": None, "cfg": OmegaConf.create(model, flags={"allow_objects": True})}
    if form == "omegaconf throughout":
        return {"args": None, "cfg": OmegaConf.create({"model": {**values, "lr": [0.1]}})}
    if form == "0.12: dict":
        return {"args": None, "cfg": {"model": settings, "common": {"fp16": True}}}
    return {"args": None, "cfg": {"model": dict(values)}}


FORMS = ["0.9: args", "0.10: omegaconf", "omegaconf throughout", "0.12: dict", "dict throughout"]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_settings_are_read_from_every_form_beside_the_optimizers_state(
    content: dict, tmp_path: Path, form: str, zipped: bool
) -> None:
    allow()
    from fairseq.meters import AverageMeter, TimeMeter

    settings = content["cfg"]["model"]
    other = {
        # As fairseq 0.9 keeps its meters: whole objects.
        "extra_state": {
            "train_meters": OrderedDict(loss=AverageMeter(), wps=TimeMeter()),
            "lr": np.float64(0.1),
            "kinds": defaultdict(list, a=[1]),
        },
        "last_optimizer_state": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []},
    }
    saved = {**_settings_as(form, settings), "model": content["model"], **other}
    torch.save(saved, tmp_path / "checkpoint.pt", _use_new_zipfile_serialization=zipped)
    state, found = load_fairseq(tmp_path / "checkpoint.pt")
    assert {name: found[name] for name in vars(settings)} == vars(settings)
    assert state.keys() == content["model"].keys()
    assert all(torch.equal(tensor, content["model"][name]) for name, tensor in state.items())


def test_reading_imports_neither_fairseq_nor_omegaconf(content: dict, tmp_path: Path) -> None:
    saved = _settings_as("0.10: omegaconf", content["cfg"]["model"])
    torch.save({**saved, "model": content["model"]}, tmp_path / "checkpoint.pt")
    code = (
        "import sys; from chronoglot.checkpoints.load import load_fairseq;"
        "load_fairseq(sys.argv[1]);"
        "sys.exit(any(name in sys.modules for name in ('fairseq', 'omegaconf')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path / "checkpoint.pt")]
    assert subprocess.run(command, env=environment).returncode == 0


def test_a_function_under_fairseqs_name_is_not_run(
    content: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("fairseq.trap")

    def spring(path: str) -> None:
        os.mkdir(path)

    spring.__module__, spring.__qualname__ = "fairseq.trap", "spring"
    module.spring = spring  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fairseq.trap", module)

    class Trap:
        def __reduce__(self) -> tuple:
            return spring, (str(tmp_path / "sprung"),)

    torch.save({**content, "extra_state": Trap()}, tmp_path / "checkpoint.pt")
    load_fairseq(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(Trap(), protocol=2))
    assert (tmp_path / "sprung").exists()  # the trap works


def _prenorm(content: dict) -> None:
    content["cfg"]["model"].encoder_normalize_before = True


def _prenorm_unsaid(content: dict) -> None:
    content["model"][f"{BODY}layer_norm.weight"] = torch.ones(8)


def _pruned(content: dict) -> None:
    content["cfg"]["model"].encoder_layers_to_keep = "0,1"


def _translation(content: dict) -> None:
    content["cfg"]["model"].arch = "transformer_iwslt_de_en"
    names = [name for name in content["model"] if "sentence_encoder" in name]
    for name in names:
        content["model"][name.replace(".sentence_encoder", "")] = content["model"].pop(name)


def _data2vec(content: dict) -> None:
    content["model"]["encoder._ema"] = torch.ones(2)


def _twice(content: dict) -> None:
    content["model"]["decoder.lm_head.bias"] = content["model"]["encoder.lm_head.bias"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_prenorm, "encoder_normalize_before is True"),
        (_prenorm_unsaid, "normalises before each block"),
        (_pruned, "encoder_layers_to_keep is 0,1"),
        (_translation, "architecture is transformer_iwslt_de_en"),
        (_data2vec, "tensor encoder._ema is unknown"),
        (_twice, "encoder.lm_head.bias is there twice, once as decoder.lm_head.bias"),
    ],
)
def test_another_architecture_is_refused_by_name(
    content: dict,
    tokenizer: tuple[Path, Path, int],
    tmp_path: Path,
    change: Callable[[dict], None],
    message: str,
) -> None:
    change(content)
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=message):
        convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "model")


def test_english_robertas_dictionary_is_refused_by_name(
    content: dict, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "checkpoint.pt")
    (tmp_path / "dict.txt").write_text("13 850314647\n262 800385005\n11 800251374\n")
    with pytest.raises(UserError, match=r"dict.txt: holds numbers .* GPT-2's byte-level BPE"):
        convert(tmp_path / "checkpoint.pt", tokenizer[0], tmp_path / "dict.txt", tmp_path / "model")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_checkpoints_are_found_by_their_steps(tmp_path: Path) -> None:
    touch(tmp_path, *(f"model_{step}.pt" for step in (10000, 5000, 900)))
    touch(tmp_path, "model_last.pt", "model_5000.pt.tmp", "model_5k.pt", "model_.pt", "xmodel_7.pt")
    pattern = f"{tmp_path}/model_{{step}}.pt"
    found = find_checkpoints(pattern)
    assert list(found) == [900, 5000, 10000]
    assert found[900] == tmp_path / "model_900.pt"
    assert place_of(pattern, 5000) == tmp_path / "model_5000.pt"
    (tmp_path / "model_5000.pt").unlink()
    with pytest.raises(UserError, match=r"no longer holds the checkpoint of step 5000"):
        place_of(pattern, 5000)
    assert list(matching(pattern)) == [900, 10000]
    assert matching(f"{tmp_path}/other_{{step}}.pt") == {}


def test_patterns_reach_over_folders_and_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "checkpoint_1_50.pt", "checkpoint_2_0100.pt", "checkpoint_last.pt")
    assert list(find_checkpoints(f"{tmp_path}//checkpoint_*_{{step}}.pt")) == [50, 100]
    monkeypatch.chdir(tmp_path)
    assert find_checkpoints("checkpoint_1_{step}.pt") == {50: Path("checkpoint_1_50.pt")}
    touch(tmp_path, "a[1]/step-3/x3.pt", "a[1]/step-4/x5.pt", "a[1]/step-6/x6.pt")
    assert list(find_checkpoints(f"{tmp_path}/a[1]/step-{{step}}/x{{step}}.pt")) == [3, 6]


def test_two_files_for_one_step_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "checkpoint_1_50.pt", "checkpoint_2_50.pt", "m7.pt", "m007.pt")
    with pytest.raises(UserError, match=r"1_50.pt and .*2_50.pt are both of step 50"):
        find_checkpoints(f"{tmp_path}/checkpoint_*_{{step}}.pt")
    with pytest.raises(UserError, match=r"both of step 7"):
        find_checkpoints(f"{tmp_path}/m{{step}}.pt")


def test_what_is_not_found_names_what_is_near(tmp_path: Path) -> None:
    touch(tmp_path, "run/checkpoint_5000.pt", "run/dict.txt")
    with pytest.raises(UserError, match=r"nearest to chekpoint_\{step\}.pt in .*: checkpoint_5000"):
        find_checkpoints(f"{tmp_path}/run/chekpoint_{{step}}.pt")
    with pytest.raises(UserError, match=r"nearest to ruin in .*: run"):
        find_checkpoints(f"{tmp_path}/ruin/checkpoint_{{step}}.pt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty is empty"):
        find_checkpoints(f"{tmp_path}/empty/{{step}}.pt")
    with pytest.raises(UserError, match=r"has no \{step\}"):
        find_checkpoints(f"{tmp_path}/run/checkpoint_5000.pt")


def test_urls_and_names_are_not_looked_up() -> None:
    url = "https://example.org/a_{step}/{step}.pt"
    assert place_of(url, 5) == "https://example.org/a_5/5.pt"
    assert place_of("runs/last.pt", 5) == Path("runs/last.pt")
