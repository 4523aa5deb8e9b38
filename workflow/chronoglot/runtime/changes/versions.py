"""The versions of the libraries that a change was checked with."""

from importlib.metadata import version

CHECKED = {"snakemake": "9.27.1", "torch": "2.13.0", "fairseq": "0.12.2"}


def is_checked(library: str) -> bool:
    """Whether the library that is installed is the one that its changes were checked with.

    A build of it for other hardware (`2.13.0+cpu`) is the same version.
    """
    return version(library).partition("+")[0] == CHECKED[library]
