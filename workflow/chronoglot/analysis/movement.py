"""Where in the model a task is solved, step by step: the best layer and the centre of mass.

With s_l(t) the score of layer l at step t and g_l(t) = max(0, s_l(t) - s_l(0)) its gain, the centre
of mass of a task is Σ l · g_l ÷ Σ g_l, between 0 (the embeddings) and the top layer. As information
moves to lower layers, it falls, though the best layer may stay.
"""

import pandas as pd

from chronoglot.analysis.learning import best_layers, last_layers
from chronoglot.analysis.tidy import SERIES


def movement(scores: pd.DataFrame) -> pd.DataFrame:
    """Best layer, centre of mass, and the scores of the best and the last layer, at every step.

    One row per (run, task, source, target, step) of the table of scores, sorted so. Columns:
    `best_layer` (chosen on dev, see `best_layers`), `centre_of_mass` (from the test scores; NaN
    where no layer gained, as at step 0, or step 0 was not measured), `best` and `last` (test scores
    of the best and of the top layer). Tasks without layers have no rows.
    """
    key = [*SERIES, "step"]
    layered = scores.dropna(subset="layer")
    gain = (layered["score"] - layered["step0"]).clip(lower=0)
    mass = layered[key].assign(gain=gain, moment=gain * layered["layer"].astype(int))
    sums = mass.groupby(key, as_index=False)[["gain", "moment"]].sum()
    centre = sums[key].assign(centre_of_mass=sums["moment"] / sums["gain"].where(sums["gain"] > 0))
    best = best_layers(layered)[[*key, "layer", "score"]]
    best = best.rename(columns={"layer": "best_layer", "score": "best"})
    last = last_layers(layered)[[*key, "score"]].rename(columns={"score": "last"})
    table = best.merge(centre, on=key, how="left").merge(last, on=key, how="left")
    return table[[*key, "best_layer", "centre_of_mass", "best", "last"]]
