"""A job's side: it hands itself over to the server and stands in for its process until that ends.

Of the standard library, little: every job pays for what is imported here.
"""

import hashlib
import marshal
import os
import signal
import socket
import sys
from collections.abc import Mapping

VARIABLE = "CHRONOGLOT_NURSERY"  # names the folder of the server's socket

# What a job may have as its own: variables of the shell, and where temporary files lie, which
# nothing reads when it is imported.
OWN = ("_", "OLDPWD", "PWD", "SHLVL", "TEMP", "TEMPDIR", "TMP", "TMPDIR", VARIABLE)

# The commands that are handed over: those of many jobs, and those that share their libraries.
# Pretraining is not among them: it is long, and its numbers depend on nothing but its inputs.
COMMANDS = frozenset(
    [
        *("words", "pairs", "parallel", "text"),
        *("convert", "take-revision", "take-folder", "verify"),
        *("encode", "bits", "align", "probe", "transfer"),
        *("scores", "links", "summary", "movement", "across", "properties", "correlates"),
        "figure",
    ]
)


def place(folder: str, environment: Mapping[str, str]) -> str:
    """Path of the socket of a server whose jobs have this environment.

    All that imported modules depend on is in its name: interpreter, package and environment. So a
    job that differs in any of them finds no server. Among the variables are those that set the
    number of threads, which libraries read once.
    """
    shared = sorted((key, value) for key, value in environment.items() if key not in OWN)
    package = os.path.realpath(__file__)
    one = ascii((sys.prefix, os.path.realpath(sys.executable), package, shared))
    return os.path.join(folder, hashlib.sha256(one.encode()).hexdigest()[:16])


def hand_over(arguments: list[str]) -> int | None:
    """Have the server run a command; its exit code, or None if the command is to be run here."""
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
            job.write(marshal.dumps((arguments, os.getcwd(), umask, own)))
            job.flush()
            connection.connect(place(folder, os.environ))
            socket.send_fds(connection, [b"job"], [0, 1, 2, job.fileno()])
    except OSError:
        return None
    return _stand_in(connection)


def _stand_in(connection: socket.socket) -> int:
    """Pass signals on to the job and wait for its exit code.

    A signal that cannot be passed on ends this process, which closes the connection; then the
    job is killed.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: connection.sendall(bytes([number])))
    try:
        code = connection.recv(1)
    except OSError:
        code = b""
    if not code:
        print("chronoglot: the server that ran this job has died; run it again", file=sys.stderr)
        return 1
    return code[0]
