"""Whether jobs that ask for a GPU find one: asked before anything else is done."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole


def check_gpu(sections: Sequence[str], output: Path) -> None:
    """Write and print the GPU's name.

    `sections` are those of the settings whose `device` is cuda. Raises UserError if torch finds no
    GPU where this job runs.
    """
    if not torch.cuda.is_available():
        keys = " and ".join(f"{section}.device" for section in sections)
        raise UserError(f"{keys}: cuda, but torch finds no GPU here; set it to cpu")
    name = torch.cuda.get_device_name()
    with whole(output) as temporary:
        temporary.write_text(json.dumps({"gpu": name}) + "\n", encoding="utf-8")
    print(name)
