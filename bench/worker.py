"""A competitor in a process of its own, so that its memory and its threads are its own."""

import multiprocessing
import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.benchmark import Absent, Competitor, Facts

_POLL = 0.02  # seconds between two looks at a worker's memory


@dataclass(frozen=True)
class Sample:
    """One run: wall-clock and processor seconds, what was done, memory at its peak in MB.

    `memory` is the process's own; `resident` counts the pages of files that it maps, too, which the
    system takes back when it needs them; `gpu_memory` is that of its tensors on the GPU.
    """

    wall: float
    cpu: float
    amount: float
    facts: Facts
    memory: float
    resident: float
    gpu_memory: float


class Failed(Exception):
    """A competitor raised; the message is its traceback's end."""


class Worker:
    """Prepares a competitor as soon as it is made; `ready` waits for that, `sample` runs it."""

    def __init__(self, competitor: Competitor, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        # Read by the libraries' own pools of threads when they are first imported.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(threads)
        self._process = context.Process(target=_work, args=(other, competitor), daemon=True)
        self._process.start()
        other.close()

    def ready(self) -> None:
        """Raises Absent or Failed."""
        self._receive()

    def sample(self) -> Sample:
        """Run once; raises Failed."""
        self._connection.send(True)
        seen = [_memory(self._process.pid)]
        while not self._connection.poll(_POLL):
            seen.append(_memory(self._process.pid))
        wall, cpu, amount, gpu_memory, last = self._receive()
        memory, resident = map(max, zip(last, *seen, strict=True))
        facts = self._receive()  # what it takes to find them does not count
        return Sample(wall, cpu, amount, facts, memory, resident, gpu_memory)

    def stop(self) -> None:
        """End the process."""
        with suppress(OSError):  # it has ended by itself
            self._connection.send(False)
        self._process.join(10)
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive(self) -> Any:
        try:
            kind, content = self._connection.recv()
        except EOFError:
            self._process.join()
            raise Failed(f"the process ended with {self._process.exitcode}") from None
        if kind == "absent":
            raise Absent(content)
        if kind == "failed":
            raise Failed(content)
        return content


def _memory(pid: int | None) -> tuple[float, float]:
    """A process's own and its resident memory in MB."""
    found = {"RssAnon": 0.0, "VmRSS": 0.0}
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) / 1000
    return found["RssAnon"], found["VmRSS"]


def _work(connection: Connection, competitor: Competitor) -> None:
    """The worker's side: prepare, then run each time that it is told to."""
    _be_quiet()
    try:
        run = competitor.prepare(**competitor.arguments)
        connection.send(("done", None))
        while connection.recv():
            _reset_gpu_memory()
            cpu, wall = _cpu(), time.perf_counter()
            outcome = run()
            gpu_memory = _gpu_memory()  # waits for the GPU
            wall, cpu = time.perf_counter() - wall, _cpu() - cpu
            last = _memory(os.getpid())
            connection.send(("done", (wall, cpu, outcome.amount, gpu_memory, last)))
            connection.send(("done", outcome.facts()))
    except Absent as error:
        connection.send(("absent", str(error)))
    except Exception:
        connection.send(("failed", traceback.format_exc().strip()[-2000:]))


def _be_quiet() -> None:
    """What is printed a sentence would be timed too, on a terminal that takes its time."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _cpu() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _reset_gpu_memory() -> None:
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


def _gpu_memory() -> float:
    torch = sys.modules.get("torch")
    if not torch or not torch.cuda.is_initialized():
        return 0.0
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 1e6
