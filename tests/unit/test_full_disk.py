"""Where nothing more can be written, one message says so, and nothing half written is left."""

import os
import resource
import subprocess
import sys
from pathlib import Path


def test_no_room_is_told_in_one_message(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "chronoglot", "schema", "--output", str(tmp_path / "schema.json")],
        env=os.environ | {"PYTHONPATH": str(root / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=little_room,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("chronoglot: ")
    assert "File too large; make room, or raise the limit, and run again" in done.stdout
    assert done.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())
