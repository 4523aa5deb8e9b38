"""An untrained model is the trained one in all but its numbers, and knows nothing."""

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints.convert import convert
from chronoglot.checkpoints.manifest import check_manifest, write_manifest
from chronoglot.checkpoints.untrained import make_untrained
from chronoglot.checkpoints.verify import verify
from chronoglot.encoding.encoder import load_encoder, load_masked_lm
from chronoglot.encoding.families import FAMILIES
from chronoglot.runtime.errors import UserError
from safetensors.torch import load_file, save_file
from tiny_families import MODELS, write_families
from tiny_tokenizers import SCRIPTS, write_tokenizers

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="module")
def trained(
    tokenizers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A model of each family, its numbers far from those that it began with."""
    return write_families(tmp_path_factory.mktemp("families"), tokenizers)


@pytest.fixture(scope="module")
def untrained(
    trained: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("untrained")
    for family, model in trained.items():
        make_untrained(model, folder / family, seed=1)
    return {family: folder / family for family in trained}


def weights(folder: Path) -> Tensors:
    return {n: t for path in folder.glob("*.safetensors") for n, t in load_file(path).items()}


def change(folder: Path, into: Path, how: Callable[[Tensors], Tensors], **config: object) -> Path:
    """The same model with its tensors and its configuration changed."""
    shutil.copytree(folder, into)
    save_file(how(load_file(into / "model.safetensors")), into / "model.safetensors")
    path = into / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    write_manifest(into)
    return into


@pytest.mark.parametrize("family", MODELS)
def test_only_the_numbers_are_others(
    trained: dict[str, Path], untrained: dict[str, Path], family: str
) -> None:
    old, new = weights(trained[family]), weights(untrained[family])
    assert {n: (t.shape, t.dtype) for n, t in new.items()} == {
        n: (t.shape, t.dtype) for n, t in old.items()
    }
    assert not [name for name in old if torch.equal(old[name], new[name])]
    files = {path.name for path in trained[family].iterdir()}
    assert {path.name for path in untrained[family].iterdir()} == files | {"source.json"}
    for name in files - {"model.safetensors", "manifest.json"}:
        assert (trained[family] / name).read_bytes() == (untrained[family] / name).read_bytes()
    source = json.loads((untrained[family] / "source.json").read_text())
    assert source["seed"] == 1 and "untrained" in source
    assert not verify({0: untrained[family], 5: trained[family]}).findings


@pytest.mark.parametrize("family", MODELS)
def test_the_seed_decides_every_byte(
    trained: dict[str, Path], untrained: dict[str, Path], family: str, tmp_path: Path
) -> None:
    torch.manual_seed(77)  # what was drawn before is no matter, nor disturbed
    before = torch.get_rng_state()
    for name, seed in (("again", 1), ("other", 2)):
        make_untrained(trained[family], tmp_path / name, seed=seed)
    assert torch.equal(torch.get_rng_state(), before)
    for path in untrained[family].iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    one, other = weights(untrained[family]), weights(tmp_path / "other")
    matrices = [name for name, tensor in one.items() if tensor.dim() > 1]
    assert not [name for name in matrices if torch.equal(one[name], other[name])]


@pytest.mark.parametrize("family", MODELS)
def test_the_numbers_are_those_of_the_familys_initialisation(
    untrained: dict[str, Path], family: str
) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    kind = AutoModelForCausalLM if FAMILIES[family].causal else AutoModelForMaskedLM
    model, loading = kind.from_pretrained(  # type: ignore[misc]
        untrained[family], output_loading_info=True
    )
    assert not any(loading.values()), loading
    drawn = []
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding | torch.nn.Conv1d):
            drawn.append(module.weight.flatten())
        if isinstance(module, torch.nn.LayerNorm) or "Norm" in type(module).__name__:
            assert (module.weight == 1).all()
        if getattr(module, "bias", None) is not None:
            assert not module.bias.any()
    numbers = torch.cat(drawn)
    deviation = float(numbers.std())
    # ModernBERT's are less for maps into the residual stream, and cut off at 2 deviations.
    least = 0.5 if family == "modernbert" else 0.95
    assert least * 0.02 < deviation < 1.05 * 0.02
    assert abs(float(numbers.mean())) < 4 * 0.02 / math.sqrt(len(numbers))


@pytest.mark.parametrize("family", MODELS)
def test_every_reader_reads_it(untrained: dict[str, Path], family: str) -> None:
    encoder = load_encoder(untrained[family])
    states = encoder.hidden_states([encoder.text_ids(line)[:20] for line in SCRIPTS])
    assert all(bool(state.isfinite().all()) for state in states)
    if not FAMILIES[family].causal:
        model = load_masked_lm(untrained[family])
        logits = model.logits(model.hidden_states([model.text_ids(SCRIPTS[0])[:20]])[-1])
        assert logits.shape[1] == 520


def test_a_converted_model_knows_nothing(tmp_path: Path) -> None:
    """XLM-R's folder as it is converted from fairseq: all words are about equally likely."""
    model, dictionary, size = tiny_model.write_tokenizer(tmp_path)
    torch.save(tiny_model.checkpoint(size), tmp_path / "checkpoint.pt")
    convert(tmp_path / "checkpoint.pt", model, dictionary, tmp_path / "trained")
    make_untrained(tmp_path / "trained", tmp_path / "untrained", seed=0)

    nats = {}
    for name in ("trained", "untrained"):
        check_manifest(tmp_path / name)
        read = load_masked_lm(tmp_path / name)
        texts = [read.text_ids(line)[:20] for line in tiny_model.sentences(1, 12)]
        scores = read.logits(read.hidden_states(texts)[-1])
        answers = torch.from_numpy(np.concatenate([[0, *text, 2] for text in texts]))
        nats[name] = torch.nn.functional.cross_entropy(scores, answers).item()
    assert nats["untrained"] == pytest.approx(math.log(size), abs=0.05)
    assert nats["trained"] > nats["untrained"] + 1  # random, but sure of itself

    tensors = weights(tmp_path / "untrained")
    # fairseq has no second kind of input, and nothing is to be learned of padding.
    assert not tensors["roberta.embeddings.token_type_embeddings.weight"].any()
    assert not tensors["roberta.embeddings.word_embeddings.weight"][1].any()


def test_types_of_numbers_are_kept(trained: dict[str, Path], tmp_path: Path) -> None:
    def mixed(tensors: Tensors) -> Tensors:
        return {
            n: t if "embed" in n else t.half() if "mlp" in n else t.bfloat16()
            for n, t in tensors.items()
        }

    model = change(trained["llama"], tmp_path / "mixed", mixed, dtype="float16")
    make_untrained(model, tmp_path / "mixed-0", seed=1)
    make_untrained(trained["llama"], tmp_path / "full-0", seed=1)
    full = weights(tmp_path / "full-0")
    for name, tensor in weights(tmp_path / "mixed-0").items():
        assert torch.equal(tensor, full[name].to(tensor.dtype)), name
        assert tensor.dtype == weights(model)[name].dtype


def test_names_and_constants_of_older_versions(trained: dict[str, Path], tmp_path: Path) -> None:
    def older(tensors: Tensors) -> Tensors:
        return {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): tensor
            for name, tensor in tensors.items()
        } | {"bert.embeddings.position_ids": torch.arange(48)[None]}

    model = change(trained["bert"], tmp_path / "bert", older)
    make_untrained(model, tmp_path / "bert-0", seed=1)
    make_untrained(trained["bert"], tmp_path / "new-0", seed=1)
    drawn = weights(tmp_path / "bert-0")
    assert torch.equal(drawn.pop("bert.embeddings.position_ids"), torch.arange(48)[None])
    assert drawn.keys() == weights(model).keys() - {"bert.embeddings.position_ids"}
    for name, tensor in older(weights(tmp_path / "new-0")).items():
        assert torch.equal(tensor, weights(tmp_path / "bert-0")[name])

    # The body of BLOOM was published without the head's prefix; GPT-NeoX kept its masks.
    model = change(
        trained["bloom"],
        tmp_path / "bloom",
        lambda tensors: {n.removeprefix("transformer."): t for n, t in tensors.items()},
    )
    make_untrained(model, tmp_path / "bloom-0", seed=1)
    assert float(weights(tmp_path / "bloom-0")["h.0.mlp.dense_h_to_4h.weight"].std()) < 0.03
    name = "gpt_neox.layers.0.attention"
    mask = torch.ones(1, 1, 9, 9).tril().bool()
    model = change(
        trained["gpt_neox"], tmp_path / "neox", lambda tensors: tensors | {f"{name}.bias": mask}
    )
    make_untrained(model, tmp_path / "neox-0", seed=1)
    assert torch.equal(weights(tmp_path / "neox-0")[f"{name}.bias"], mask)
    load_encoder(tmp_path / "neox-0")


