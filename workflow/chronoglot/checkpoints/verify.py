"""Whether the checkpoints of a run are what they should be: each another state of one model.

A released suite can hold the same weights under several steps, a file that was cut, a state of
another run. Each of these looks like a result when it is probed. Findings, by name:

| name                  | what was found                                                          |
|-----------------------|-------------------------------------------------------------------------|
| `identical:A:B…`      | all tensors of these steps are equal                                    |
| `shared:A:B…`         | some matrices are equal in these steps, though not in all of the run    |
| `missing:A`           | tensors that at least half of the steps have are not in this one        |
| `extra:A`             | tensors that fewer than half of the steps have are in this one          |
| `shape:A`, `dtype:A`  | tensors are not of the shape or type that they have in most steps       |
| `nan:A`, `infinite:A` | numbers that are not finite                                             |
| `norm:A:B`            | norms of matrices jump from one step to the next                        |
| `order:A…`            | the weights go out and back at these steps: they are another step's     |
| `near:A:B`            | these steps are nearly equal: a copy, in another precision perhaps      |
| `between:A:B:C`       | A is a mixture of B and C                                               |
| `vocabulary:A`        | tokenizer and model differ in the number of ids, or one cannot be read  |
| `tokenizer:A`         | the tokenizer is not that of most steps                                 |

A matrix that is equal in all steps is taken for frozen or unused. Vectors (biases, scales of
layer norms) are left out of `shared` and `norm`: in half precision a short one can stay as it is
for many updates, and biases grow from nothing by any factor. `chronoglot.checkpoints.jumps` says
what is a jump, `chronoglot.checkpoints.order` what lies out of order.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from chronoglot.checkpoints import faults
from chronoglot.checkpoints.digest import digest
from chronoglot.checkpoints.jumps import jumps
from chronoglot.checkpoints.order import order
from chronoglot.runtime.files import whole

# The widest first column of the table of findings; a longer name is not padded.
_WIDTH = 32


@dataclass(frozen=True)
class Finding:
    """Something that should not be, under a name that stays as long as the checkpoints do."""

    name: str
    text: str
    accepted: bool

    def describe(self, width: int) -> str:
        """One row of a table whose first column is `width` wide."""
        return f"  {self.name:<{width}}  {self.text}{' (accepted)' if self.accepted else ''}"


@dataclass(frozen=True)
class Verdict:
    """All findings over a run's `steps`; `stale` are names accepted without being found."""

    steps: tuple[int, ...]
    findings: tuple[Finding, ...]
    stale: tuple[str, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that nobody accepted; none of them: the run can be measured."""
        return tuple(finding for finding in self.findings if not finding.accepted)

    def describe(self) -> str:
        """A table of the findings and what to do about them, for a person."""
        lines = [f"{len(self.steps)} checkpoints; findings: {len(self.findings)}"]
        if self.findings:
            width = min(_WIDTH, max(len(finding.name) for finding in self.findings))
            lines += ["", *(finding.describe(width) for finding in self.findings)]
        if self.refused:
            lines += [
                "",
                "Fetch or convert these checkpoints again, or leave the steps out. Where it is "
                "meant to be so, accept the findings by name:",
                *(f"  - {finding.name}" for finding in self.refused),
            ]
        if self.stale:
            lines += ["", f"Accepted, but not found: {', '.join(self.stale)}"]
        return "\n".join(lines)


def verify(models: Mapping[int, Path], accept: Collection[str] = ()) -> Verdict:
    """Compare the model folders of a run, given by step; `accept` names findings to let pass.

    Raises UserError if a folder is damaged.
    """
    return compare({step: digest(folder) for step, folder in models.items()}, accept)


def compare(digests: Mapping[int, dict], accept: Collection[str] = ()) -> Verdict:
    """`verify` from the digests of the checkpoints (see `chronoglot.checkpoints.digest`)."""
    digests = dict(sorted(digests.items()))
    tensors = {step: content["tensors"] for step, content in digests.items()}
    found = {
        **faults.identical(tensors),
        **faults.other_tensors(tensors),
        **faults.not_finite(tensors),
        **jumps(tensors),
        **order(tensors),
        **faults.vocabularies(digests),
    }
    return Verdict(
        steps=tuple(digests),
        findings=tuple(Finding(name, text, name in accept) for name, text in found.items()),
        stale=tuple(sorted(set(accept) - found.keys())),
    )


def write_verdict(verdict: Verdict, path: str | Path) -> None:
    """Write the verdict as JSON, whatever it is."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(asdict(verdict), indent=2) + "\n", encoding="utf-8")
