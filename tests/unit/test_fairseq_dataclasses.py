"""fairseq on Pythons that refuse its configuration: what is changed, and that it is needed."""

import subprocess
import sys

import chronoglot.pretraining  # noqa: F401, fairseq can be imported only after it

# isort: split
import dataclasses

import pytest
from chronoglot.pretraining import fairseq_dataclasses
from chronoglot.runtime.errors import UserError
from fairseq.dataclass.configs import FairseqConfig


def test_fairseq_s_defaults_are_what_it_says() -> None:
    config = FairseqConfig()
    assert (config.common.seed, config.common.log_interval, config.common.fp16) == (1, 100, False)
    assert (config.optimization.lr, config.optimization.clip_norm) == ([0.25], 0.0)
    assert (config.dataset.train_subset, config.dataset.num_workers) == ("train", 1)
    assert (config.checkpoint.save_dir, config.checkpoint.save_interval) == ("checkpoints", 1)


def test_other_dataclasses_are_still_refused_mutable_defaults() -> None:
    @dataclasses.dataclass
    class Part:
        number: int = 0

    with pytest.raises(ValueError, match="mutable default"):

        @dataclasses.dataclass
        class Whole:
            part: Part = Part()  # noqa: RUF009


def test_without_the_change_fairseq_cannot_be_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import fairseq"], capture_output=True, text=True, check=False
    )
    assert done.returncode and "mutable default" in done.stderr


def test_a_python_that_was_not_tried_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    with pytest.raises(UserError, match=r"on Python 3\.11, 3\.12 and 3\.13, not on 3\.14"):
        fairseq_dataclasses.allow()
