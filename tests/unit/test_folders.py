"""In a run all model folders are alike: safetensors, and a tokenizer that is read at once."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from chronoglot.checkpoints.complete import is_whole
from chronoglot.checkpoints.digest import digest, write_digest
from chronoglot.checkpoints.folders import link_local
from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.checkpoints.size import check_layers, count_layers, count_parameters
from chronoglot.encoding.encoder import load_encoder
from chronoglot.encoding.families import FAMILIES
from chronoglot.encoding.fast_tokens import FastTokenizer
from chronoglot.runtime.errors import UserError
from safetensors.torch import load_file
from tiny_families import MODELS, write_families
from tiny_tokenizers import SCRIPTS, write_tokenizers
from tokenizers import Tokenizer

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="module")
def sources(
    tokenizers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A folder of each family as `save_pretrained` leaves it."""
    return write_families(tmp_path_factory.mktemp("families"), tokenizers)


def older(source: Path, into: Path, weights: object, **how: bool) -> Path:
    """The same model with its weights as torch keeps them."""
    shutil.copytree(source, into)
    (into / "model.safetensors").unlink()
    torch.save(weights, into / "pytorch_model.bin", **how)
    return into


def state_of(source: Path) -> Tensors:
    """All weights by name, tied ones under each of theirs and shared in memory."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    family = json.loads((source / "config.json").read_text())["model_type"]
    kind = AutoModelForCausalLM if FAMILIES[family].causal else AutoModelForMaskedLM
    return kind.from_pretrained(source).state_dict()


@pytest.mark.parametrize("family", MODELS)
def test_torchs_weights_become_safetensors(
    sources: dict[str, Path], family: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    state = state_of(sources[family])
    link_local(older(sources[family], tmp_path / "old", state), tmp_path / "model")
    assert not list((tmp_path / "model").glob("*.bin*"))
    check_manifest(tmp_path / "model")
    kind = AutoModelForCausalLM if FAMILIES[family].causal else AutoModelForMaskedLM
    model, loading = kind.from_pretrained(  # type: ignore[misc]
        tmp_path / "model", output_loading_info=True
    )
    assert not any(loading.values()), loading
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    # Tied ones are there once, and so counted once.
    write_digest(tmp_path / "model", tmp_path / "digest.json")
    assert count_parameters(tmp_path / "digest.json") == sum(p.numel() for p in model.parameters())
    load_encoder(tmp_path / "model")


@pytest.mark.parametrize("zipped", [True, False])
def test_types_views_and_parameters_of_torch(
    sources: dict[str, Path], tmp_path: Path, zipped: bool
) -> None:
    block = torch.arange(24.0).view(4, 6)
    weights = {
        "parameter": torch.nn.Parameter(torch.ones(3).half()),
        "turned": block.T,
        "rows": block[1:3],
        "columns": block[:, 2:4],
        "block": block,
        "again": block,
        "brain": torch.ones(2, 2).bfloat16(),
        "whole": torch.arange(5),
        "scalar": torch.tensor(2.5),
        "none": torch.ones(0, 4),
        "nothing": torch.ones(0, 4),
    }
    for name in ("one", "two"):
        old = older(sources["bert"], tmp_path / f"old-{name}", weights,
                    _use_new_zipfile_serialization=zipped)  # fmt: skip
        link_local(old, tmp_path / name)
    found = load_file(tmp_path / "one" / "model.safetensors")
    assert found.keys() == weights.keys() - {"again"}
    for name, tensor in found.items():
        assert tensor.dtype == weights[name].dtype and torch.equal(tensor, weights[name])
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "two"))
    assert one == two
    contents = digest(tmp_path / "one")["tensors"]
    assert contents["rows"]["norm"] == pytest.approx(float(block[1:3].norm()))


def test_divided_weights_of_torch_become_one_file(sources: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(sources["llama"] / "model.safetensors")
    folder = older(sources["llama"], tmp_path / "old", {})
    (folder / "pytorch_model.bin").unlink()
    places = {name: f"pytorch_model-0000{n % 2 + 1}-of-00002.bin" for n, name in enumerate(weights)}
    for part in set(places.values()):
        torch.save({n: weights[n] for n, p in places.items() if p == part}, folder / part)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    link_local(folder, tmp_path / "model")
    found = load_file(tmp_path / "model" / "model.safetensors")
    assert found.keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in found.items())
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "source.json",
        "manifest.json",
    }
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(UserError, match=r"not a complete checkpoint: no pytorch_model-00002"):
        link_local(folder, tmp_path / "model")


class _Trap:
    """Creates a folder if it is unpickled as code would be."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_no_tensor_is_refused(
    sources: dict[str, Path], tmp_path: Path, zipped: bool
) -> None:
    one = torch.ones(2)
    for number, (content, message) in enumerate(
        [
            ({"a": one, "trap": _Trap(tmp_path / "sprung")}, r"other than tensors: \w+\.mkdir"),
            ({"a": one, "step": 5}, "'step' is a int"),
            ({"model": {"a": one}}, "'model' is a dict"),
            ([one], "no weights by name, but a list"),
            ({"a": one.to_sparse()}, "more than dense tensors: 'a'"),
        ]
    ):
        old = older(sources["bert"], tmp_path / f"{number}", content,
                    _use_new_zipfile_serialization=zipped)  # fmt: skip
        with pytest.raises(UserError, match=rf"pytorch_model\.bin: .*{message}"):
            link_local(old, tmp_path / "model")
    assert not (tmp_path / "sprung").exists() and not (tmp_path / "model").exists()


