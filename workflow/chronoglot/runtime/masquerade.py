"""What a file is whose name says something else, told from its first bytes.

A pointer in the place of a large file, or the page of an error in the place of a download, has the
name of what was wanted. Nothing heavy is imported: it is asked when the workflow is planned, too.
"""

import re
from pathlib import Path

_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(
    rb"\s*(<!doctype html|<html|<head|<\?xml[^>]*>\s*<(!doctype html|html|error))", re.I
)
_XML = re.compile(rb"\s*<\?xml")
# How a file of each kind begins, what it is called and how to mend it.
_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip", ".gz"),
    (re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), "bzip2", ".bz2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz", ".xz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "Zstandard", ".zst"),
)
_LONGEST_MAGIC = 10
_ARCHIVES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
)
COMPRESSIONS = {ending: name for _, name, ending in _MAGIC}
"""Ending of a compressed file's name → the name of the compression."""


def is_pointer(path: str | Path) -> bool:
    """Whether a file is a pointer of Git LFS in the place of the file itself."""
    return _head(path).startswith(_LFS)


def masquerade(path: str | Path) -> str | None:
    """What a file is, if its content tells that it is not what its name says, and the mend.

    It completes the sentence "PATH: is …". None where nothing is known against it.
    """
    head = _head(path)
    if not head:
        return "empty; fetch or copy it again"
    if head.startswith(_LFS):
        return "a Git LFS pointer, not the file itself; fetch that with `git lfs pull`"
    if _HTML.match(head):
        return "an HTML page, not the file itself: an error or a login; download it again"
    if _XML.match(head):
        return "an XML document; give the file that was meant"
    name = str(path)
    for magic, kind, ending in _MAGIC:
        if magic.match(head):
            if name.endswith(ending):
                return None
            return f"compressed by {kind}; unpack it, or let its name end in {ending}"
    for start, what in _ARCHIVES:
        if head.startswith(start):
            return f"{what}; unpack it"
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "encoded in UTF-16; convert it with `iconv -f UTF-16 -t UTF-8`"
    for ending, kind in COMPRESSIONS.items():
        if name.endswith(ending) and len(head) >= _LONGEST_MAGIC:  # or it is cut short
            return f"not compressed by {kind}, as its name says; drop {ending} from the name"
    return None


def _head(path: str | Path) -> bytes:
    """The first bytes; none where there is no file to read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(512)
    except OSError:
        return b""
