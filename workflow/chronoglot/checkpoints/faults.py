"""What can be wrong with the checkpoints of a run, seen from their digests.

Each function takes step → digest (or its `tensors`), in the order of the steps, and gives the name
of each finding with what was found; `chronoglot.checkpoints.verify` says what the names mean.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial

from chronoglot.runtime.errors import listed

_few = partial(listed, most=3)  # as many names as a finding gives

# Embeddings without a token that a model may have: they are padded to a round number for the sake
# of the hardware. fairseq pads the dictionary instead, so that sentencepiece must fit exactly.
_PADDING = {"tokenizer.json": 1024}


def identical(tensors: Mapping[int, dict]) -> dict[str, str]:
    """Steps with equal weights, and matrices that unequal steps share though they are trained."""
    groups = _groups(
        tensors, lambda step: tuple((name, t["sha256"]) for name, t in tensors[step].items())
    )
    found = {
        _name("identical", group): f"all {len(tensors[group[0]])} tensors are equal"
        for group in groups
        if len(group) > 1
    }
    different = [group[0] for group in groups]
    shared: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name in _matrices(tensors):
        having = [step for step in different if name in tensors[step]]
        for group in _groups(having, lambda step: tensors[step][name]["sha256"]):  # noqa: B023
            if 1 < len(group) < len(having):
                shared[group].append(name)
    return found | {
        _name("shared", group): f"equal, though they change elsewhere: {_few(names)}"
        for group, names in shared.items()
    }


def other_tensors(tensors: Mapping[int, dict]) -> dict[str, str]:
    """Steps whose tensors differ from the others' in name, shape or type."""
    found = {}
    numbers = Counter(name for content in tensors.values() for name in content)
    usual = {name for name, number in numbers.items() if 2 * number >= len(tensors)}
    for step, content in tensors.items():
        if missing := sorted(usual - content.keys()):
            found[f"missing:{step}"] = f"not there: {_few(missing)}"
        if extra := sorted(content.keys() - usual):
            found[f"extra:{step}"] = f"not in most other steps: {_few(extra)}"
    for kind in ("shape", "dtype"):
        most = {
            name: _most(str(c[name][kind]) for c in tensors.values() if name in c)
            for name in numbers
        }
        for step, content in tensors.items():
            if others := [name for name, t in content.items() if str(t[kind]) != most[name]]:
                first = others[0]
                found[f"{kind}:{step}"] = (
                    f"{content[first][kind]} where most steps have {most[first]}: {_few(others)}"
                )
    return found


def not_finite(tensors: Mapping[int, dict]) -> dict[str, str]:
    """Steps with numbers that are NaN or infinite."""
    found = {}
    for step, content in tensors.items():
        for kind in ("nan", "infinite"):
            if names := [name for name, tensor in content.items() if tensor.get(kind)]:
                number = sum(content[name][kind] for name in names)
                found[f"{kind}:{step}"] = f"{number} {kind} in {_few(names)}"
    return found


def vocabularies(digests: Mapping[int, dict]) -> dict[str, str]:
    """Steps whose tokenizer does not fit their embeddings, or is not that of the others."""
    found = {}
    files = {
        step: (name := content["vocabulary"]["tokenizer"])
        and f"{name}, {content['files'][name]['sha256']}"
        for step, content in digests.items()
    }
    usual = _most(files.values())
    for step, content in digests.items():
        embeddings, ids = (content["vocabulary"][key] for key in ("embeddings", "ids"))
        sizes = {tensor["shape"][0] for tensor in content["tensors"].values() if tensor["shape"]}
        if ids is None:
            found[f"vocabulary:{step}"] = "no tokenizer that can be read"
        elif embeddings not in sizes:
            found[f"vocabulary:{step}"] = (
                f"config.json speaks of {embeddings} ids, but no tensor has so many rows"
            )
        elif (
            not 0
            <= embeddings - ids - content["vocabulary"].get("padding", 0)
            <= _PADDING.get(content["vocabulary"]["tokenizer"], 0)
        ):
            found[f"vocabulary:{step}"] = (
                f"the tokenizer has {ids} ids, the model {embeddings} embeddings"
            )
        if files[step] != usual:
            found[f"tokenizer:{step}"] = "another tokenizer than in most steps"
    return found


def _matrices(tensors: Mapping[int, dict]) -> list[str]:
    """Names of all tensors of two dimensions or more, in order."""
    return sorted({n for c in tensors.values() for n, t in c.items() if len(t["shape"]) > 1})


def _groups(steps: Iterable[int], key: Callable[[int], Hashable]) -> list[tuple[int, ...]]:
    """Steps grouped by their key, in the order in which each key comes first."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for step in steps:
        groups[key(step)].append(step)
    return [tuple(group) for group in groups.values()]


def _most(values: Iterable[str | None]) -> str | None:
    """The most common value; of several, that which comes first."""
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else None


def _name(kind: str, steps: Sequence[int]) -> str:
    return ":".join([kind, *map(str, steps)])
