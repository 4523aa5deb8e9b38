"""What Snakemake is asked for by name or path: refused while planning if it cannot be made."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chronoglot.runtime.errors import UserError, nearest

if TYPE_CHECKING:
    from chronoglot.planning.experiment import Plan


def refuse_unknown(asked: Iterable[str], plan: "Plan") -> None:
    """Raise UserError for a step, layer, language or task that the experiment does not have.

    By name, `step_800`, a step is one of those that the settings list; by path, `…/step-800/…`, it
    is any that the run passes, since a pretraining that is done here can give it.
    """
    pretraining = plan.settings.pretraining
    steps = ", ".join(map(str, plan.steps))
    for target in asked:
        if (found := re.fullmatch(r"step_(\d+)", target)) and int(found[1]) not in plan.steps:
            raise UserError(f"{target}: there is no such checkpoint; the steps are {steps}")
        if not target.startswith(f"{plan.results}/"):
            continue
        for number in map(int, re.findall(r"/step-(\d+)(?=/|$)", target)):
            if pretraining and number > pretraining.updates:
                raise UserError(
                    f"{target}: the run has {pretraining.updates} updates; the steps are {steps}"
                )
            if not pretraining and number not in plan.steps:
                raise UserError(f"{target}: there is no such checkpoint; the steps are {steps}")
        for number in map(int, re.findall(r"/layer-(\d+)(?=[/.])", target)):
            if number not in plan.layers:
                raise UserError(
                    f"{target}: this layer is not probed; those that are: "
                    f"{', '.join(map(str, plan.layers))}"
                )
        if said := _unknown(target.removeprefix(f"{plan.results}/"), plan):
            raise UserError(f"{target}: {said}")


def _unknown(path: str, plan: "Plan") -> str | None:
    """What a path under the results names that is not of the experiment, if anything."""
    known = plan.tuples
    if found := re.match(r"(probes|transfer)/step-\d+/(?:layer-\d+/)?([^/]+)/([^/.]+)\.", path):
        kind, language, task = found.groups()
        of_tasks = known.probes if kind == "probes" else known.transfer
        tasks = [one.name for one in plan.tasks]
        if task not in tasks:
            return f"{task} is not one of the `tasks`{nearest(task, tasks)}"
        return _of_language(language, of_tasks.get(task, []), plan, f"{kind} of {task}")
    if found := re.match(r"bpc/step-\d+/([^/.]+)\.", path):
        return _of_language(found[1], known.texts, plan, "bpc")
    if found := re.match(r"(?:alignment/step-\d+|data/parallel)/([^/.]+)\.", path):
        pairs = list(plan.settings.alignment.gold)
        if found[1] not in pairs:
            return f"{found[1]} is not in `alignment.gold`{nearest(found[1], pairs)}"
        return None if known.alignments else "alignment is not one of the `tasks`"
    if found := re.match(r"(?:data/checked|data|vectors/step-\d+)/(\w+)/([^/.]+)", path):
        data, language = found.groups()
        if path.startswith("vectors/"):
            data, language = language, data
        has = {
            "text": plan.with_text,
            "words": plan.with_treebank,
            "pairs": [code for code in plan.languages if plan.inputs.has_pairs(code)],
        }
        return _of_language(language, has[data], plan, data) if data in has else None
    return None


def _of_language(code: str, known: list[str], plan: "Plan", what: str) -> str | None:
    if code not in plan.languages:
        return f"{code} is not one of the `languages`{nearest(code, plan.languages)}"
    if code in known:
        return None
    return f"no {what} in {code}" + (f", only in {', '.join(known)}" if known else "")
