"""Jobs that a server forks do what they do by themselves, live as long, and die as they would.

Most run in a copy of the package whose commands do what they are told: `probe CODE` executes code.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import chronoglot
import numpy as np
import psutil
import pytest
import tiny_model
from chronoglot.analysis.learning import summarise
from chronoglot.cli import app
from chronoglot.runtime.shared_start.client import COMMANDS, VARIABLE
from chronoglot.runtime.shared_start.server import ONE_THREAD
from chronoglot.tables.words import write_words
from synthetic_tables import made_up_scores, write_tables
from typer.main import get_command

PACKAGE = Path(chronoglot.__file__).parent

COMMAND_LINE = """
import sys

def app(prog_name):
    exec(sys.argv[2], {})
"""
# Snakemake's stand-in: it starts a server, names its folder, and waits.
PARENT = """
import os
from chronoglot.runtime.shared_start import server
server.start()
print(os.environ["CHRONOGLOT_SHARED_START"], flush=True)
input()
"""
# Seconds after which something hangs for sure, however busy the machine.
PATIENCE = 600
# Where a job runs.
WHERE = "print(sys.modules['__main__'].__spec__.name.partition('.')[2])"
SERVER, ITSELF = "runtime.shared_start.server\n", "__main__\n"


@dataclass
class SharedStart:
    """A process that started a server, and the environment of its jobs."""

    parent: subprocess.Popen[str]
    environment: dict[str, str]

    @property
    def server(self) -> psutil.Process:
        return psutil.Process(self.parent.pid).children()[0]

    @property
    def folder(self) -> Path:
        return Path(self.environment[VARIABLE])

    def job(self, *arguments: str, python: str = sys.executable, **changes: str) -> list[str]:
        """A command line that runs a job; `changes` are of its environment."""
        assignments = [f"{key}={value}" for key, value in (self.environment | changes).items()]
        return ["env", "-i", *assignments, python, "-m", "chronoglot", *arguments]

    def probe(self, code: str, **options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.job("probe", f"import os, sys; {code}", **options),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )


def open_start(path: Path) -> SharedStart:
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(path)}
    environment.pop(VARIABLE, None)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    return SharedStart(parent, environment | {VARIABLE: parent.stdout.readline().strip()})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="module", autouse=True)
def heeding_interrupts() -> Iterator[None]:
    """Processes started here inherit whether SIGINT is ignored, as it is in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of this name: its shared start is the real one, its commands not."""
    path = tmp_path_factory.mktemp("path")
    (path / "chronoglot/cli").mkdir(parents=True)
    shutil.copytree(PACKAGE / "runtime", path / "chronoglot/runtime")
    for name in ("__init__.py", "__main__.py"):
        shutil.copyfile(PACKAGE / name, path / "chronoglot" / name)
    (path / "chronoglot/cli/__init__.py").write_text(COMMAND_LINE)
    return path


@pytest.fixture
def start(package: Path) -> Iterator[SharedStart]:
    start = open_start(package)
    yield start
    start.parent.communicate("\n")
    assert not start.folder.exists()


ENDS = {
    "nothing": "",
    "streams": "print('out'); print('err', file=sys.stderr); sys.stdout.write('no newline')",
    "much": "print('x' * 3_000_000)",
    "bytes of a child": "import subprocess; subprocess.run(['echo', 'child'])",
    "input": "print(sys.stdin.read())",
    "code": "sys.exit(3)",
    "large code": "sys.exit(259)",
    "no code": "sys.exit()",
    "message": "sys.exit('a message')",
    "user's mistake": "from chronoglot.runtime.errors import UserError; raise UserError('a: mend')",
    "exception": "1 / 0",
    "interrupt": "import signal; os.kill(os.getpid(), signal.SIGTERM)",
    "crash": "os.abort()",
    "at exit": "import atexit; print('first'); atexit.register(print, 'last')",
    "thread": "import threading; threading.Timer(0.2, print, ['late']).start()",
    "arguments": "print(sys.argv[1:]); print(sys.argv[0])",
    "folder": "import tempfile; print(os.getcwd(), tempfile.gettempdir(), oct(os.umask(0)))",
    "environment": "print(sorted(os.environ.items()))",
    "signals": "import signal; print([signal.getsignal(n) for n in signal.valid_signals()])",
    "files": "print(len(os.listdir('/proc/self/fd')))",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS.keys())
def test_a_job_is_the_same_with_and_without(code: str, start: SharedStart, tmp_path: Path) -> None:
    found = []
    (tmp_path / "temporary").mkdir()
    for variable in (str(start.folder), "/nowhere"):
        job = start.job(
            *("probe", f"import os, sys; {code}", "--an-option", "ünïcode \udcff"),
            **{VARIABLE: variable, "TMPDIR": str(tmp_path / "temporary")},
        )
        run = subprocess.run(
            ["bash", "-c", 'umask 027; "$@" > log 2>&1; exit $?', "bash", *job],
            input=b"given",
            stderr=subprocess.DEVNULL,  # bash tells of signals
            cwd=tmp_path,
            timeout=PATIENCE,
        )
        told = (tmp_path / "log").read_bytes().replace(variable.encode(), b"?")
        lines = told.splitlines()
        found.append((run.returncode, lines[-1:] if b"Traceback" in told else lines))
    with_server, by_itself = found
    if code == ENDS["files"]:  # and one to tell the server what was imported
        by_itself[1][0] = b"%d" % (int(by_itself[1][0]) + 1)
    assert with_server == by_itself


def test_jobs_run_in_the_server_and_eight_at_once(start: SharedStart) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(
            pool.map(lambda n: start.probe(f"{WHERE}; print({n}); sys.exit({n})"), range(8))
        )
    assert [(run.returncode, run.stdout) for run in runs] == [
        (number, f"{SERVER}{number}\n") for number in range(8)
    ]


def test_what_differs_for_imports_keeps_a_job_to_itself(
    start: SharedStart, package: Path, tmp_path: Path
) -> None:
    assert start.probe(WHERE).stdout == SERVER
    assert start.probe(WHERE, TMPDIR=str(tmp_path)).stdout == SERVER
    assert start.probe(WHERE, OMP_NUM_THREADS="2").stdout == ITSELF
    assert start.probe(WHERE, SOME_LIBRARY_OPTION="1").stdout == ITSELF
    shutil.copytree(package / "chronoglot", tmp_path / "chronoglot")
    assert start.probe(WHERE, PYTHONPATH=str(tmp_path)).stdout == ITSELF
    venv.create(tmp_path / "venv", symlinks=True)
    assert start.probe(WHERE, python=str(tmp_path / "venv/bin/python")).stdout == ITSELF
    other = subprocess.run(
        start.job("segment", f"import sys; {WHERE}"), capture_output=True, text=True
    )
    assert other.stdout == ITSELF


@pytest.mark.parametrize("variable", ["", "/nowhere", "x" * 300, "\udcff"])
def test_without_a_server_a_job_runs_by_itself(start: SharedStart, variable: str) -> None:
    run = start.probe(f"{WHERE}; sys.exit(4)", **{VARIABLE: variable})
    assert (run.returncode, run.stdout, run.stderr) == (4, ITSELF, "")


def test_the_server_learns_what_jobs_import(start: SharedStart, package: Path) -> None:
    (package / "heavy.py").write_text("import os; import light; pid = os.getpid()")
    (package / "light.py").write_text("")
    # A module that can be imported but once.
    (package / "fickle.py").write_text("import os; os.mkdir(__file__ + '.d')")
    code = "print('heavy' in sys.modules, 'light' in sys.modules); import heavy; print(heavy.pid)"
    first = start.probe(f"import fickle; {code}").stdout.split()
    assert first[:2] == ["False", "False"]
    assert start.probe(code).stdout.split() == ["True", "True", str(start.server.pid)]


def started(start: SharedStart, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        start.job("probe", f"import os, sys, time; {code}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SLEEPER = (
    "import subprocess; child = subprocess.Popen(['sleep', '600']);"
    "print(os.getpid(), child.pid, flush=True); time.sleep(600)"
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_job_dies_with_its_client(start: SharedStart, number: int) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored here, as under nohup, and so it is by what is started")
    job = started(start, SLEEPER)
    assert job.stdout
    pids = list(map(int, job.stdout.readline().split()))
    job.send_signal(number)
    job.communicate(timeout=PATIENCE)  # nobody holds the streams
    until(lambda: all(map(gone, pids)))
    assert job.returncode == (143 if number == signal.SIGTERM else -number)


def test_an_interrupted_job_cleans_up(start: SharedStart) -> None:
    code = "try: print(flush=True); time.sleep(600)\nfinally: print('cleaned up')"
    job = started(start, f"\n{code}")
    assert job.stdout
    job.stdout.readline()
    job.send_signal(signal.SIGINT)
    out, err = job.communicate(timeout=PATIENCE)
    assert out == "cleaned up\n"
    assert err.endswith("KeyboardInterrupt\n")


def test_what_a_job_leaves_running_ends_with_it(start: SharedStart) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid); sys.exit(5)"
    run = start.probe(code)  # reads to the end of the streams
    assert run.returncode == 5
    until(lambda: gone(int(run.stdout)))


def test_a_job_that_nobody_answers_for_has_failed(start: SharedStart, tmp_path: Path) -> None:
    output = tmp_path / "written"
    code = (
        f"import signal, time; {WHERE}; print(os.getpid(), flush=True);"
        "sys.exit(9) if 'shared_start' not in sys.modules['__main__'].__spec__.name else None;"
        f"os.kill(os.getppid(), signal.SIGKILL); time.sleep(0.5); open({str(output)!r}, 'w')"
    )
    run = start.probe(code)  # reads to the end of the streams, which the job holds
    assert run.returncode == 1
    assert run.stderr == "chronoglot: the server that ran this job has died; run it again\n"
    where, pid = run.stdout.split()
    assert f"{where}\n" == SERVER
    until(lambda: gone(int(pid)))
    assert not output.exists()


def test_where_no_process_can_be_forked_a_job_runs_by_itself(package: Path, tmp_path: Path) -> None:
    shutil.copytree(package, tmp_path, dirs_exist_ok=True)
    # The server's first fork, a watcher's, succeeds; the watcher's own and the server's next fail.
    (tmp_path / "chronoglot/cli/__init__.py").write_text(
        "import os\n"
        "fork, forks = os.fork, []\n"
        "def failing():\n"
        "    if forks: raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "    forks.append(1)\n"
        "    return fork()\n"
        "os.fork = failing\n" + COMMAND_LINE
    )
    start = open_start(tmp_path)
    for _ in range(3):
        run = start.probe(f"{WHERE}; sys.exit(4)")
        assert (run.returncode, run.stdout, run.stderr) == (4, ITSELF, "")
    start.parent.communicate("\n")


def _pinned() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


GRANTED = {
    "processors": (_pinned, "print(len(os.sched_getaffinity(0)))", "1"),
    "niceness": (lambda: os.nice(3), "print(os.nice(0))", str(os.nice(0) + 3)),
    "limits": (
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])",
        "100",
    ),
}


@pytest.mark.parametrize(("grant", "code", "found"), GRANTED.values(), ids=GRANTED.keys())
def test_a_job_keeps_what_the_system_grants_it(
    start: SharedStart, grant: Callable[[], object], code: str, found: str
) -> None:
    run = subprocess.run(
        start.job("probe", f"import os; {code}"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=grant,
    )
    assert run.stdout.strip() == found


def test_a_job_outlives_its_server(start: SharedStart) -> None:
    with subprocess.Popen(
        start.job("probe", "import sys; print(flush=True); sys.stdin.read(); sys.exit(6)"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdout
        job.stdout.readline()
        start.server.kill()
        until(lambda: start.probe(WHERE).stdout == ITSELF)
        job.communicate("")
    assert job.returncode == 6


def test_the_server_ends_with_the_process_that_started_it(package: Path) -> None:
    start = open_start(package)
    assert start.folder.stat().st_mode & 0o777 == 0o700
    server = start.server.pid
    start.parent.kill()
    start.parent.communicate()
    until(lambda: gone(server) and not start.folder.exists())
    assert start.probe(WHERE).stdout == ITSELF


def test_the_server_keeps_nothing_open(start: SharedStart) -> None:
    start.probe("")
    before = start.server.num_fds()
    for _ in range(5):
        start.probe("import colorsys")
    assert start.server.num_fds() == before
    assert start.server.children() == []


def test_the_commands_handed_over_are_commands() -> None:
    assert set(get_command(app).commands) > COMMANDS  # type: ignore[attr-defined]


def test_outputs_are_the_same_with_and_without(tmp_path: Path) -> None:
    model = tiny_model.write_model(tmp_path)
    sentences = [[(word, True) for word in text.split()] for text in tiny_model.sentences(1, 90)]
    words = tiny_model.word_table(sentences)
    part = np.array(["train", "dev", "test"])[words.sentence % 3]
    upos = np.where(words.word % 2 == 0, "NOUN", "VERB").astype(object)
    write_words(replace(words, split=part, upos=upos), tmp_path / "words.parquet")
    scores = made_up_scores(["de", "fi"], [0, 10, 100], 3)
    write_tables(tmp_path / "tables", scores, summarise(scores))

    start = open_start(PACKAGE.parent)

    def outputs(folder: Path, variable: str) -> dict[str, bytes]:
        vectors = [str(folder / f"vectors/layer-{layer}.npy") for layer in range(3)]
        languages = '{"de": {"name": "German", "script": "Latin", "family": "Germanic"}}'
        for command in (
            ["encode", "words", str(model), *vectors, f"--table={tmp_path / 'words.parquet'}"],
            [
                *("probe", "pos", "--step=0", "--layers=0,1,2", "--language=de", "--seed=1"),
                *(f"--vectors={folder / 'vectors'}", f"--table={tmp_path / 'words.parquet'}"),
                *("--regularisation=0.1,0.01", f"--probes={folder / 'probes'}"),
            ],
            [
                *("figure", "layers", f"--tables={tmp_path / 'tables'}"),
                *(f"--languages={languages}", f"--png={folder / 'layers.png'}"),
            ],
        ):
            run = start.job(*command, **{VARIABLE: variable})
            subprocess.run(run, check=True, timeout=PATIENCE)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    # The second time, the server holds the libraries of all three.
    first, second = (outputs(tmp_path / name, str(start.folder)) for name in ("1", "2"))
    server = start.server
    held = {Path(entry.path).name for entry in server.memory_maps()}
    threads = [Path(f"/proc/{server.pid}/task/{t.id}/comm").read_text() for t in server.threads()]
    start.parent.communicate("\n")
    assert {"libtorch_cpu.so"} <= held
    assert [name for name in threads if name != "jemalloc_bg_thd\n"] == [threads[0]]
    assert len(second) == 3 + 1 + 3 * 3 + 2
    assert first == second == outputs(tmp_path / "3", "")
