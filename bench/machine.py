"""What a result depends on besides the program: the machine, the versions, the options."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.benchmark import ROOT, Options

_PACKAGES = ("torch", "transformers", "numpy", "scikit-learn")


def describe(options: Options) -> dict[str, Any]:
    """A flat object, to be kept with every row."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "gpu": _gpu() if options.device.startswith("cuda") else None,
        "blas": _blas(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "scale": options.scale,
        "threads": options.threads,
        "device": options.device,
        "precision": options.precision,
        "experiment": options.experiment.stem,
        "data": options.treebank.name if options.treebank else "in vitro",
    }


def _commit() -> str | None:
    """The commit that is checked out, with a + if files differ from it; None outside git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "workflow", "bench")
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    """Its model, with the widest vectors that it computes with."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {name.strip(): value.strip() for name, value in values.items()}
    flags = known.get("flags", "").split()
    widest = [name for name in ("avx512_bf16", "avx512f", "avx2") if name in flags][:1]
    return ", ".join([known.get("model name", platform.machine()), *widest])


def _blas() -> str:
    """NumPy's, with the kind of processor that it takes this one for."""
    import numpy  # noqa: F401, what is loaded is told
    from threadpoolctl import threadpool_info

    # Others that are loaded, such as SciPy's, multiply little.
    found = [pool for pool in threadpool_info() if "numpy" in Path(pool["filepath"]).parts[-2]]
    named = [(pool["internal_api"], pool["version"], pool.get("architecture")) for pool in found]
    return ", ".join(" ".join(filter(None, each)) for each in named)


def _gpu() -> str:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
