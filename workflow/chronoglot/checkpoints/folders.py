"""Model folders in the layout of `transformers`: which are complete, and how one becomes a run's.

Of what a folder holds only what is read is taken: the configuration, the tokenizer, and the
weights. Never code. In a run all are alike: the weights are safetensors, and the tokenizer is a
`tokenizer.json` or XLM-R's sentencepiece model; where the source has older forms of them, they are
made. Nothing heavy is imported before that: which checkpoints there are is asked whenever the
workflow is planned.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from chronoglot.checkpoints.complete import is_whole
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import link, whole_folder
from chronoglot.runtime.masquerade import is_pointer, masquerade

CONFIG = "config.json"
# Any of them is a tokenizer; the others say more about one.
_TOKENIZERS = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "spm.model",
    "tokenizer.model",
)
TOKENIZER_FILES = (
    *_TOKENIZERS,
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
# The weights in one file, or the index of the files among which they are divided; the best first.
_TORCH = "pytorch_model"
_WEIGHTS = (
    ("model.safetensors", "model.safetensors.index.json"),
    (f"{_TORCH}.bin", f"{_TORCH}.bin.index.json"),
)


_IS_WEIGHTS = re.compile(rf"(model|{_TORCH})(-.*)?\.(safetensors|bin)(\.index\.json)?")
# Of what is no model by itself, and what to do about it.
_OTHER_LAYOUTS = (
    (r"adapter_(config\.json|model\..*)", "an adapter: merge it into its model, and save that"),
    (
        rf"{_TORCH}_fsdp.*|.*\.distcp",
        "shards of FSDP: put them together with `accelerate merge-weights`",
    ),
    (r"global_step\d+|zero_to_fp32\.py", "shards of DeepSpeed: run its zero_to_fp32.py"),
    (r"tf_model.*\.h5|flax_model.*\.msgpack", "those of TensorFlow or Flax: save it with PyTorch"),
)


def what_is_missing(folder: str | Path) -> str | None:
    """What a model folder lacks to be read; None if it is complete.

    It is if it has a readable `config.json` and weights of which every file is as long as its
    header says. A trainer writes the weights, and then the tokenizer: if one has begun, then it
    is complete too.
    """
    folder = Path(folder)
    try:
        _read_json(folder / CONFIG)
        names = {entry.name for entry in folder.iterdir()}
        weights = weight_files(names, lambda name: folder / name)
        if not weights:
            return "no weights"
        if absent := [name for name in weights if name not in names]:
            return f"no {absent[0]}"
        for name in names.intersection(TOKENIZER_FILES):
            if name.endswith(".json"):
                _read_json(folder / name)
        cut = [name for name in weights if not is_whole(folder / name)]
    except OSError as error:
        return f"no {Path(error.filename).name}" if error.filename else str(error)
    except ValueError as error:
        return str(error)
    return f"the end of {cut[0]}" if cut else None


def why_never(folder: str | Path) -> str | None:
    """Why a model folder can never be complete, if it cannot.

    A trainer that is still writing has a folder without some of its files, or a file without its
    end; it makes no pointer or page in the place of one, nor the weights in another layout.
    """
    folder = Path(folder)
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError:
        return None
    for name in sorted(names):
        if name == CONFIG or name in TOKENIZER_FILES or _IS_WEIGHTS.fullmatch(name):
            # What is empty, or unlike what its name says, may be written just now.
            what = masquerade(folder / name)
            if what and (is_pointer(folder / name) or "HTML" in what):
                return f"{name} is {what}"
    if any(_IS_WEIGHTS.fullmatch(name) for name in names):
        return None
    for pattern, what in _OTHER_LAYOUTS:
        if found := sorted(filter(re.compile(pattern).fullmatch, names)):
            return f"no weights of a whole model, but {what} ({found[0]})"
    return None


def checkpoint_files(source: Path, tokenizer: Path | None = None) -> list[Path]:
    """The files of a complete checkpoint that a run's is made of."""
    tokens = tokenizer or source
    return [
        *_model_files(source),
        *(tokens / name for name in TOKENIZER_FILES if (tokens / name).is_file()),
    ]


