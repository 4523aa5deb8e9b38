"""A job's side: it hands itself over to the server and stands in for its process until that ends.

Of the standard library, little: every job pays for what is imported here. `socket` and `signal`,
for the names of their constants, would take as long again as Python's own start; so what they wrap
is used.
"""

import _signal as signal
import _socket as socket
import marshal
import os
import resource
import sys
from collections.abc import Mapping

VARIABLE = "CHRONOGLOT_SHARED_START"  # names the folder of the server's socket

# What a job may have as its own: variables of the shell, and where temporary files lie, which
# nothing reads when it is imported.
OWN = ("_", "OLDPWD", "PWD", "SHLVL", "TEMP", "TEMPDIR", "TMP", "TMPDIR", VARIABLE)

BEGUN = b"b"  # the first that the server says of a job: its process is there

# The commands that are handed over: those of many jobs, and those that share their libraries.
# Pretraining is not among them: it is long, and its numbers depend on nothing but its inputs.
COMMANDS = frozenset(
    [
        *("words", "pairs", "parallel", "text", "check-data", "check-text"),
        *("convert", "take-revision", "take-folder", "verify"),
        *("encode", "bits", "align", "probe", "transfer"),
        *("scores", "links", "summary", "movement", "across", "properties", "correlates"),
        "figure",
    ]
)


def place(folder: str) -> str:
    """Path of the server's socket."""
    return os.path.join(folder, "socket")


def surroundings(environment: Mapping[str, str]) -> bytes:
    """What a job and its server must have in common, where the job has this environment.

    It is all that imported modules depend on: interpreter, package and environment; and what the
    system grants the calling process, since a fork of the server is granted what the server is.
    Among the variables are those that set the number of threads, which libraries read once.
    """
    shared = sorted((key, value) for key, value in environment.items() if key not in OWN)
    package = os.path.realpath(__file__)
    executable = os.path.realpath(sys.executable)
    return ascii((sys.prefix, executable, package, shared, _granted())).encode()


def _granted() -> tuple[object, ...]:
    """This process's processors, niceness, scheduling, limits and control group."""
    limits = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            group = file.read()
    except OSError:
        group = ""
    return (
        sorted(os.sched_getaffinity(0)),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
        [resource.getrlimit(getattr(resource, name)) for name in limits],
        group,
    )


def hand_over(arguments: list[str]) -> int | None:
    """Have the server run a command; its exit code, or None if the command is to be run here.

    That is where there is no server, or one of other surroundings, and where it could not begin: it
    says so when the job's process is there.
    """
    folder = os.environ.get(VARIABLE)
    if not folder or len(arguments) < 2 or arguments[1] not in COMMANDS:
        return None
    umask = os.umask(0)
    os.umask(umask)
    own = {key: os.environ[key] for key in OWN if key in os.environ}
    connection = socket.socket(socket.AF_UNIX)
    try:
        # Of any size, the job goes as one message: the server waits for none.
        with open(os.memfd_create("job"), "wb") as job:
            rest = arguments, os.getcwd(), umask, own
            job.write(marshal.dumps((surroundings(os.environ), rest)))
            job.flush()
            connection.connect(place(folder))
            files = b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2, job.fileno()))
            connection.sendmsg([b"job"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    except OSError:
        return None
    return _stand_in(connection)


def _stand_in(connection: socket.socket) -> int | None:
    """Pass signals on to the job and wait for its exit code; None if the job has not begun.

    A signal that cannot be passed on ends this process, which closes the connection; then the
    job is killed.
    """
    asked: list[int] = []

    def pass_on(number: int, _: object) -> None:
        asked.append(number)
        connection.sendall(bytes([number]))

    before = {
        number: signal.signal(number, pass_on)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    if _receive(connection) != BEGUN:
        for number, handler in before.items():
            signal.signal(number, handler)
        for one in asked:
            signal.raise_signal(one)
        return None
    code = _receive(connection)
    if not code:
        print("chronoglot: the server that ran this job has died; run it again", file=sys.stderr)
        return 1
    return code[0]


def _receive(connection: socket.socket) -> bytes:
    """The next byte from the server; none if it has ended."""
    try:
        return connection.recv(1)
    except OSError:
        return b""
