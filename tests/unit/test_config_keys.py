"""Nothing that a configuration says of the computation, and no tensor, is passed over."""

import json
import re
from pathlib import Path

import pytest
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.cli.app import app
from chronoglot.encoding.config_keys import _HONOURED, check_config
from chronoglot.encoding.encoder import load_encoder
from chronoglot.encoding.families import FAMILIES
from chronoglot.encoding.tensors import _USED, left_over, refuse_headless
from chronoglot.runtime.errors import UserError
from safetensors.torch import load_file, save_file
from tiny_families import MODELS, write_families, write_model
from tiny_tokenizers import write_tokenizers

TRAINING = {
    "architectures": ["X"],
    "attention_dropout": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "gradient_checkpointing": False,
    "initializer_range": 0.02,
    "output_past": True,
    "torch_dtype": "float16",
    "transformers_version": "4.37.0.dev0",
    "use_cache": True,
}
# As they are published.
PUBLISHED: dict[str, dict] = {
    "bert-base-multilingual-cased": {
        "model_type": "bert",
        "directionality": "bidi",
        "hidden_act": "gelu",
        "pooler_fc_size": 768,
        "pooler_num_attention_heads": 12,
        "pooler_num_fc_layers": 3,
        "pooler_size_per_head": 128,
        "pooler_type": "first_token_transform",
        "type_vocab_size": 2,
    },
    "xlm-roberta-base": {
        "model_type": "xlm-roberta",
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 514,
        "output_past": True,
        "position_embedding_type": "absolute",
    },
    "mdeberta-v3-base": {
        "model_type": "deberta-v2",
        "max_relative_positions": -1,
        "norm_rel_ebd": "layer_norm",
        "pooler_dropout": 0,
        "pooler_hidden_act": "gelu",
        "pooler_hidden_size": 768,
        "pos_att_type": "p2c|c2p",
        "position_biased_input": False,
        "position_buckets": 256,
        "relative_attention": True,
        "share_att_key": True,
    },
    "ModernBERT-base": {
        "model_type": "modernbert",
        "attention_bias": False,
        "classifier_activation": "gelu",
        "classifier_pooling": "mean",
        "decoder_bias": True,
        "deterministic_flash_attn": False,
        "embedding_dropout": 0.0,
        "global_attn_every_n_layers": 3,
        "global_rope_theta": 160000.0,
        "hidden_activation": "gelu",
        "initializer_cutoff_factor": 2.0,
        "layer_norm_eps": 1e-5,
        "local_attention": 128,
        "local_rope_theta": 10000.0,
        "norm_bias": False,
        "position_embedding_type": "absolute",
        "repad_logits_with_grad": False,
        "sparse_pred_ignore_index": -100,
        "sparse_prediction": False,
    },
    "mmBERT-base": {
        "model_type": "modernbert",
        "causal_mask": False,
        "global_attn_every_n_layers": 3,
        "global_rope_theta": 160000,
        "is_causal": False,
        "layer_norm_eps": 1e-5,
        "local_attention": 128,
        "local_rope_theta": 160000,
        "norm_eps": 1e-5,
        "position_embedding_type": "sans_pos",
    },
    "pythia-160m": {
        "model_type": "gpt_neox",
        "hidden_act": "gelu",
        "rotary_emb_base": 10000,
        "rotary_pct": 0.25,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
    },
    "TinyLlama": {
        "model_type": "llama",
        "attention_bias": False,
        "num_key_value_heads": 4,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-5,
        "rope_scaling": None,
        "rope_theta": 10000.0,
    },
    "bloom-560m": {
        "model_type": "bloom",
        "apply_residual_connection_post_layernorm": False,
        "attention_softmax_in_fp32": True,
        "bias_dropout_fusion": True,
        "masked_softmax_fusion": True,
        "n_embed": 1024,
        "n_inner": None,
        "n_layer": 24,
        "num_attention_heads": 16,
        "offset_alibi": 100,
        "pretraining_tp": 1,
        "seq_length": 4096,
        "skip_bias_add": True,
        "skip_bias_add_qkv": False,
        "slow_but_exact": False,
    },
}
OWN_CODE = {"AutoModel": "modeling_x.XModel"}
# What the families' code here does not follow.
NOT_FOLLOWED = [
    *((family, "position_embedding_type", kind)
      for family in ("bert", "roberta", "xlm-roberta")
      for kind in ("relative_key", "relative_key_query", "alibi", "rotary")),
    *((family, "is_decoder", True) for family in ("bert", "roberta", "xlm-roberta")),
    *((family, "add_cross_attention", True) for family in FAMILIES),
    *((family, "quantization_config", {"bits": 4}) for family in FAMILIES),
    *((family, "pruned_heads", {"1": [0]}) for family in FAMILIES),
    *((family, "auto_map", OWN_CODE) for family in FAMILIES),
    *((family, "adapters", {"de": {}}) for family in FAMILIES),
    *((family, "attn_logit_softcapping", 30.0) for family in FAMILIES),
    *((family, "residual_multiplier", 0.22) for family in FAMILIES),
    *((family, "use_qk_norm", True) for family in FAMILIES),
    *((family, "position_embedding_type", "relative_key") for family in FAMILIES),
    *((family, "is_causal", not FAMILIES[family].causal) for family in FAMILIES),
    *((family, "is_decoder", True) for family in ("deberta", "deberta-v2", "modernbert")),
    *((family, "head_dim", 4) for family in ("bert", "gpt_neox", "modernbert", "bloom")),
    *((family, "layer_norm_eps", 0.5) for family in ("llama", "bloom")),
    ("llama", "partial_rotary_factor", 0.5),
    ("gpt_neox", "partial_rotary_factor", 1.0),
    ("modernbert", "rope_theta", 10.0),
    ("bloom", "alibi", False),
    ("llama", "sliding_window", 4096),
    ("llama", "clip_qkv", 8.0),
    ("llama", "num_local_experts", 8),
    ("bloom", "n_inner", 100),
    ("bloom", "skip_bias_add_qkv", True),
    ("bloom", "alibi_bias_max", 8),
    ("modernbert", "causal_mask", True),
    ("bert", "rope_theta", 10000.0),
    ("bert", "embedding_size", 128),
    ("gpt_neox", "alibi", True),
]  # fmt: skip
# Followed: with this value the vectors are others.
FOLLOWED = [
    ("bert", {"hidden_act": "relu"}),
    ("bert", {"layer_norm_eps": 0.5}),
    ("roberta", {"hidden_act": "relu"}),
    ("xlm-roberta", {"hidden_act": "relu"}),
    ("deberta", {"layer_norm_eps": 0.5}),
    ("deberta-v2", {"layer_norm_eps": 0.5}),
    ("deberta-v2", {"conv_act": "relu"}),
    ("modernbert", {"local_attention": 2}),
    ("modernbert", {"hidden_activation": "relu"}),
    ("gpt_neox", {"use_parallel_residual": False}),
    ("gpt_neox", {"rotary_pct": 1.0, "rope_parameters": None}),
    ("gpt_neox", {"rotary_emb_base": 10, "rotary_pct": 1.0, "rope_parameters": None}),
    ("llama", {"rope_theta": 10.0, "rope_parameters": None}),
    ("llama", {"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    ("llama", {"rms_norm_eps": 0.5}),
    ("bloom", {"apply_residual_connection_post_layernorm": True}),
    ("bloom", {"layer_norm_epsilon": 0.5}),
]
# Said twice, each time otherwise, or within a mapping where nothing reads it; the key to be named.
DISAGREEING = [
    ("bloom", "n_head", {"num_attention_heads": 2, "n_head": 4}),
    ("bloom", "n_embed", {"hidden_size": 16, "n_embed": 32}),
    ("llama", "rope_theta", {"rope_theta": 10.0, "rope_parameters": {"rope_theta": 20.0}}),
    ("llama", "rope_parameters.partial_rotary_factor",
     {"rope_parameters": {"rope_theta": 20.0, "partial_rotary_factor": 0.5}}),
    ("llama", "rope_scaling.partial_rotary_factor",
     {"rope_scaling": {"type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5}}),
    ("gpt_neox", "rotary_pct",
     {"rotary_pct": 1.0, "rope_parameters": {"partial_rotary_factor": 0.25}}),
    ("gpt_neox", "rotary_emb_base",
     {"rotary_emb_base": 10, "rope_parameters": {"rope_theta": 10_000}}),
    ("gpt_neox", "partial_rotary_factor", {"rotary_pct": 0.5, "partial_rotary_factor": 1.0}),
    ("modernbert", "layer_norm_eps", {"norm_eps": 1e-5, "layer_norm_eps": 1e-12}),
    ("modernbert", "sliding_window", {"local_attention": 128, "sliding_window": 128}),
    ("modernbert", "global_attn_every_n_layers",
     {"global_attn_every_n_layers": 3, "layer_types": ["full_attention"] * 3}),
    ("modernbert", "global_rope_theta",
     {"global_rope_theta": 10.0, "rope_parameters": {"full_attention": {"rope_theta": 20.0}}}),
]  # fmt: skip
# Within a block, in place of N's: what adapters, other positions and other biases are called.
STRANGERS = ["adapter_down.weight", "self.distance_embedding.weight", "lora_A.weight", "gate.bias"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tokenizers = write_tokenizers(tmp_path_factory.mktemp("tokenizers"))
    return write_families(tmp_path_factory.mktemp("families"), tokenizers)


def changed(source: Path, folder: Path, config: dict, tensors: dict | None = None) -> Path:
    """A copy of a model with another configuration or more tensors."""
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = json.loads((source / "config.json").read_text()) | config
    content = {
        key: value for key, value in content.items() if key not in config or value is not None
    }
    (folder / "config.json").write_text(json.dumps(content))
    if tensors:
        weights = load_file(source / "model.safetensors") | tensors
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    write_manifest(folder)
    return folder


def states(folder: Path) -> list[torch.Tensor]:
    encoder = load_encoder(folder)
    texts = [encoder.text_ids("the black cat sees a dog on the red mat"), encoder.text_ids("a dog")]
    return [state.clone() for state in encoder.hidden_states(texts)]


def test_the_tables_are_of_the_families() -> None:
    assert _HONOURED.keys() == _USED.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_pass(name: str) -> None:
    check_config(TRAINING | PUBLISHED[name], Path("config.json"))


@pytest.mark.parametrize("family", MODELS)
def test_what_is_saved_passes(folders: dict[str, Path], family: str) -> None:
    config = json.loads((folders[family] / "config.json").read_text())
    check_config(config, Path("config.json"))
    names = list(load_file(folders[family] / "model.safetensors"))
    assert left_over(names, config) == []
    bodies = ("bert.", "roberta.", "deberta.", "model.", "gpt_neox.", "transformer.")
    bare = [name.partition(".")[2] if name.startswith(bodies) else name for name in names]
    assert bare != names
    assert left_over(bare, config) == []


@pytest.mark.parametrize(("family", "key", "value"), NOT_FOLLOWED)
def test_what_is_not_computed_is_refused_by_name(family: str, key: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"config.json: {key} "):
        check_config({"model_type": family, key: value}, Path("config.json"))
    check_config({"model_type": family, key: None}, Path("config.json"))


@pytest.mark.parametrize(("family", "key", "config"), DISAGREEING)
def test_what_is_said_twice_has_to_agree(family: str, key: str, config: dict) -> None:
    with pytest.raises(UserError, match=rf"config.json: {re.escape(key)} is"):
        check_config({"model_type": family} | config, Path("config.json"))


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("llama", {"partial_rotary_factor": 1.0, "rope_parameters": {"partial_rotary_factor": 1}}),
        ("modernbert", {"local_attention": 128, "sliding_window": 64}),
        ("modernbert", {"local_attention": 9, "sliding_window": 4}),
        (
            "modernbert",
            {
                "global_attn_every_n_layers": 3,
                "layer_types": ["full_attention", *["sliding_attention"] * 2] * 2,
            },
        ),
        ("modernbert", {"norm_eps": 1e-5, "layer_norm_eps": 1e-5}),
        ("gpt_neox", {"partial_rotary_factor": 0.25}),  # which is so where nothing is said
        ("bloom", {"num_attention_heads": 4, "n_head": 4}),
    ],
)
def test_what_is_said_twice_and_agrees_passes(family: str, config: dict) -> None:
    check_config({"model_type": family} | config, Path("config.json"))


@pytest.mark.parametrize("name", ["rope_scaling", "rope_parameters"])
@pytest.mark.parametrize(
    ("key", "rope"),
    [
        ("mrope_section", {"type": "default", "mrope_section": [16, 24, 24]}),
        ("alpha", {"rope_type": "dynamic", "factor": 2.0, "alpha": 1000.0}),
        ("low_freq_factor", {"type": "linear", "factor": 2.0, "low_freq_factor": 4.0}),
        ("factor", {"rope_theta": 10.0, "factor": 8.0}),
        ("rope_type", {"type": "su", "short_factor": [1.0]}),
        ("type", {"type": "linear", "rope_type": "dynamic", "factor": 2.0}),
    ],
)
def test_keys_within_a_rotation_that_are_not_read_are_refused(
    name: str, key: str, rope: dict
) -> None:
    path = Path("config.json")
    for family in ("llama", "gpt_neox"):
        with pytest.raises(UserError, match=rf"config.json: {name}\.{key} is"):
            check_config({"model_type": family, name: rope}, path)
    if name == "rope_parameters":
        with pytest.raises(UserError, match=rf"{name}\.full_attention\.{key} is"):
            check_config({"model_type": "modernbert", name: {"full_attention": rope}}, path)


@pytest.mark.parametrize(
    "rope",
    [
        {"type": "linear", "factor": 2.0},
        {"rope_type": "default", "factor": 1.0},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
        | {"original_max_position_embeddings": 8192, "rope_theta": 500000.0},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
        | {"beta_fast": 32, "alpha": None},
    ],
)
def test_keys_within_a_rotation_that_are_read_pass(rope: dict) -> None:
    check_config({"model_type": "llama", "rope_scaling": rope}, Path("config.json"))


@pytest.mark.parametrize(
    ("family", "name", "there"),
    [
        ("llama", "layers.0.self_attn.q_proj.bias", False),
        ("llama", "layers.0.mlp.up_proj.bias", False),
        ("gpt_neox", "layers.0.attention.query_key_value.bias", True),
        ("modernbert", "layers.0.attn.Wqkv.bias", False),
    ],
)
def test_biases_are_where_the_family_has_them_if_nothing_is_said(
    family: str, name: str, there: bool
) -> None:
    assert left_over([name], {"model_type": family}) == ([] if there else [name])


@pytest.mark.parametrize(("family", "change"), FOLLOWED)
def test_what_is_honoured_changes_the_vectors(
    folders: dict[str, Path], tmp_path: Path, family: str, change: dict
) -> None:
    # With a quarter of a head's 8 numbers rotated, the base has no effect.
    others = {key: value for key, value in change.items() if "rotary_emb_base" in change}
    others |= {"rotary_emb_base": 10_000} if others else {}
    before = states(changed(folders[family], tmp_path / "before", others))
    after = states(changed(folders[family], tmp_path / "model", change))
    assert max((a - b).abs().max() for a, b in zip(before, after, strict=True)) > 1e-4


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("family", MODELS)
def test_a_tensor_too_many_in_a_block_is_refused(
    folders: dict[str, Path], tmp_path: Path, family: str, stranger: str
) -> None:
    source = folders[family]
    config = json.loads((source / "config.json").read_text())
    names = load_file(source / "model.safetensors")
    block = next(name for name in names if ".1." in name).partition(".1.")[0]
    name = f"{block}.1.{stranger}"
    assert left_over([name], config) == [name]
    folder = changed(source, tmp_path / "model", {}, {name: torch.ones(3)})
    with pytest.raises(UserError, match=name.replace(".", r"\.").split(r"\.", 1)[1]):
        load_encoder(folder)
    with pytest.raises(UserError, match="leaves no place for"):
        take(folder, tmp_path)


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "modernbert"])
def test_biases_are_used_if_the_configuration_says_so(tmp_path: Path, family: str) -> None:
    (tmp_path / "tokenizers").mkdir()
    tokenizers = write_tokenizers(tmp_path / "tokenizers")
    kind = MODELS[family][0]
    model = write_model(tmp_path / "with", tokenizers[kind], family, head=True, attention_bias=True)
    take(model, tmp_path)
    load_encoder(model)
    without = changed(model, tmp_path / "without", {"attention_bias": False})
    for refused in (lambda: take(without, tmp_path), lambda: load_encoder(without)):
        with pytest.raises(UserError, match=r"leaves no place for.*\.bias"):
            refused()


def take(folder: Path, tmp_path: Path) -> None:
    """What a job does that takes a checkpoint."""
    options = ["--folder", tmp_path / "taken", "--digest", tmp_path / "digest.json"]
    command = ["take-folder", "1", str(folder), *map(str, options), "--layers", "3"]
    app(command, standalone_mode=False)


@pytest.mark.parametrize("family", sorted(MODELS))
def test_blocks_beyond_those_that_are_computed_are_left_over(
    folders: dict[str, Path], family: str
) -> None:
    config = json.loads((folders[family] / "config.json").read_text())
    key = "n_layer" if "n_layer" in config else "num_hidden_layers"
    config[key] -= 1
    names = list(load_file(folders[family] / "model.safetensors"))
    last = [name for name in names if re.search(rf"(layer|layers|h)\.{config[key]}\.", name)]
    assert last and left_over(names, config) == last


@pytest.mark.parametrize(
    "family", sorted(name for name, family in FAMILIES.items() if not family.causal)
)
def test_a_model_without_the_head_that_its_task_needs_is_refused(
    folders: dict[str, Path], tmp_path: Path, family: str
) -> None:
    refuse_headless(folders[family])
    headless = write_model(tmp_path / "headless", folders[family], family, head=False)
    with pytest.raises(UserError, match="without the head that scores masked tokens"):
        refuse_headless(headless)
