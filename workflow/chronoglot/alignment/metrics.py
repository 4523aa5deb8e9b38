"""How well links agree with gold ones (Och and Ney 2003, doi 10.1162/089120103321337421).

With the predicted links A, the sure links S and the possible links P ⊇ S of all sentence pairs:
precision = |A ∩ P| ÷ |A|, recall = |A ∩ S| ÷ |S|, F1 their harmonic mean, and
AER = 1 − (|A ∩ S| + |A ∩ P|) ÷ (|A| + |S|). A gold set without merely possible links has P = S.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Numbers of links: predicted, those of them that are sure and possible, and gold sure."""

    links: int = 0
    links_sure: int = 0
    links_possible: int = 0
    sure: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        """The agreement over the sentence pairs of both."""
        return Agreement(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )

    @property
    def precision(self) -> float:
        """NaN if nothing was predicted."""
        return self.links_possible / self.links if self.links else np.nan

    @property
    def recall(self) -> float:
        """NaN if the gold has no sure link; not taken of possible ones instead."""
        return self.links_sure / self.sure if self.sure else np.nan

    @property
    def f1(self) -> float:
        """0 if no link is right, also where nothing was predicted; NaN without sure links."""
        if not self.sure:
            return np.nan
        if not self.links_sure:
            return 0.0
        return 2 / (1 / self.precision + 1 / self.recall)

    @property
    def aer(self) -> float:
        """Alignment error rate; NaN if there are neither predicted nor sure links."""
        if not self.links + self.sure:
            return np.nan
        return 1 - (self.links_sure + self.links_possible) / (self.links + self.sure)


def agreement(
    links: NDArray[np.bool_], sure: NDArray[np.bool_], possible: NDArray[np.bool_]
) -> Agreement:
    """Count links, given as arrays of one shape that are true where there is one."""
    return Agreement(
        links=int(links.sum()),
        links_sure=int((links & sure).sum()),
        links_possible=int((links & possible).sum()),
        sure=int(sure.sum()),
    )