def test_a_file_of_torch_cut_in_the_middle_is_refused(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    """An old pickle does not tell where it ends, so that it is found only on reading."""
    old = older(sources["bert"], tmp_path / "old", {"a": torch.ones(99)},
                _use_new_zipfile_serialization=False)  # fmt: skip
    path = old / "pytorch_model.bin"
    content = path.read_bytes()
    for length in (1, 30, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"pytorch_model\.bin: "):
            link_local(old, tmp_path / "model")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["checkpoint_5_1000.pt", "pytorch_model.bin"])
def test_a_file_of_torch_being_written_is_not_whole(
    tmp_path: Path, name: str, zipped: bool
) -> None:
    path = tmp_path / name
    torch.save({"a": torch.ones(99)}, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    assert is_whole(path)
    for length in (1, 4, 100, len(content) // 2, len(content) - 30, len(content) - 1):
        path.write_bytes(content[:length])
        assert is_whole(path) is not zipped  # where an old pickle ends cannot be told
    for other in (b"", b"<html>404</html>", bytes(5000)):
        path.write_bytes(other)
        assert not is_whole(path)
    path.unlink()
    assert not is_whole(path)
    path.mkdir()
    assert not is_whole(path)


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys; from chronoglot.checkpoints import complete, find, folders, size;"
        "sys.exit(any(n in sys.modules for n in ('torch', 'numpy', 'transformers', 'tokenizers')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def stripped(source: Path, into: Path) -> Path:
    """The same model without its tokenizer."""
    shutil.copytree(source, into)
    (into / "tokenizer.json").unlink()
    return into


def piece_model(path: Path, **options: Any) -> sentencepiece.SentencePieceProcessor:
    """Train a sentencepiece model on the scripts."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(word for line in SCRIPTS * 20 for word in line.split()),
        model_writer=trained,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    path.write_bytes(trained.getvalue())
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


LLAMA = {
    "model_type": "bpe",
    "byte_fallback": True,
    "vocab_size": 500,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
}
DEBERTA = {
    "vocab_size": 200,
    "pad_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "unk_id": 3,
    "pad_piece": "[PAD]",
    "bos_piece": "[CLS]",
    "eos_piece": "[SEP]",
    "unk_piece": "[UNK]",
}


def test_a_list_of_wordpieces_becomes_a_fast_tokenizer(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    """`vocab.txt` alone, as the first BERT models have it."""
    new = FastTokenizer(sources["bert"])
    old = stripped(sources["bert"], tmp_path / "old")
    known = Tokenizer.from_file(str(sources["bert"] / "tokenizer.json")).get_vocab()
    (old / "vocab.txt").write_text("\n".join(sorted(known, key=known.__getitem__)))
    for name in ("one", "two"):
        link_local(old, tmp_path / name)
    one, two = ((tmp_path / n / "tokenizer.json").read_bytes() for n in ("one", "two"))
    assert one == two
    check_manifest(tmp_path / "one")
    made = FastTokenizer(tmp_path / "one")
    for line in SCRIPTS:
        assert made.text_ids(line).tolist() == new.text_ids(line).tolist()
    assert (made.before.tolist(), made.after.tolist()) == ([2], [3]) and made.mask == new.mask
    assert digest(tmp_path / "one")["vocabulary"] == {
        "embeddings": 520,
        "tokenizer": "tokenizer.json",
        "ids": len(known),
    }


def test_lists_of_merges_become_a_fast_tokenizer(sources: dict[str, Path], tmp_path: Path) -> None:
    old = stripped(sources["roberta"], tmp_path / "old")
    Tokenizer.from_file(str(sources["roberta"] / "tokenizer.json")).model.save(str(old))
    link_local(old, tmp_path / "model")
    made, new = (FastTokenizer(folder) for folder in (tmp_path / "model", sources["roberta"]))
    for line in SCRIPTS:
        assert made.text_ids(line).tolist() == new.text_ids(line).tolist()
    assert (made.before.tolist(), made.after.tolist()) == ([0], [2])


@pytest.mark.parametrize(
    ("family", "file", "options", "said"),
    [
        ("llama", "tokenizer.model", LLAMA, {"tokenizer_class": "LlamaTokenizer"}),
        ("deberta-v2", "spm.model", DEBERTA, {}),
    ],
)
def test_a_sentencepiece_model_becomes_a_fast_tokenizer(
    sources: dict[str, Path], tmp_path: Path, family: str, file: str, options: dict, said: dict
) -> None:
    old = stripped(sources[family], tmp_path / "old")
    pieces = piece_model(old / file, **options)
    (old / "tokenizer_config.json").write_text(json.dumps(said))
    link_local(old, tmp_path / "model")
    made = FastTokenizer(tmp_path / "model")
    for line in SCRIPTS[:4]:
        assert made.text_ids(line).tolist() == pieces.encode(line), line
    ids = digest(tmp_path / "model")["vocabulary"]["ids"]
    assert pieces.get_piece_size() <= ids <= pieces.get_piece_size() + 1  # and [MASK]
    load_encoder(tmp_path / "model")


def _no_class(old: Path) -> None:
    """Without a word of the class `transformers` leaves the space before a text out."""
    piece_model(old / "tokenizer.model", **LLAMA)


def _other_file(old: Path) -> None:
    """It makes a tokenizer of five subwords."""
    piece_model(old / "spm.model", **DEBERTA)


def _other_list(old: Path) -> None:
    (old / "vocab.json").write_text(json.dumps({f"w{n}": n for n in range(99)}))


def _damaged(old: Path) -> None:
    (old / "tokenizer.model").write_bytes(b"damaged")


@pytest.mark.parametrize(
    ("family", "write", "message"),
    [
        ("llama", _no_class, r"tokenizer\.model divides text in another way"),
        ("bert", _other_file, r"spm\.model divides text in another way"),
        ("bert", _other_list, r"vocab\.json has 99 subwords, the one made 5"),
        ("llama", _damaged, "cannot make one"),
    ],
)
def test_a_tokenizer_that_cannot_be_made_is_refused(
    sources: dict[str, Path],
    tmp_path: Path,
    family: str,
    write: Callable[[Path], None],
    message: str,
) -> None:
    old = stripped(sources[family], tmp_path / "old")
    write(old)
    with pytest.raises(
        UserError, match=rf"old: has no tokenizer\.json, .*{message}.*name the fold"
    ):
        link_local(old, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    link_local(old, tmp_path / "model", tokenizer=sources[family])
    FastTokenizer(tmp_path / "model")


@pytest.mark.parametrize("family", MODELS)
def test_layers_are_those_of_the_settings(sources: dict[str, Path], family: str) -> None:
    folder = sources[family]
    assert count_layers(folder) == 3
    check_layers(folder, 3)
    check_layers(folder, None)
    with pytest.raises(UserError, match=r"^checkpoints.layers: 12, but .* has 3 transformer"):
        check_layers(folder, 12)


def test_a_configuration_without_layers_is_refused(tmp_path: Path) -> None:
    for content in ("{}", "[]", "", '{"num_hidden_layers": null}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(UserError, match=r"config\.json: does not say num_hidden_layers or"):
            count_layers(tmp_path)


def test_masks_are_no_parameters(tmp_path: Path) -> None:
    tensors = {
        "weight": {"shape": [3, 4], "dtype": "F16", "norm": 1.0},
        "scale": {"shape": [], "dtype": "F32", "norm": None},
        "mask": {"shape": [1, 9, 9], "dtype": "BOOL"},
    }
    (tmp_path / "digest.json").write_text(json.dumps({"tensors": tensors}))
    assert count_parameters(tmp_path / "digest.json") == 13
