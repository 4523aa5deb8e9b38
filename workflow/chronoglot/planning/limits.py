"""What a job may take of a machine, from what it handles: memory and time.

Bounds, not forecasts: a job that is held to them in vain fails, so memory is about twice what was
measured (docs/performance.md) and time many times as long, for slower machines. What a plan cannot
know, the size of a file that is not there yet, is taken to be large. Whatever is tried again gets
twice as much.
"""

import json
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from chronoglot.planning.inputs import Inputs
from chronoglot.planning.run import Run
from chronoglot.settings.model import Settings
from chronoglot.tasks import load_task

Growing = Callable[..., int]

_MB = 1_000_000
# Python with torch and all libraries takes 0.5 GB.
_START_MB, _START_MINUTES = 1_000, 10
# Floating-point operations a minute on one thread, a fifteenth of what was measured.
_PER_MINUTE = 60 * 1e10
# Of what is not there yet: parameters and width of a model (XLM-R large), rows of a table.
_PARAMETERS, _WIDTH = 560e6, 1_024
_ROWS = {"words": 600_000, "pairs": 400_000}
# Characters of a treebank's file for each word, of a file of pairs for each pair, at least.
_CHARACTERS = {"words": 40, "pairs": 80}
_TOKENS_A_WORD = 2
# A pair is read as one sequence, a word with its sentence's others.
_TOKENS = {"words": _TOKENS_A_WORD, "pairs": 60}
# A packed text is at most so many times as large unpacked.
_PACKED, _UNPACKED = {".gz", ".bz2", ".xz", ".zst"}, 6
# Passes over all features to fit a probe at one λ, and classes, at most: relations have some 40.
_PASSES, _CLASSES = 300, 40
# Features of a probe are kept up to this size, beyond it they are made anew.
_FEATURES_MB = 2_000


def growing(number: float) -> Growing:
    """A resource of a rule: `number`, and twice as much for each time that a job is tried again."""
    return lambda wildcards, attempt: round(number) * 2 ** (attempt - 1)


