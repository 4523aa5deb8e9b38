"""A fairseq checkpoint becomes a transformers folder whole and unchanged, or is refused."""

import importlib
import os
import pickle
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import tiny_model
import torch
from chronoglot.checkpoints.convert import convert
from chronoglot.checkpoints.load import load_fairseq
from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.pretraining.tokenizer import write_dictionary
from chronoglot.runtime.errors import UserError
from safetensors.torch import load_file

BODY = "encoder.sentence_encoder."


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    return tiny_model.write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def content(tokenizer: tuple[Path, Path, int]) -> dict:
    return tiny_model.checkpoint(tokenizer[2])


@pytest.fixture
def converted(content: dict, tokenizer: tuple[Path, Path, int], tmp_path: Path) -> Path:
    torch.save(content, tmp_path / "checkpoint.pt")
    convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "model")
    return tmp_path / "model"


def test_every_trained_tensor_arrives_unchanged(content: dict, converted: Path) -> None:
    def numbers(tensors: list[torch.Tensor]) -> list[bytes]:
        return sorted(tensor.numpy().tobytes() for tensor in tensors)

    ours = load_file(converted / "model.safetensors")
    types = ours.pop("roberta.embeddings.token_type_embeddings.weight")
    trained = [
        tensor
        for name, tensor in content["model"].items()
        if not name.endswith(("_weight", "_bias", "lm_head.weight"))
    ]
    assert numbers(list(ours.values())) == numbers(trained)
    assert not types.any()


def test_transformers_finds_every_weight_and_no_other(content: dict, converted: Path) -> None:
    from transformers import XLMRobertaForMaskedLM

    model: XLMRobertaForMaskedLM
    loading: dict
    model, loading = XLMRobertaForMaskedLM.from_pretrained(  # type: ignore[misc]
        converted, output_loading_info=True
    )
    assert not any(loading.values()), loading
    embeddings = content["model"][f"{BODY}embed_tokens.weight"]
    assert torch.equal(model.lm_head.decoder.weight, embeddings)
    assert torch.equal(model.lm_head.decoder.bias, content["model"]["encoder.lm_head.bias"])
    assert model.config.max_position_embeddings == 32 + 2


def test_tokenizer_gives_fairseqs_ids(converted: Path, tokenizer: tuple[Path, Path, int]) -> None:
    from transformers import AutoTokenizer

    ours = AutoTokenizer.from_pretrained(converted)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer[0]))
    for sentence in [*tiny_model.sentences(1, 120), "", "two  spaces ", "ѣ unknown ⵣ"]:
        expected = [i + 1 if i else 3 for i in pieces.encode(sentence)]
        assert ours(sentence)["input_ids"] == [0, *expected, 2], sentence
    assert (ours.pad_token_id, ours.mask_token_id) == (1, tokenizer[2] - 1)
    assert ours.model_max_length == 32


