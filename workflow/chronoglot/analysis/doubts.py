"""Which scores say little: not above a baseline, or above it by less than chance may bring."""

from math import sqrt

NOT_ABOVE = "not above its baseline"
WITHIN_ERROR = "gain within sampling error"


def doubt(best: float, baselines: tuple[float, ...], test_items: int) -> str:
    """A reason to doubt that an accuracy was learned, or "" where there is none.

    `best` is the best accuracy over a run, `baselines` those it has to beat (step 0, majority
    class; NaN is passed over), all scored on `test_items` items. The gain over the highest
    baseline is within sampling error if it is below two binomial standard errors of the
    difference, sqrt((p(1 - p) + b(1 - b)) / n). The best of many steps is itself an optimistic
    number, so a gain just above that bound is weak evidence too.
    """
    known = [baseline for baseline in baselines if baseline == baseline]
    if not known:
        return ""
    highest = max(known)
    if best <= highest:
        return NOT_ABOVE
    error = sqrt((best * (1 - best) + highest * (1 - highest)) / max(1, test_items))
    return WITHIN_ERROR if best - highest < 2 * error else ""
