"""The server's side: `python -m chronoglot.runtime.shared_start.server`, which `start` runs.

It imports and forks, and computes nothing, so that a fork of it is as good as a new process: it
has no thread (but one of jemalloc's, which minds forks itself), no lock held and no GPU in use.
What it holds in memory, its jobs share.

What a job imports is not known before: the family of its model decides, and libraries put imports
off. So each job tells at its end what it had to import itself, and the server does the same, in
the same order, for the jobs to come.
"""

import atexit
import ctypes
import gc
import marshal
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from chronoglot.__main__ import run_command
from chronoglot.runtime.shared_start.client import BEGUN, OWN, VARIABLE, place, surroundings

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>

# What Snakemake sets for a job of one thread. Jobs of more run by themselves.
_LIBRARIES = ("OMP_NUM", "GOTO_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMEXPR_NUM")
ONE_THREAD = {f"{library}_THREADS": "1" for library in _LIBRARIES}


def start() -> None:
    """Start a server for the jobs that this process starts; it ends when this process does.

    The environment tells them. Of what Snakemake's benchmark files say of these jobs, the time is
    right; memory and processor time are those of the processes that stand in for them.
    """
    folder = tempfile.mkdtemp(prefix="chronoglot-start-")  # for this user alone
    environment = os.environ | ONE_THREAD
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(place(folder))
        except OSError:  # its path is longer than the system allows: jobs run by themselves
            shutil.rmtree(folder)
            return
        listener.listen()
        descriptor = listener.fileno()
        kin = Path(folder, "surroundings")
        kin.write_bytes(surroundings(environment))
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, str(descriptor), folder, str(kin)],
            # Nothing is written to it: its end tells of the end of this process, however it came.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[descriptor],
            start_new_session=True,  # Ctrl-C is for the jobs
            env=environment,
        )
    os.environ[VARIABLE] = folder
    atexit.register(_stop, server, folder)


def _stop(server: subprocess.Popen[bytes], folder: str) -> None:
    server.kill()
    server.wait()
    shutil.rmtree(folder, ignore_errors=True)


def serve(listener: socket.socket, kin: bytes) -> bool:
    """Fork a process for each job that comes, of surroundings `kin`; the others run by themselves.

    True in a job's process, False at the end.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the watchers
    lessons, teacher = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sources: list[Any] = [sys.stdin, lessons, listener]
    taught = _learn(["chronoglot.cli"])
    while True:
        ready, _, _ = select.select(sources, [], [])
        if sys.stdin in ready:
            return False
        if lessons in ready:
            taught |= _learn(lessons.recv(1 << 20).decode().split("\n"))
            continue
        connection, _ = listener.accept()
        descriptors = _receive(connection)
        if descriptors and _read(descriptors)[0] == kin and _fork() == 0:
            # Held open here, it would have jobs wait for a server that is gone.
            listener.close()
            lessons.close()
            _become(descriptors)
            _watch(connection)
            atexit.register(_teach, teacher, taught)
            return True
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)


def _fork() -> int | None:
    """`os.fork`, but None where the system has no room for a process: the job runs by itself."""
    try:
        return os.fork()
    except OSError:
        return None


def _learn(modules: list[str]) -> set[str]:
    """Import modules, where that is possible, for all jobs to come."""
    for module in modules:
        with suppress(Exception):  # a job for which it matters will say so in its own log
            import_module(module)
    gc.freeze()  # the jobs' garbage collector shall not touch, and so copy, what is shared
    return {*modules, *sys.modules}


def _teach(teacher: socket.socket, taught: set[str]) -> None:
    modules = [name for name in sys.modules if name not in taught]
    with suppress(OSError):  # the server is busy, or gone: another time
        if modules:
            teacher.send("\n".join(modules).encode(), socket.MSG_DONTWAIT)


def _receive(connection: socket.socket) -> list[int]:
    """File descriptors of a job: its streams, and a file that says the rest. None: no job."""
    credentials = struct.Struct("3i")  # process, user, group
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    if credentials.unpack(peer)[1] != os.getuid():
        return []
    connection.settimeout(5)  # it is sent at once; other jobs are waiting
    try:
        return socket.recv_fds(connection, 64, 4)[1]
    except OSError:
        return []
    finally:
        connection.settimeout(None)


def _read(descriptors: list[int]) -> tuple[bytes, Any]:
    """What a job says of itself: its surroundings, and the rest."""
    try:
        size = os.fstat(descriptors[3]).st_size
        surroundings_, rest = marshal.loads(os.pread(descriptors[3], size, 0))
    except (OSError, ValueError, EOFError, TypeError, IndexError):  # it is no job
        return b"", None
    return surroundings_, rest


def _become(descriptors: list[int]) -> None:
    """Take on a job's streams, arguments, folder, umask and environment."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    sys.argv[:], folder, umask, own = _read(descriptors)[1]
    os.close(descriptors[3])
    for key in OWN:
        os.environ.pop(key, None)
    os.environ.update(own)
    tempfile.tempdir = None  # as found in the server's environment
    os.chdir(folder)
    os.umask(umask)


def _watch(connection: socket.socket) -> None:
    """Fork the job, in which this returns; stay behind to answer for it.

    What the other side sends is a signal to pass on. When the other side is gone, the job is
    killed, and so is what it started. When this process is killed, the system kills the job: what
    nobody answers for has failed, and must not write any more. The job waits until the other side
    has been told of it, which would else run it once more.
    """
    watcher = os.getpid()
    told, tell = os.pipe()
    job = _fork()
    if job == 0:
        connection.close()
        os.close(tell)
        _die_with(watcher)
        if not os.read(told, 1):
            os._exit(1)
        os.close(told)
        return
    if job is None:
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        threading.Thread(target=_pass_on, args=[connection], daemon=True).start()
    except RuntimeError:  # no room for it either
        os._exit(1)
    with suppress(OSError):
        connection.sendall(BEGUN)
    os.write(tell, BEGUN)
    _, status = os.waitpid(job, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(OSError):
        connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os.killpg(0, signal.SIGKILL)  # this process, and what the job left running


def _die_with(parent: int) -> None:
    """Have the system kill this process when its parent ends."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or os.getppid() != parent:
        os._exit(1)


def _pass_on(connection: socket.socket) -> None:
    with suppress(OSError):
        while number := connection.recv(1):
            os.killpg(0, number[0])
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve; in the process of a job, run its command."""
    code = 0

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    # Taking down all modules one by one would cost a job a quarter of a second. The first to be
    # registered is called last: after messages, threads and whatever else is due at exit.
    atexit.register(leave)
    _, file_descriptor, folder, kin = sys.argv
    try:
        if serve(socket.socket(fileno=int(file_descriptor)), Path(kin).read_bytes()):
            run_command()
        else:
            shutil.rmtree(folder)
    except SystemExit as end:
        code = end.code & 0xFF if isinstance(end.code, int) else int(end.code is not None)
        raise
    except BaseException:
        code = 1
        raise


if __name__ == "__main__":
    main()
