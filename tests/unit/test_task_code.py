"""A task's code counts, and that of what measures it; what no result depends on does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = ("bpc", "alignment", "pos", "arc_prediction", "arc_classification", "xnli")


def _codes(folder: Path) -> dict[str, str]:
    script = "from chronoglot.planning.task_code import task_code\nimport sys\n"
    script += "for task in sys.argv[1:]: print(task_code(task))\n"
    script += "assert not {'numpy', 'torch'} & sys.modules.keys()\n"
    done = subprocess.run(
        [sys.executable, "-c", script, *TASKS],
        env={"PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(zip(TASKS, done.stdout.split(), strict=True))


@pytest.mark.parametrize(
    ("module", "tasks"),
    [
        ("encoding/bits", {"bpc"}),
        ("encoding/heldout", {"bpc"}),
        ("alignment/align", {"alignment"}),
        ("alignment/methods", {"alignment"}),
        ("alignment/metrics", {"alignment"}),
        ("alignment/chunk", {"alignment"}),
        ("tasks/pos", {"pos"}),
        ("tasks/arc_prediction", {"arc_prediction"}),
        ("tasks/base", set(TASKS)),
        ("runtime/progress", set()),
    ],
)
def test_what_changes_the_code_of_which_task(module: str, tasks: set[str], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "workflow/chronoglot", tmp_path / "chronoglot")
    before = _codes(tmp_path)
    path = tmp_path / f"chronoglot/{module}.py"
    source = path.read_text(encoding="utf-8")
    path.write_text("# A comment.\n\n" + source + "\n\n# And one.\n", encoding="utf-8")
    assert _codes(tmp_path) == before
    path.write_text(source + "\nMORE = 1\n", encoding="utf-8")
    after = _codes(tmp_path)
    assert {task for task in TASKS if after[task] != before[task]} == tasks
