"""A run's model before its first update, where none was kept: the baseline of every curve."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from safetensors import safe_open
from torch import Tensor

from chronoglot.checkpoints.manifest import check_manifest, write_manifest
from chronoglot.checkpoints.weights import write_weights
from chronoglot.runtime.errors import UserError, listed
from chronoglot.runtime.files import whole_folder

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_SOURCE = "source.json"


def make_untrained(model: Path, folder: Path, *, seed: int) -> None:
    """Write `folder`: the checkpoint in the folder `model`, its weights drawn afresh.

    They are drawn from the seed as `transformers` initialises the architecture that config.json
    names (in most families normal, of standard deviation `initializer_range`; biases 0, layer
    norms 1), in float32, and rounded to the type of each tensor. A run that was initialised in
    another way began with other numbers.

    All other files are those of `model`, and so are the tensors' names, shapes and types. Not
    drawn are tensors of whole numbers (masks, positions), which are kept; those that are 0
    throughout in `model`, which does without them; and those that the architecture does not have,
    such as the head of another task, which nothing reads and which become 0.

    Raises UserError if `model` is damaged, or not of an architecture of `transformers`.
    """
    files = check_manifest(model)
    weights = [name for name in files if name.endswith(".safetensors")]
    with torch.random.fork_rng(devices=[]):
        drawn = _draw(model, seed)
        places = _places({n: s for name in weights for n, s in _shapes(model / name)}, drawn)
    _check_complete(places, drawn, model)
    with whole_folder(folder) as temporary:
        for name in files:
            if name in weights:
                _write_weights(model / name, temporary / name, places)
            elif name != _SOURCE:
                shutil.copyfile(model / name, temporary / name)
        origin = {"untrained": type(drawn).__name__, "like": str(model), "seed": seed}
        (temporary / _SOURCE).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        write_manifest(temporary)


def _draw(model: Path, seed: int) -> "PreTrainedModel":
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(
            str(model), local_files_only=True, trust_remote_code=False
        )
        kind = _architecture(config)
        torch.default_generator.manual_seed(seed)
        return kind(config)
    except Exception as error:  # of many kinds, none of them promised
        raise UserError(f"{model}: transformers cannot make such a model ({error})") from error


def _architecture(config: "PretrainedConfig") -> type["PreTrainedModel"]:
    """The class that config.json names, with its head, or else the language model of its family."""
    import transformers

    for name in config.architectures or ():
        named = getattr(transformers, name, None)
        if getattr(named, "config_class", None) is type(config):
            return cast("type[PreTrainedModel]", named)
    for mapping in (
        transformers.MODEL_FOR_MASKED_LM_MAPPING,
        transformers.MODEL_FOR_CAUSAL_LM_MAPPING,
    ):
        if type(config) in mapping:
            return cast("type[PreTrainedModel]", mapping[type(config)])
    raise ValueError(f"{config.model_type} is no family of language models")


def _shapes(weights: Path) -> list[tuple[str, list[int]]]:
    """Names and shapes of the tensors of floating-point numbers."""
    with safe_open(weights, framework="pt") as file:
        parts = ((name, file.get_slice(name)) for name in file.keys())  # noqa: SIM118
        return [(n, p.get_shape()) for n, p in parts if p.get_dtype().startswith(("F", "BF"))]


def _places(shapes: Mapping[str, list[int]], drawn: "PreTrainedModel") -> dict[str, Tensor]:
    """The tensor of `drawn` that `transformers` loads one of each name into, if there is any."""
    fresh = drawn.state_dict()
    places = {name: fresh[name] for name in shapes if name in fresh}
    others = [name for name in shapes if name not in fresh]
    if not others:
        return places
    # Names change with the versions, and the library knows how. So it is given tensors of these
    # names, each full of one number, 2 and up, and where the numbers have come to is looked up.
    names = {2.0 + number: name for number, name in enumerate(others)}
    model = type(drawn).from_pretrained(
        None,
        config=drawn.config,
        state_dict={name: torch.full(shapes[name], number) for number, name in names.items()},
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
    )
    for place, tensor in model.state_dict().items():
        first = float(tensor.flatten()[0]) if tensor.numel() else 0.0
        if first in names and bool((tensor == first).all()):
            places[names[first]] = fresh[place]
    return places


def _check_complete(places: Mapping[str, Tensor], drawn: "PreTrainedModel", model: Path) -> None:
    """Refuse a body of which a part has no weights in the files, under no name that is known."""
    used = {tensor.data_ptr() for tensor in places.values()}
    unused = [
        name
        for name, weight in drawn.base_model.named_parameters()
        if weight.data_ptr() not in used and "pooler." not in name  # which no task reads
    ]
    if unused:
        raise UserError(f"{model}: the model has no weights for {listed(unused)}")


def _write_weights(old: Path, new: Path, places: Mapping[str, Tensor]) -> None:
    tensors = {}
    with safe_open(old, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118
            tensor, drawn = file.get_tensor(name), places.get(name)
            if drawn is not None and drawn.shape != tensor.shape:
                raise UserError(
                    f"{old}: {name} has shape {tuple(tensor.shape)}, not config.json's "
                    f"{tuple(drawn.shape)}"
                )
            tensors[name] = _untrained(tensor, drawn)
        write_weights(tensors, new, file.metadata())


def _untrained(trained: Tensor, drawn: Tensor | None) -> Tensor:
    if not trained.is_floating_point():
        return trained
    if drawn is None or not trained.any():
        return torch.zeros_like(trained)
    return drawn.to(trained.dtype, copy=True)  # tied weights may be stored twice
