"""A page of docs/ followed to the letter: settings written, commands run, messages seen."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from chronoglot.data.in_vitro.write import generate_language
from chronoglot.settings.in_vitro import Generator, Typology
from conftest import IN_VITRO, ROOT, Outcome

SENTENCES = {"train": 60, "dev": 20, "test": 30}
TREEBANKS = {"en": "UD_English-EWT", "ru": "UD_Russian-GSD"}
_SCRIPTS = {"en": "latin", "ru": "cyrillic"}


class Guide:
    """A page, and a copy of the project in which it is followed; `text` is the languages' text."""

    def __init__(self, page: str, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            # `chronoglot` by itself is that of the copy, too.
            "PYTHONPATH": str(folder / "workflow"),
        }
        blocks = re.findall(
            r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.M | re.S
        )
        assert {kind for kind, _ in blocks} <= {"yaml", "bash", "text"}, page
        self.messages = [" ".join(block.split()) for kind, block in blocks if kind == "text"]
        self._blocks = [(kind, block) for kind, block in blocks if kind != "text"]
        shutil.copy(ROOT / "config.yaml", folder)
        for name in ("workflow", "profiles", "envs"):
            shutil.copytree(ROOT / name, folder / name)
        for code, treebank in TREEBANKS.items():
            self._write_language(code, folder / "data/ud" / treebank)

    def _write_language(self, code: str, folder: Path) -> None:
        typology = Typology.model_validate(IN_VITRO | {"name": code, "script": _SCRIPTS[code]})
        generator = Generator.model_validate({"treebank_sentences": SENTENCES})
        generate_language(code, typology, generator, 1, folder)
        (self.folder / "data/text").mkdir(exist_ok=True)
        (folder / "text.txt").rename(self.folder / f"data/text/{code}.txt")

    @property
    def text(self) -> list[str]:
        """The lines of all languages' text."""
        files = sorted((self.folder / "data/text").iterdir())
        return [line for path in files for line in path.read_text("utf-8").splitlines() if line]

    def write(self) -> Path:
        """Write the next settings of the page to the file that their first line names."""
        kind, block = self._blocks.pop(0)
        assert kind == "yaml", block
        path = self.folder / block.splitlines()[0].removeprefix("# ")
        path.write_text(block, encoding="utf-8")
        return path

    def run(self) -> Outcome:
        """Run the next commands of the page, settings before them written first."""
        while self._blocks[0][0] == "yaml":
            self.write()
        return self.shell(self._blocks.pop(0)[1])

    @property
    def next_command(self) -> str | None:
        """The next block of the page without its line end, if it is of commands."""
        kind, block = self._blocks[0]
        return block.strip() if kind == "bash" else None

    def skip(self) -> None:
        """Leave the next commands to another test; settings are written all the same."""
        if self._blocks[0][0] == "yaml":
            self.write()
        else:
            self._blocks.pop(0)

    def shell(self, commands: str) -> Outcome:
        """Run commands in the copy."""
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def changed(self, name: str, *changes: tuple[str, str]) -> str:
        """Settings beside those of a name, with some of their text replaced; their name."""
        text = (self.folder / name).read_text("utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "changed.yaml").write_text(text, encoding="utf-8")
        return "changed.yaml"

    def told(self, outcome: Outcome) -> None:
        """The next message of the page is what a failed command said, and nothing like a crash."""
        assert outcome.code != 0, outcome.text
        message = self.messages.pop(0)
        assert message in " ".join(outcome.text.split()), (message, outcome.text[-4000:])
        assert "Traceback" not in outcome.text, outcome.text

    def refused(self, name: str, *changes: tuple[str, str]) -> None:
        """With settings changed so the page's next message is told before any work."""
        config = self.changed(name, *changes)
        outcome = self.shell(f"snakemake --cores 1 tables --configfile {config}")
        self.told(outcome)
        assert "Job stats" not in outcome.text, outcome.text

    def finished(self) -> None:
        """Everything on the page was run and seen."""
        assert not self._blocks and not self.messages, (self._blocks, self.messages)