def test_tied_weights_stay_tied_where_they_are_stored_twice(
    trained: dict[str, Path], tmp_path: Path
) -> None:
    head, words = "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"
    model = change(
        trained["xlm-roberta"], tmp_path / "model", lambda t: t | {head: t[words].clone()}
    )
    make_untrained(model, tmp_path / "untrained", seed=1)
    tensors = weights(tmp_path / "untrained")
    assert torch.equal(tensors[head], tensors[words])


def test_divided_weights_stay_divided(trained: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(trained["modernbert"])
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    shutil.copy(trained["modernbert"] / "tokenizer.json", tmp_path / "model")
    write_manifest(tmp_path / "model")
    make_untrained(tmp_path / "model", tmp_path / "untrained", seed=1)
    parts = {path.name for path in (tmp_path / "model").glob("*.safetensors")}
    assert len(parts) > 2
    assert {path.name for path in (tmp_path / "untrained").glob("*.safetensors")} == parts
    load_encoder(tmp_path / "untrained")


def test_heads_of_other_tasks(trained: dict[str, Path], tmp_path: Path) -> None:
    """Drawn if config.json names the task; or else 0, since nothing reads them."""
    from transformers import AutoConfig, BertForPreTraining, XLMRobertaForSequenceClassification

    config = AutoConfig.from_pretrained(trained["xlm-roberta"], num_labels=3)
    torch.manual_seed(0)
    model = XLMRobertaForSequenceClassification(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))
    shutil.copytree(trained["xlm-roberta"], tmp_path / "task")
    model.save_pretrained(tmp_path / "task")
    write_manifest(tmp_path / "task")
    make_untrained(tmp_path / "task", tmp_path / "task-0", seed=1)
    tensors = weights(tmp_path / "task-0")
    assert tensors["classifier.out_proj.weight"].shape == (3, 16)
    assert 0 < float(tensors["classifier.out_proj.weight"].abs().max()) < 0.1
    load_encoder(tmp_path / "task-0")

    both = BertForPreTraining(AutoConfig.from_pretrained(trained["bert"]))
    shutil.copytree(trained["bert"], tmp_path / "both")
    both.save_pretrained(tmp_path / "both")
    config_file = tmp_path / "both" / "config.json"
    content = json.loads(config_file.read_text()) | {"architectures": ["BertForMaskedLM"]}
    config_file.write_text(json.dumps(content))
    write_manifest(tmp_path / "both")
    make_untrained(tmp_path / "both", tmp_path / "both-0", seed=1)
    tensors = weights(tmp_path / "both-0")
    assert not tensors["cls.seq_relationship.weight"].any()
    assert tensors["cls.predictions.transform.dense.weight"].any()
    load_masked_lm(tmp_path / "both-0")


