"""Which layers a probing job takes: one, as a wildcard of its rule, or a batch of them.

Read by the Snakefile on every dry run, so nothing heavy is imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LAYER = "{layer}"


@dataclass(frozen=True)
class Batch:
    """The layers of one job: those listed, or the one that the wildcard `layer` names."""

    layers: tuple[int, ...] | None = None

    @property
    def suffix(self) -> str:
        """What tells the names of its rules and logs from those of other batches."""
        return "" if self.layers is None else f"_{self.layers[0]}_{self.layers[-1]}"

    @property
    def log(self) -> str:
        """What stands for the layers in the path of a log."""
        return f"layer-{LAYER}" if self.layers is None else f"layers{self.suffix}"

    @property
    def size(self) -> int:
        """The number of layers."""
        return 1 if self.layers is None else len(self.layers)

    def paths(self, pattern: str) -> list[str]:
        """`pattern`, which holds `{layer}`, for each layer; as it is where that is a wildcard."""
        return [pattern.replace(LAYER, str(layer)) for layer in self.layers or (LAYER,)]

    def listed(self, wildcards: Any) -> str:
        """The layers of such a job as an option of its command."""
        return ",".join(map(str, self.of(wildcards)))

    def of(self, wildcards: Any) -> tuple[int, ...]:
        """The layers of a job with these wildcards."""
        return (int(wildcards.layer),) if self.layers is None else self.layers


def divide(layers: Sequence[int], size: int) -> list[Batch]:
    """Batches of at most `size` layers, in order; of one layer each, a single one for all."""
    if size == 1:
        return [Batch()]
    return [Batch(tuple(layers[i : i + size])) for i in range(0, len(layers), size)]
