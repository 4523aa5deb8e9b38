"""A run that is pretrained here: its segments, and what its weights depend on."""

import json

from chronoglot.settings.model import Pretraining


class Schedule:
    """Pretraining in segments of a fixed number of updates, from which steps are taken."""

    def __init__(self, pretraining: Pretraining, seed: int) -> None:
        self._pretraining, self._seed = pretraining, seed

    def _segment(self, step: int) -> int:
        return max(1, -(-step // self._pretraining.segment))

    @property
    def segments(self) -> range:
        """Numbers of the segments that lead to the last step."""
        return range(1, self._segment(self._pretraining.steps[-1]) + 1)

    def segments_of(self, step: int) -> list[int]:
        """The segment that a step lies in, after the one that it goes on from, if any."""
        segment = self._segment(step)
        return [segment] if segment == 1 else [segment - 1, segment]

    @property
    def recipe(self) -> str:
        """What the run's weights depend on, as JSON; the steps are not part of it."""
        run = self._pretraining
        recipe = run.model_dump(exclude={"steps"})
        recipe["positions"] = run.block
        recipe["state_every"] = max(1, run.segment // 5)
        recipe["seed"] = self._seed
        return json.dumps(recipe, sort_keys=True)