class Limits:
    """Memory in MB and time in minutes, by kind of job, as resources of Snakemake's rules."""

    def __init__(self, settings: Settings, inputs: Inputs, run: Run, results: str) -> None:
        self._settings, self._inputs, self._run = settings, inputs, run
        self._results = Path(results)
        self._rows: dict[tuple[str, str], int] = {}

    def model(self, copies: float) -> Growing:
        """Memory of a job that holds so many copies of the weights in single precision."""
        return growing(_START_MB + copies * self._weights)

    def forward(self, layers: float = 0.0) -> Growing:
        """Memory of a forward pass that keeps so many layers of a batch, beside its own."""
        batch = self._settings.encoding.batch_tokens * self._width * 4 / _MB
        return growing(_START_MB + 2 * self._weights + (layers + 24) * batch)

    def bits(self) -> Growing:
        """Memory of a forward pass with probabilities of all tokens for those masked, a seventh."""
        vocabulary = self._parameters / self._width / 2
        logits = self._settings.encoding.batch_tokens / 7 * vocabulary * 4 / _MB
        return growing(_START_MB + 2.5 * self._weights + 3 * logits)

    def pretraining(self) -> Growing:
        """Memory of training: weights, gradients, Adam's two moments, and a state to save."""
        recipe = self._settings.pretraining
        assert recipe is not None
        tokens = recipe.batch * recipe.block
        logits = tokens * recipe.mask * self._settings.tokenizer.vocabulary * 4 / _MB
        states = tokens * (recipe.layers + 1) * (12 * self._width + 2 * recipe.block) * 4 / _MB
        return growing(2_000 + 8 * self._weights + 3 * logits + states)

    def probe(self) -> Growing:
        """Memory of a probe: features of a table's rows, their vectors, and the table."""

        def memory(wildcards: Any, attempt: int) -> int:
            vectors = self._rows_of(wildcards) * self._width * 4 / _MB
            size = _START_MB + 1.5 * min(_FEATURES_MB, 3 * vectors) + 1.5 * vectors
            return round(size) * 2 ** (attempt - 1)

        return memory

    def encode_minutes(self) -> Growing:
        """Time of the forward passes over a table."""

        def minutes(wildcards: Any, attempt: int) -> int:
            rows = self._rows_of(wildcards)
            return self._passes(rows * _TOKENS[wildcards.data]) * 2 ** (attempt - 1)

        return minutes

    def probe_minutes(self, layers: int) -> Growing:
        """Time of probes of so many layers at all λ."""
        passes = _PASSES * len(self._settings.probing.regularisation)

        def minutes(wildcards: Any, attempt: int) -> int:
            operations = passes * _CLASSES * self._rows_of(wildcards) * self._width * layers
            return round(_START_MINUTES + operations / _PER_MINUTE) * 2 ** (attempt - 1)

        return minutes

    def bits_minutes(self) -> Growing:
        """Time of seven passes over a held-out text, of which each masks a seventh."""

        def minutes(wildcards: Any, attempt: int) -> int:
            limit = self._settings.data.max_bpc_characters
            size = self._size(self._inputs.text_files(wildcards.language), default=1e8)
            characters = min(size, limit or size)
            return self._passes(7 * characters / 3) * 2 ** (attempt - 1)

        return minutes

    def _passes(self, tokens: float) -> int:
        inner = max(self._parameters / 3, 1e6)  # embeddings are looked up
        return round(_START_MINUTES + 2 * inner * tokens / _PER_MINUTE)

    def files(self, paths: Callable[[Any], Iterable[str]], copies: float) -> Growing:
        """Memory of a job that holds so many copies of files that it reads."""

        def memory(wildcards: Any, attempt: int) -> int:
            size = self._size(paths(wildcards), default=50 * _MB) / _MB
            return round(_START_MB + copies * size) * 2 ** (attempt - 1)

        return memory

    def tables(self, tuples: int) -> Growing:
        """Memory of tables with a row for each tuple, read, joined and written."""
        return growing(_START_MB + tuples * 2_000 / _MB)

    @property
    def _weights(self) -> float:
        """Size of the weights in single precision."""
        return self._parameters * 4 / _MB

    @cached_property
    def _parameters(self) -> float:
        if recipe := self._settings.pretraining:
            block = 4 * recipe.dimension**2 + 2 * recipe.dimension * recipe.feedforward
            tokens = self._settings.tokenizer.vocabulary + recipe.block
            return recipe.layers * block + tokens * recipe.dimension
        places = [
            *self._results.glob("checkpoints/step-*/model"),
            *(Path(self._run.place(step)) for step in self._run.published),
        ]
        largest = max((_size_of_weights(place) for place in places), default=0)
        return largest / 2 if largest else _PARAMETERS  # in half precision perhaps

    @cached_property
    def _width(self) -> int:
        if recipe := self._settings.pretraining:
            return recipe.dimension
        try:
            config = json.loads(Path(self._run.example, "config.json").read_text(encoding="utf-8"))
            return next(int(config[name]) for name in ("hidden_size", "n_embd") if name in config)
        except (OSError, ValueError, TypeError, StopIteration):
            return _WIDTH

    def _rows_of(self, wildcards: Any) -> int:
        """Rows of the table of a job's language, by `data` or `task` of its wildcards."""
        data = wildcards.get("data") or load_task(wildcards.task).data
        key = wildcards.language, data
        if key not in self._rows:
            self._rows[key] = self._count_rows(*key)
        return self._rows[key]

    def _count_rows(self, language: str, data: str) -> int:
        in_vitro = self._settings.languages[language].in_vitro
        if data == "words":
            if in_vitro:
                return 20 * sum(dict(self._settings.in_vitro.treebank_sentences).values())
            files: Iterable[str] = self._inputs.treebank_files(language)
            limit = self._settings.data.max_train_words
        else:
            if in_vitro:
                return sum(dict(self._settings.in_vitro.pairs).values())
            files = self._inputs.pair_files(language).values()
            limit = self._settings.data.max_train_pairs
        size = self._size(files, default=_ROWS[data] * _CHARACTERS[data])
        rows = int(size / _CHARACTERS[data])
        # Of dev and test parts all is taken; they are at most as large as what is measured here.
        return min(rows, limit + 100_000) if limit else rows

    def _size(self, paths: Iterable[str], default: float) -> float:
        """Of files, in bytes unpacked; `default` if one is not there yet, or is a folder."""
        try:
            sizes = [
                path.stat().st_size * (_UNPACKED if path.suffix in _PACKED else 1)
                for path in map(Path, paths)
                if not path.is_dir()
            ]
        except OSError:
            return default
        return sum(sizes) or default


def _size_of_weights(place: Path) -> int:
    """Bytes of the weights of a model folder, in whatever parts, or of a file of fairseq's."""
    if place.is_file():
        return place.stat().st_size
    files = list(place.glob("*.safetensors")) or list(place.glob("pytorch_model*.bin"))
    return sum(path.stat().st_size for path in files)
