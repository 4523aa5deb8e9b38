"""What Snakemake is asked for by name or path: refused while planning if it cannot be made."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chronoglot.errors import UserError

if TYPE_CHECKING:
    from chronoglot.plan import Plan


def refuse_unknown(asked: Iterable[str], plan: "Plan") -> None:
    """Raise UserError for a step that the run does not have, or a layer that is not probed.

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
