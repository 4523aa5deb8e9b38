"""Draws that depend on a name alone.

A split drawn from the name of a document or sentence stays as it is whatever else the file holds,
and parallel data, which share their names, are split alike in every language.
"""

from hashlib import sha256


def number_of(name: str) -> int:
    """The first 64 bits of the name's SHA-256."""
    return int.from_bytes(sha256(name.encode()).digest()[:8])


def draw(name: str) -> float:
    """A number in [0, 1), uniform over names."""
    return (number_of(name) >> 11) / 2**53
