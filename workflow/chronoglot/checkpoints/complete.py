"""Whether a file of weights is whole or still being written, without reading it.

Nothing heavy is imported here: it is asked whenever the workflow is planned.
"""

import json
import zipfile
from pathlib import Path

# With which the pickles begin that torch wrote before it wrote zip archives.
_PICKLE = b"\x80"


def is_whole(path: str | Path) -> bool:
    """Whether a file of safetensors or of torch (fairseq's among them) ends where it should.

    Safetensors say in their header how long they are, and a zip archive has its directory at its
    end. Of an older pickle the end cannot be told: it is taken for whole if it has a beginning.
    An index of weights (JSON) is read for the names of its files, which tells by itself. A file
    that is not there, as one that a trainer has just removed, is not whole.
    """
    path = Path(path)
    try:
        if path.suffix == ".json":
            return path.is_file()
        if path.suffix == ".safetensors":
            return _safetensors_are_whole(path)
        if zipfile.is_zipfile(path):
            return True
        with path.open("rb") as file:
            return file.read(1) == _PICKLE
    except OSError:
        return False


def _safetensors_are_whole(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:  # nor is it less in a file that ends before
            return False
        try:
            header = json.loads(file.read(length))
            entries = [entry for name, entry in header.items() if name != "__metadata__"]
            end = max((entry["data_offsets"][1] for entry in entries), default=0)
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
    return bool(8 + length + end == size)
