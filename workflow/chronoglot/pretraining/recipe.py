"""What a run is made of: the parameters of its pretraining, and its division into segments."""

import dataclasses
import json
from dataclasses import dataclass

from chronoglot.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parameters of a run. The defaults are XLM-R's, the required ones depend on the scale.

    Raises UserError where two parameters contradict each other.
    """

    # The model: fairseq's roberta.
    layers: int
    dimension: int
    feedforward: int
    heads: int
    positions: int
    dropout: float = 0.1  # of hidden states and of attention

    # The objective: this share of a block's tokens is predicted; of these, these shares stay as
    # they are or become a random token, and the others become <mask>.
    mask: float = 0.15
    mask_kept: float = 0.1
    mask_random: float = 0.1

    # The text: a language's share of the examples is p ** alpha over its sum, p its own share.
    alpha: float = 0.3
    examples: str = "blocks"  # of running text, or "paragraphs", each an example (cut at a block)
    block: int  # tokens, <s> included
    batch: int  # examples in an update
    accumulation: int = 1  # passes that an update is split into, to save memory

    # The optimisation: the learning rate rises over the warm-up, then falls to 0 at the end.
    learning_rate: float
    warmup: int
    updates: int
    adam_betas: tuple[float, float] = (0.9, 0.98)
    adam_epsilon: float = 1e-6
    weight_decay: float = 0.01
    clip_norm: float = 0.0  # 0: no clipping

    # The run.
    segment: int  # updates in a segment
    log_every: int
    validate_every: int
    state_every: int  # updates between states kept for a restart; no result depends on it
    seed: int

    # The machine. The number of threads is the recipe's, as it changes the last bits of a sum.
    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "adam_betas", tuple(self.adam_betas))  # JSON knows only lists
        wrong = ""
        if self.dimension % self.heads:
            wrong = f"heads {self.heads} does not divide dimension {self.dimension}"
        elif self.block > self.positions:
            wrong = f"block {self.block} is longer than positions {self.positions}"
        elif self.batch % self.accumulation:
            wrong = f"accumulation {self.accumulation} does not divide batch {self.batch}"
        elif self.warmup >= self.updates:
            wrong = f"warmup {self.warmup} does not end before updates {self.updates}"
        elif self.precision == "fp16" and self.device == "cpu":
            wrong = "precision fp16 needs device cuda; take fp32 or bf16"
        if wrong:
            raise UserError(f"pretraining.{wrong}")

    def segment_of(self, step: int) -> int:
        """The number of the segment that reaches `step`; step 0 is in the first one."""
        if not 0 <= step <= self.updates:
            raise UserError(f"pretraining.steps: the run has {self.updates} updates, not {step}")
        return max(1, -(-step // self.segment))

    def bounds(self, number: int) -> tuple[int, int]:
        """The steps at which segment `number`, counted from 1, starts and ends."""
        first = (number - 1) * self.segment
        if not 0 <= first < self.updates:
            raise UserError(f"segment {number}: the run has {self.segment_of(self.updates)}")
        return first, min(first + self.segment, self.updates)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe. Raises UserError on an unknown key and on a missing one."""
        try:
            parameters = json.loads(text)
        except ValueError as error:
            raise UserError(f"pretraining: the recipe is not JSON ({error})") from None
        if not isinstance(parameters, dict):
            raise UserError(f"pretraining: the recipe is not a JSON object, but {text!r}")
        fields = dataclasses.fields(cls)
        required = {field.name for field in fields if field.default is dataclasses.MISSING}
        if unknown := sorted(parameters.keys() - {field.name for field in fields}):
            raise UserError(f"pretraining: a recipe has no {', '.join(unknown)}")
        if missing := sorted(required - parameters.keys()):
            raise UserError(f"pretraining: the recipe lacks {', '.join(missing)}")
        return cls(**parameters)
