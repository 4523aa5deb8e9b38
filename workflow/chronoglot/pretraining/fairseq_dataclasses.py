"""Let official fairseq 0.12.2 be imported on Python 3.11 to 3.13, which refuse its configuration.

They refuse a dataclass field whose default is of an unhashable class; Python 3.10 refused
only lists, dicts and sets. fairseq's configuration (and hydra's) nests dataclasses that way, and
a dataclass with `eq` is unhashable. With a hash by identity, which is what they would have without
`eq`, these classes pass, and nothing else about them changes.

The check is in a private function of `dataclasses`, hence the range of Pythons here and in
pyproject.toml: those that it was tried with (`make test-pythons`). The patch touches
classes of fairseq and hydra alone.
"""

import dataclasses
import sys
from typing import Any

from chronoglot.runtime.errors import UserError

TRIED = ((3, 11), (3, 12), (3, 13))

_get_field = dataclasses._get_field  # type: ignore[attr-defined]


def _get_field_with_hashable_default(cls: type, name: str, *rest: Any) -> Any:
    default = cls.__dict__.get(name)
    if isinstance(default, dataclasses.Field):
        default = default.default
    kind: Any = type(default)
    if (
        kind.__hash__ is None
        and dataclasses.is_dataclass(kind)
        and kind.__module__.split(".")[0] in ("fairseq", "hydra")
    ):
        kind.__hash__ = object.__hash__  # type: ignore[method-assign]
    return _get_field(cls, name, *rest)


def allow() -> None:
    """Make `import fairseq` work from here on; raises UserError on a Python not tried."""
    if sys.version_info[:2] not in TRIED:
        *others, last = (".".join(map(str, version)) for version in TRIED)
        raise UserError(
            f"fairseq can be imported on Python {', '.join(others)} and {last}, not on "
            f"{sys.version_info[0]}.{sys.version_info[1]}: make the environment with one of them"
        )
    dataclasses._get_field = _get_field_with_hashable_default  # type: ignore[attr-defined]