@pytest.mark.parametrize("architectures", [None, [], ["MyOwnBert"], ["LlamaForCausalLM"], ["os"]])
def test_without_a_known_architecture_it_is_the_familys_language_model(
    trained: dict[str, Path],
    untrained: dict[str, Path],
    tmp_path: Path,
    architectures: list[str] | None,
) -> None:
    model = change(trained["bert"], tmp_path / "model", dict, architectures=architectures)
    make_untrained(model, tmp_path / "untrained", seed=1)
    for name, tensor in weights(tmp_path / "untrained").items():
        assert torch.equal(tensor, weights(untrained["bert"])[name])


def test_code_beside_the_weights_is_never_run(trained: dict[str, Path], tmp_path: Path) -> None:
    classes = dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForMaskedLM"), "trap.Trap")
    model = change(trained["bert"], tmp_path / "model", dict, auto_map=classes)
    (model / "trap.py").write_text("import sys\nsys.trapped = True\n")
    write_manifest(model)
    make_untrained(model, tmp_path / "untrained", seed=1)
    assert not hasattr(sys, "trapped")


def _apart(tensors: Tensors) -> Tensors:
    return {name.replace("attention", "attend"): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("how", "config", "message"),
    [
        (dict, {"model_type": "unknown"}, "transformers cannot make such a model"),
        (dict, {"hidden_size": 15}, "transformers cannot make such a model"),
        (dict, {"intermediate_size": 25}, r"has shape \(24,.*, not config.json's \(25,"),
        (dict, {"num_hidden_layers": 4}, r"no weights for encoder\.layer\.3\."),
        (_apart, {}, r"no weights for encoder\.layer\.0\.attention\.self\.query\.weight"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    trained: dict[str, Path],
    tmp_path: Path,
    how: Callable[[Tensors], Tensors],
    config: dict,
    message: str,
) -> None:
    model = change(trained["bert"], tmp_path / "model", how, **config)
    with pytest.raises(UserError, match=message):
        make_untrained(model, tmp_path / "untrained", seed=1)
    assert not (tmp_path / "untrained").exists()


def test_a_damaged_model_is_refused(trained: dict[str, Path], tmp_path: Path) -> None:
    model = change(trained["bert"], tmp_path / "model", dict)
    (model / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"config\.json: 2 bytes where"):
        make_untrained(model, tmp_path / "untrained", seed=1)
