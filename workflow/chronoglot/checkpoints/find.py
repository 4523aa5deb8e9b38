"""Checkpoints by a pattern: names of files or URLs in which `{step}` stands for the step.

`{step}` is a number in digits, leading zeros allowed (`checkpoint_{step}.pt`); where it stands
twice it is the same number twice. In local names `*` stands for anything within one name, as
fairseq's epoch in `checkpoint_*_{step}.pt`.
"""

import re
from glob import escape, glob
from pathlib import Path

from chronoglot.runtime.errors import UserError, most_alike
from chronoglot.runtime.urls import is_url

_STEP = "{step}"
_PART = re.compile(r"-(shard|model_part-)\d+(?=\.[^./]+$)")


def find_checkpoints(pattern: str) -> dict[int, Path]:
    """Step → local file or folder that matches the pattern, ordered by step.

    Raises UserError if nothing matches, or two files are of one step.
    """
    found = matching(pattern)
    if not found:
        raise UserError(f"{pattern}: no such files{_nearest(str(Path(pattern)))}")
    return found


def matching(pattern: str) -> dict[int, Path]:
    """As `find_checkpoints`, but where nothing matches there is nothing to raise."""
    _check_pattern(pattern)
    pattern = str(Path(pattern))  # as glob gives names, without a doubled "/"
    expression = _expression(pattern)
    found: dict[int, Path] = {}
    for path in sorted(glob(escape(pattern).replace("[*]", "*").replace(_STEP, "*"))):
        matched = expression.fullmatch(path)
        if not matched:
            continue
        step = int(matched["step"])
        if step in found:
            raise UserError(
                f"{pattern}: {found[step]} and {path} are both of step {step}; make the pattern "
                "narrower, so that it matches one of them"
            )
        found[step] = Path(path)
    return dict(sorted(found.items()))


def divided(pattern: str) -> dict[int, Path]:
    """Step → a file that holds a part of a checkpoint named as the pattern has it.

    fairseq saves a model that FSDP or Megatron divides in files that end in `-shard0.pt` and
    `-model_part-0.pt`.
    """
    path = Path(pattern)
    found: dict[int, Path] = {}
    for name in glob(
        escape(f"{path.with_suffix('')}").replace("[*]", "*").replace(_STEP, "*") + "-*"
    ):
        base = _PART.sub("", name)
        matched = _expression(str(path)).fullmatch(base) if base != name else None
        if matched:
            found.setdefault(int(matched["step"]), Path(name))
    return dict(sorted(found.items()))


def place_of(pattern: str, step: int) -> Path | str:
    """The path or URL of a step, by a pattern or, without `{step}` in it, by name.

    Raises UserError if no path that matches the pattern is of the step.
    """
    if is_url(pattern):
        return pattern.replace(_STEP, str(step))
    if _STEP not in pattern:
        return Path(pattern)
    found = matching(pattern)
    if step not in found:
        raise UserError(f"{pattern}: no longer holds the checkpoint of step {step}")
    return found[step]


def _check_pattern(pattern: str) -> None:
    if _STEP not in pattern:
        raise UserError(f"{pattern}: has no {_STEP}, so the files' steps are not known")


def _expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression with a group `step`."""
    parts = re.split(r"(\{step\}|\*)", pattern)
    first = parts.index(_STEP)
    return re.compile(
        "".join(
            r"(?P<step>[0-9]+)"
            if index == first
            else {_STEP: "(?P=step)", "*": "[^/]*"}.get(part, re.escape(part))
            for index, part in enumerate(parts)
        )
    )


def _nearest(pattern: str) -> str:
    """What to say about the deepest folder of the pattern that exists, and the names in it."""
    path = Path(pattern)
    folder = next(
        parent
        for parent in path.parents
        if parent.is_dir() and _STEP not in str(parent) and "*" not in str(parent)
    )
    wanted = path.relative_to(folder).parts[0]
    names = sorted(child.name for child in folder.iterdir())
    if not names:
        return f"; {folder} is empty"
    return f"; nearest to {wanted} in {folder}: {', '.join(most_alike(wanted, names, 3))}"
