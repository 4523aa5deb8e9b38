"""fairseq's parts put together to one run: task, model, trainer, and the walk over the epochs.

The loop is that of fairseq_cli.train, and gives the same weights; it is written out here since that
one saves neither step 0 nor, under its number, a step on which an epoch ends. Every epoch loads its
blocks anew: otherwise a run resumed in the second epoch would shuffle them differently.

Examples are blocks that span paragraphs, as XLM's are, or paragraphs that are cut when binarised:
either way no token is left out, where fairseq by itself drops a paragraph that is too long.
"""

import argparse
import copy
import math
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import metrics, options, tasks, utils
from fairseq.data.iterators import EpochBatchIterator, GroupedIterator
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.trainer import Trainer

from chronoglot.pretraining.adam import update_at_once
from chronoglot.pretraining.masks import draw_once
from chronoglot.pretraining.recipe import Recipe
from chronoglot.runtime.changes.torch import use_onednn
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

# Tensors of fairseq's inference shortcut: zero until a checkpoint is loaded, copies of the layer's
# weights after, and never trained. fairseq makes them up where a checkpoint lacks them.
SHORTCUT = re.compile(r"layers\.\d+\.(in_proj|out_proj|fc1|fc2)_(weight|bias)$")


class Training:
    """A run at some step, from 0 on.

    Raises UserError where there is no GPU to train on, or no binarised text of a language.
    """

    def __init__(self, recipe: Recipe, languages: Sequence[str], binarised: Path) -> None:
        self.recipe = recipe
        self.languages = sorted(languages)
        self.binarised = binarised
        self.bits = 0.0  # the loss of the last update, summed over its masked tokens
        self.masked = 0  # masked tokens in the last update
        self.tokens = 0  # tokens in the last update
        _set_machine(recipe)
        self._scratch = tempfile.TemporaryDirectory(prefix="chronoglot-")
        cfg = _configuration(recipe, self._linked(), Path(self._scratch.name))
        np.random.seed(recipe.seed)
        utils.set_torch_seed(recipe.seed)
        metrics.reset()
        update_at_once()
        draw_once()
        self._task = tasks.setup_task(cfg.task)
        model = self._task.build_model(cfg.model)
        self._task.load_dataset("valid")
        self._trainer = Trainer(cfg, self._task, model, self._task.build_criterion(cfg.criterion))
        self._epoch = self._start_epoch(1)

    @property
    def step(self) -> int:
        return self._trainer.get_num_updates()

    @property
    def learning_rate(self) -> float:
        return self._trainer.get_lr()

    def _linked(self) -> Path:
        """A folder with the run's languages and no others, as the task takes all that it finds."""
        folder = Path(self._scratch.name) / "binarised"
        folder.mkdir()
        for name in (*self.languages, "dict.txt"):
            if not (self.binarised / name).exists():
                raise UserError(f"{self.binarised / name}: missing; binarise the text first")
            (folder / name).symlink_to((self.binarised / name).resolve())
        return folder

    def updates(self, last: int) -> Iterator[int]:
        """Train until step `last`, yielding the step after each update.

        Raises UserError where the training diverges or needs more memory than the GPU has.
        """
        while self.step < last:
            batches = GroupedIterator(self._epoch.next_epoch_itr(), self.recipe.accumulation)
            self._trainer.begin_epoch(self._epoch.epoch)
            for batch in batches:
                if not self._update(batch):
                    continue
                yield self.step
                if self.step == last:
                    return
            self._epoch = self._start_epoch(self._epoch.next_epoch_idx)

    def _start_epoch(self, number: int) -> EpochBatchIterator:
        """Load an epoch's examples; fairseq would pass over those that are too long."""
        examples = self._trainer.get_train_iterator(number)
        if (longest := examples.dataset.sizes.max()) > self.recipe.positions:
            raise UserError(
                f"pretraining.positions {self.recipe.positions}: there is a paragraph of {longest} "
                "tokens; cut it when the text is binarised"
            )
        return examples

    def _update(self, batch: list[dict[str, Any]]) -> bool:
        """Make one update; false where fp16 overflowed and fairseq passes over the batch."""
        before = self.step
        try:
            with metrics.aggregate(new_root=True) as meters:
                self._trainer.train_step(batch, raise_oom=True)
        # StopIteration: fairseq stumbles while it looks for the layer at fault.
        except (FloatingPointError, StopIteration) as error:
            raise UserError(
                f"pretraining diverges after step {before}: a gradient is not finite; lower "
                "pretraining.learning_rate, or set pretraining.clip_norm"
            ) from error
        except torch.OutOfMemoryError as error:
            raise UserError(
                "the GPU's memory is too small for a pass; raise pretraining.accumulation"
            ) from error
        if self.step == before:
            return False
        loss = meters["loss"]
        self.masked = int(loss.count)
        self.bits = float(loss.sum) if self.masked else 0.0
        self.tokens = sum(int(sample["ntokens"]) for sample in batch)
        return True

    def validate(self) -> dict[str, float]:
        """The loss on each language's held-out text, bits per masked token; masks stay the same.

        Raises UserError where the text is so short that no token of it is masked.
        """
        model, criterion = self._trainer.get_model(), self._trainer.get_criterion()
        model.eval()
        losses = {}
        for language in self.languages:
            batches = self._trainer.get_valid_iterator(f"valid_{language}").next_epoch_itr(
                shuffle=False, set_dataset_epoch=False
            )
            nats, masked = 0.0, 0
            for sample in batches:
                if self.recipe.device == "cuda":
                    sample = utils.move_to_cuda(sample)
                loss, size, _ = self._task.valid_step(sample, model, criterion)
                nats += float(loss)
                masked += int(size)
            if not masked:
                raise UserError(f"{language}: the held-out text is too short; give more")
            losses[language] = nats / masked / math.log(2)
        return losses

    def save(self, path: Path, *, resumable: bool, notes: dict[str, Any] | None = None) -> None:
        """Write a fairseq checkpoint, with `notes` of plain values.

        It holds the model and its arguments; a `resumable` one also all else that the next update
        depends on. A step's tensors are the same wherever the run was resumed.
        """
        self._trainer.consolidate_optimizer()
        state = utils.move_to_cpu(self._trainer.state_dict())
        state["model"] = {
            name: tensor for name, tensor in state["model"].items() if not SHORTCUT.search(name)
        }
        # The arguments without the temporary folders of this process.
        state["cfg"]["checkpoint"]["save_dir"] = str(self.binarised)
        for part in ("task", "model"):
            arguments = state["cfg"][part] = copy.copy(state["cfg"][part])
            arguments.data = arguments.save_dir = str(self.binarised)
        # One entry a restart, otherwise, and the clock.
        state["optimizer_history"] = state["optimizer_history"][-1:]
        state["extra_state"] = {"train_iterator": self._position(), "notes": notes or {}}
        if resumable:
            state["extra_state"]["half"] = self._half_precision_state()
        else:
            del state["last_optimizer_state"]
        with whole(path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)  # given a path, its name would be in the file

    def load(self, path: Path) -> dict[str, Any]:
        """Go on from a resumable checkpoint; return its notes. Nothing in the file is executed."""
        with torch.serialization.safe_globals([argparse.Namespace]):
            extra = self._trainer.load_checkpoint(str(path))
        self._restore_half_precision_state(extra["half"])
        position = extra["train_iterator"]
        self._epoch = self._start_epoch(position["epoch"])
        self._epoch.load_state_dict(position)
        return extra["notes"]

    def _position(self) -> dict[str, Any]:
        if self.step:
            return self._epoch.state_dict()
        return {"version": 2, "epoch": 1, "iterations_in_epoch": 0, "shuffle": True}

    def _half_precision_state(self) -> dict[str, Any]:
        """What fairseq leaves out of a half-precision checkpoint: full weights, the loss scaler."""
        optimizer = self._trainer.optimizer
        if self.recipe.precision == "fp32":
            return {}
        return {
            "weights": [weights.detach().cpu() for weights in _full_weights(optimizer)],
            "scaler": dict(vars(optimizer.scaler)) if optimizer.scaler else {},
        }

    def _restore_half_precision_state(self, half: dict[str, Any]) -> None:
        if self.recipe.precision == "fp32":
            return
        optimizer = self._trainer.optimizer
        for weights, saved in zip(_full_weights(optimizer), half["weights"], strict=True):
            weights.data.copy_(saved)
        if optimizer.scaler:
            vars(optimizer.scaler).update(half["scaler"])