def _model_files(source: Path) -> list[Path]:
    names = {entry.name for entry in source.iterdir()}
    return [source / name for name in [CONFIG, *weight_files(names, source.joinpath)]]


def link_local(
    source: str | Path, folder: str | Path, *, tokenizer: str | Path | None = None
) -> None:
    """Make `folder` a checkpoint of a run: links to what `source` holds, and their manifest.

    They are hard links where the file system has them, which last when a trainer deletes its old
    checkpoints. `tokenizer` is a folder to take the tokenizer from instead.

    Raises UserError if the source is not complete, or there is no tokenizer.
    """
    source = Path(source)
    if missing := what_is_missing(source):
        raise UserError(f"{source}: not a complete checkpoint: {missing}")
    files = {path.name: path for path in _model_files(source)}
    tokens = Path(tokenizer) if tokenizer else source
    assemble(files, tokens, folder, {"folder": str(source.resolve())})


def assemble(
    files: Mapping[str, Path],
    tokenizer: Path | Mapping[str, Path],
    folder: str | Path,
    origin: Mapping[str, str],
) -> None:
    """Make `folder` a checkpoint of links to files by name, and write its manifest.

    `tokenizer` is a folder that has one, or its files by name; `origin` is kept as `source.json`.
    Raises UserError if there is no tokenizer, its files disagree, or what is in an older form
    cannot be read.
    """
    if isinstance(tokenizer, Path):
        found = {name: tokenizer / name for name in TOKENIZER_FILES}
        tokenizer = {name: path for name, path in found.items() if path.is_file()}
    where = " ".join(origin.values())
    if not any(name in _TOKENIZERS for name in tokenizer):
        raise UserError(f"{where}: has no tokenizer; name the folder of one in the run's settings")
    weights = [name for name in files if _IS_WEIGHTS.fullmatch(name)]
    with whole_folder(folder) as temporary:
        for name, path in {**files, **tokenizer}.items():
            if name not in weights:
                link(path, temporary / name)
        if not _rewritten([files[name] for name in weights], temporary / "model.safetensors"):
            for name in weights:
                link(files[name], temporary / name)
        _settle_tokenizer(temporary, where)
        (temporary / "source.json").write_text(json.dumps(origin, indent=2) + "\n", "utf-8")
        write_manifest(temporary)


def _rewritten(weights: list[Path], output: Path) -> bool:
    """Whether the weights had to be written anew: as safetensors, or under their own names."""
    from chronoglot.checkpoints.torch_weights import write_safetensors
    from chronoglot.checkpoints.weights import write_unwrapped

    parts = [path for path in weights if path.suffix != ".json"]
    if parts[0].suffix == ".safetensors":
        return write_unwrapped(parts, output)
    write_safetensors(parts, output)
    return True


def _settle_tokenizer(folder: Path, where: str) -> None:
    """Leave one tokenizer that is read, the one that `transformers` would take, and check it."""
    from chronoglot.checkpoints.agreement import SENTENCEPIECE, check_tokenizer, is_extended
    from chronoglot.checkpoints.fast_tokenizer import write_fast_tokenizer

    own, fast = folder / SENTENCEPIECE, folder / "tokenizer.json"
    if own.is_file() and not is_extended(folder, where):
        fast.unlink(missing_ok=True)
        return
    if not fast.is_file():
        write_fast_tokenizer(folder, where)
    check_tokenizer(folder, where)
    own.unlink(missing_ok=True)


def weight_files(names: Collection[str], path_of: Callable[[str], Path]) -> list[str]:
    """The files of the weights, an index first; none if there are none."""
    for single, index in _WEIGHTS:
        if single in names:
            return [single]
        if index in names:
            parts = sorted(set(_read_json(path_of(index)).get("weight_map", {}).values()))
            if not parts or any(Path(part).name != part for part in parts):
                raise ValueError(f"{index} does not name the files of the weights")
            return [index, *parts]
    return []


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not readable ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is not readable")
    return content
