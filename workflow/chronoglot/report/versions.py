"""The versions that made the results: Python, the system and the packages used."""

import platform
from importlib.metadata import PackageNotFoundError, version

import chronoglot

PACKAGES = (
    "torch",
    "fairseq",
    "transformers",
    "sentencepiece",
    "snakemake",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "conllu",
    "matplotlib",
)


def versions() -> dict[str, str]:
    """Name → version; a package that is not installed is left out. Imports none of them."""
    found = {
        "chronoglot": chronoglot.__version__,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