def drop_optimizer(resumable: Path, output: Path) -> None:
    """Write the model of a resumable checkpoint and its arguments alone."""
    with torch.serialization.safe_globals([argparse.Namespace]):
        state = torch.load(resumable, map_location="cpu", weights_only=True)
    del state["last_optimizer_state"], state["extra_state"]["half"]
    state["extra_state"]["notes"] = {}
    with whole(output) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def _full_weights(optimizer: Any) -> list[torch.nn.Parameter]:
    weights = optimizer.fp32_params  # a list, or one flat tensor a device
    return list(weights.values()) if isinstance(weights, dict) else weights


def _set_machine(recipe: Recipe) -> None:
    if recipe.device == "cuda":
        if not torch.cuda.is_available():
            raise UserError("pretraining.device: there is no GPU here that torch can use; take cpu")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS then repeats itself
    torch.set_deterministic_debug_mode("warn")
    torch.set_num_threads(recipe.threads)
    use_onednn()
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="fairseq")


def _configuration(recipe: Recipe, binarised: Path, scratch: Path) -> Any:
    """The recipe as fairseq's configuration; whatever it does not say is fairseq's default."""
    flags = {
        "task": "multilingual_masked_lm",
        # A block of complete paragraphs that has room for one token holds just one paragraph. (The
        # mode for that, `eos`, needs a part of NumPy that is gone.)
        "sample-break-mode": "none" if recipe.examples == "blocks" else "complete",
        "tokens-per-sample": recipe.block if recipe.examples == "blocks" else 2,
        "mask-prob": recipe.mask,
        "leave-unmasked-prob": recipe.mask_kept,
        "random-token-prob": recipe.mask_random,
        "multilang-sampling-alpha": recipe.alpha,
        "criterion": "masked_lm",
        "arch": "roberta",
        "encoder-layers": recipe.layers,
        "encoder-embed-dim": recipe.dimension,
        "encoder-ffn-embed-dim": recipe.feedforward,
        "encoder-attention-heads": recipe.heads,
        "max-positions": recipe.positions,
        "dropout": recipe.dropout,
        "attention-dropout": recipe.dropout,
        "optimizer": "adam",
        "adam-betas": str(recipe.adam_betas),
        "adam-eps": recipe.adam_epsilon,
        "weight-decay": recipe.weight_decay,
        "clip-norm": recipe.clip_norm,
        "lr-scheduler": "polynomial_decay",
        "lr": recipe.learning_rate,
        "warmup-updates": recipe.warmup,
        "total-num-update": recipe.updates,
        "max-update": recipe.updates,
        "batch-size": recipe.batch // recipe.accumulation,
        "update-freq": recipe.accumulation,
        # Otherwise a batch that is no multiple of 8 is made smaller.
        "required-batch-size-multiple": 1,
        "seed": recipe.seed,
        # No buffer, which a thread would fill: masks are drawn from NumPy's global generator, and
        # two threads that seed and draw at once give other masks every time.
        "data-buffer-size": 0,
        "num-workers": 0 if recipe.device == "cpu" else 2,
        # Otherwise as many as there are GPUs, though only one is used.
        "distributed-world-size": 1,
        "save-dir": scratch,
    }
    arguments = [str(binarised), *(f"--{name}={value}" for name, value in flags.items())]
    arguments += ["--cpu"] if recipe.device == "cpu" else []
    arguments += ["--fp16"] if recipe.precision == "fp16" else []
    parser = options.get_training_parser("multilingual_masked_lm")
    with warnings.catch_warnings(action="ignore"):  # of hydra, about its own older names
        cfg = convert_namespace_to_omegaconf(options.parse_args_and_arch(parser, arguments))
    cfg.common.bf16 = recipe.precision == "bf16"  # its flag would mean a TPU
    return cfg