def test_the_same_checkpoint_gives_the_same_bytes(
    content: dict, converted: Path, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "again")
    names = sorted(path.name for path in converted.iterdir())
    assert names == [
        "config.json",
        "manifest.json",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "tokenizer_config.json",
    ]
    for name in names:
        assert (converted / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_half_precision_and_older_names_are_read(
    content: dict, converted: Path, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    older = {
        name.replace("encoder.", "decoder.", 1).replace("layernorm_embedding", "emb_layer_norm"): t
        for name, t in content["model"].items()
        if not name.endswith(("_weight", "_bias"))
    }
    older["decoder.sentence_encoder.version"] = torch.tensor([3.0])
    halves = {name: tensor.half() for name, tensor in older.items()}
    torch.save(
        {"args": content["cfg"]["model"], "model": halves},
        tmp_path / "old.pt",
        _use_new_zipfile_serialization=False,
    )
    convert(tmp_path / "old.pt", *tokenizer[:2], tmp_path / "old")
    expected = load_file(converted / "model.safetensors")
    for name, tensor in load_file(tmp_path / "old" / "model.safetensors").items():
        assert torch.equal(tensor, expected[name].half().float()), name


def _drop(content: dict) -> None:
    del content["model"][f"{BODY}layers.1.fc2.bias"]


def _add(content: dict) -> None:
    content["model"][f"{BODY}layers.2.fc2.bias"] = torch.zeros(8)


def _reshape(content: dict) -> None:
    name = f"{BODY}layers.0.self_attn.q_proj.weight"
    content["model"][name] = content["model"][name][:-1]


def _untie(content: dict) -> None:
    content["model"]["encoder.lm_head.weight"] = content["model"]["encoder.lm_head.weight"] + 1


def _embed_more(content: dict) -> None:
    for name in (f"{BODY}embed_tokens.weight", "encoder.lm_head.weight", "encoder.lm_head.bias"):
        tensor = content["model"][name]
        content["model"][name] = torch.cat([tensor, tensor[:8]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop, "tensor encoder.sentence_encoder.layers.1.fc2.bias is missing"),
        (_add, "tensor encoder.sentence_encoder.layers.2.fc2.bias is unknown"),
        (_reshape, r"layers.0.self_attn.q_proj.weight has shape \(7, 8\) .* \(8, 8\)"),
        (_untie, "lm_head.weight is not tied"),
        (_embed_more, "embeddings where .* needs"),
        (lambda c: setattr(c["cfg"]["model"], "activation_fn", "relu"), "activation_fn is relu"),
        (lambda c: delattr(c["cfg"]["model"], "encoder_attention_heads"), "attention_heads"),
        (lambda c: c.pop("model"), "no weights under 'model'"),
        (lambda c: c["model"].update(extra=[1]), "holds more than tensors"),
        (lambda c: c.pop("cfg"), "no settings"),
    ],
)
def test_what_would_be_lost_or_wrong_is_refused_by_name(
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt"]


def test_another_tokenizers_dictionary_is_refused(
    content: dict, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "checkpoint.pt")
    lines = tokenizer[1].read_text(encoding="utf-8").splitlines(keepends=True)
    other = tmp_path / "dict.txt"
    other.write_text("".join([lines[1], lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(UserError, match=r"dict.txt, line 1"):
        convert(tmp_path / "checkpoint.pt", tokenizer[0], other, tmp_path / "model")
    other.write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(UserError, match=f"{len(lines) - 1} subwords where"):
        convert(tmp_path / "checkpoint.pt", tokenizer[0], other, tmp_path / "model")


def test_a_dictionary_in_the_tokenizers_order_is_fairseqs(
    tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    write_dictionary(tokenizer[0], tmp_path / "dict.txt")
    words = [line.split(" ")[0] for line in tokenizer[1].read_text("utf-8").splitlines()]
    assert [
        line.split(" ")[0] for line in (tmp_path / "dict.txt").read_text("utf-8").splitlines()
    ] == words
    with pytest.raises(UserError, match="not a readable sentencepiece model"):
        write_dictionary(tokenizer[1], tmp_path / "other.txt")


def test_another_number_of_layers_than_the_settings_is_refused(
    converted: Path, tokenizer: tuple[Path, Path, int], tmp_path: Path
) -> None:
    convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "again", layers=2)
    with pytest.raises(
        UserError, match=r"^checkpoints.layers: 12, but .*checkpoint\.pt has 2 transformer blocks"
    ):
        convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "other", layers=12)
    assert not (tmp_path / "other").exists()


class _Trap:
    """Unpickled without care, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["zip", "tar", "pickle"])
def test_a_checkpoint_with_code_is_refused_and_not_run(
    content: dict, tmp_path: Path, form: str
) -> None:
    content["extra_state"] = _Trap(tmp_path / "sprung")
    path = tmp_path / "checkpoint.pt"
    if form == "pickle":
        path.write_bytes(pickle.dumps(content["extra_state"], protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UserError, match=r"checkpoint.pt: .*other than weights.*mkdir"):
        load_fairseq(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "function", [shutil.rmtree, subprocess.call, eval, importlib.import_module]
)
def test_whatever_is_none_of_fairseqs_is_refused_by_name(
    content: dict, tmp_path: Path, function: Callable
) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return function, ("sprung",)

    torch.save(content | {"extra_state": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=rf"other than weights.*{function.__name__}, which would"):
        load_fairseq(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_cut_short_is_refused(
    content: dict, tmp_path: Path, share: float, zipped: bool
) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"checkpoint.pt: .*; delete it and run again"):
        load_fairseq(path)


@pytest.mark.parametrize("number", [1, 2, 5, 6, 9])
def test_unknown_tensors_are_named_the_first_five_of_them(
    content: dict, tokenizer: tuple[Path, Path, int], tmp_path: Path, number: int
) -> None:
    content["model"] |= {f"encoder.strange{i}": torch.zeros(2) for i in range(number)}
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=r"tensors? encoder\.strange0") as raised:
        convert(tmp_path / "checkpoint.pt", *tokenizer[:2], tmp_path / "model")
    text = str(raised.value)
    assert text.count("encoder.strange") == min(number, 5)
    assert (f"and {number - 5} more are" in text) == ("more" in text) == (number > 5)
    assert ("tensor encoder.strange0 is" in text) == (number == 1)


def test_an_empty_file_and_one_that_stops_are_told_apart(content: dict, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.touch()
    with pytest.raises(UserError, match=r"checkpoint.pt: an empty file"):
        load_fairseq(path)
    torch.save(content, path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"checkpoint.pt: a checkpoint cut short"):
        load_fairseq(path)


@pytest.mark.parametrize(
    "name", ["encoder.layers.0._fsdp_wrapped_module.fc1.weight", "encoder.flat_param_0"]
)
def test_a_part_that_fsdp_divided_is_refused(content: dict, tmp_path: Path, name: str) -> None:
    content["model"][name] = torch.zeros(3)
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="consolidate_fsdp_shards"):
        load_fairseq(tmp_path / "checkpoint.pt")


def test_a_flipped_bit_a_page_and_a_missing_file_are_refused(content: dict, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    flipped = bytearray(path.read_bytes())
    flipped[flipped.find(content["model"]["encoder.lm_head.bias"].numpy().tobytes()) + 9] ^= 4
    path.write_bytes(flipped)
    with pytest.raises(UserError, match="damaged"):
        load_fairseq(path)
    path.write_text("<html>404</html>")
    with pytest.raises(UserError, match="delete it"):
        load_fairseq(path)
    with pytest.raises(UserError, match="no such checkpoint"):
        load_fairseq(tmp_path / "absent.pt")


def test_what_others_allowed_torch_to_load_stays_as_it_was(content: dict, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "checkpoint.pt")
    serialization = torch.serialization
    before = set(serialization.get_safe_globals())
    load_fairseq(tmp_path / "checkpoint.pt")
    assert set(serialization.get_safe_globals()) == before
    with serialization.safe_globals([Namespace]):
        load_fairseq(tmp_path / "checkpoint.pt")
        assert Namespace in serialization.get_safe_globals()


def test_damage_to_a_model_folder_is_seen(converted: Path) -> None:
    check_manifest(converted)
    weights = converted / "model.safetensors"
    whole = weights.read_bytes()
    for damaged, message in [
        (whole[:-1], "bytes where"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "changed"),
    ]:
        weights.write_bytes(damaged)
        with pytest.raises(UserError, match=f"model.safetensors.*{message}"):
            check_manifest(converted)
    weights.unlink()
    with pytest.raises(UserError, match=r"model.safetensors: missing"):
        check_manifest(converted)
    (converted / "manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"manifest.json: damaged"):
        check_manifest(converted)
    (converted / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"no manifest.json"):
        check_manifest(converted)


def test_conversion_imports_neither_transformers_nor_fairseq() -> None:
    code = (
        "import sys, chronoglot.checkpoints.convert;"
        "sys.exit(any(name in sys.modules for name in ('transformers', 'fairseq')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
