"""Every tuple that an experiment scores, and the file that its score is in.

Read by the Snakefile, which plans the files, and by `chronoglot scores`, which collects them: a
command line holds the tuples, where it could not hold so many names of files.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Tuples(BaseModel):
    """What is scored at each of `steps`.

    `probes` names for each probed task the languages whose probes are trained, `sources` those of
    them whose probes are scored on others, `transfer` these others; `texts` are the languages of
    bits per character, `alignments` the pairs (`en-fr`) with gold links.
    """

    model_config = ConfigDict(frozen=True)

    steps: list[int]
    layers: list[int]
    probes: dict[str, list[str]]
    sources: dict[str, list[str]]
    transfer: dict[str, list[str]]
    texts: list[str]
    alignments: list[str]

    def only(
        self,
        *,
        language: str | None = None,
        task: str | None = None,
        step: int | None = None,
    ) -> "Tuples":
        """Those of one language (with its row and its column across languages), task or step."""

        def of_task(languages: dict[str, list[str]]) -> dict[str, list[str]]:
            return {key: codes for key, codes in languages.items() if task in (None, key)}

        def of_language(codes: list[str]) -> list[str]:
            return [code for code in codes if language in (None, code)]

        transfer = of_task(self.transfer)
        if language is not None:
            # A source's row lies in the files of all targets.
            transfer = {
                key: codes if language in self.sources[key] else of_language(codes)
                for key, codes in transfer.items()
            }
        return Tuples(
            steps=[one for one in self.steps if step in (None, one)],
            layers=self.layers,
            probes={key: of_language(codes) for key, codes in of_task(self.probes).items()},
            sources=self.sources,
            transfer=transfer,
            texts=of_language(self.texts) if task in (None, "bpc") else [],
            alignments=[
                pair
                for pair in (self.alignments if task in (None, "alignment") else [])
                if language is None or language in pair.split("-")
            ],
        )

    @property
    def number(self) -> int:
        """How many scores there are, each pair of languages counted."""
        probes = sum(map(len, self.probes.values()))
        pairs = sum(len(codes) * len(self.sources[task]) for task, codes in self.transfer.items())
        alone = len(self.texts) + len(self.alignments) * len(self.layers)
        return len(self.steps) * ((probes + pairs) * len(self.layers) + alone)

    def alignment_files(self, results: str | Path) -> list[str]:
        """Of those files the ones of word alignment."""
        return [
            f"{results}/alignment/step-{step}/{pair}.json"
            for step in self.steps
            for pair in self.alignments
        ]

    def files(self, results: str | Path) -> list[str]:
        """The files with the scores, under the folder of an experiment's results."""
        names = [f"{results}/{name}" for name in self._names()]
        return [*names, *self.alignment_files(results)]

    def _names(self) -> Iterator[str]:
        for step in self.steps:
            for task, languages in self.probes.items():
                for language in languages:
                    for layer in self.layers:
                        yield f"probes/step-{step}/layer-{layer}/{language}/{task}.json"
            for task, targets in self.transfer.items():
                for target in targets:
                    for layer in self.layers:
                        yield f"transfer/step-{step}/layer-{layer}/{target}/{task}.json"
            for language in self.texts:
                yield f"bpc/step-{step}/{language}.json"
