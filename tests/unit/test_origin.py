"""Vectors are used for what they were made from, and for nothing else."""

from pathlib import Path

import pytest
from chronoglot.checkpoints.manifest import NAME as MANIFEST
from chronoglot.encoding.origin import NAME, check_origin, write_origin
from chronoglot.runtime.errors import UserError

ENCODING = {"pooling": "mean", "long": "window", "layers": [0, 2]}


@pytest.fixture
def made(tmp_path: Path) -> dict:
    (tmp_path / "model").mkdir()
    (tmp_path / "vectors").mkdir()
    (tmp_path / "model" / MANIFEST).write_text("weights")
    (tmp_path / "words.parquet").write_text("words")
    origin = {
        "model": tmp_path / "model",
        "table": tmp_path / "words.parquet",
        "encoding": ENCODING,
    }
    write_origin(tmp_path / "vectors", **origin)
    return origin


def test_vectors_of_the_same_origin_are_used(made: dict, tmp_path: Path) -> None:
    check_origin(tmp_path / "vectors", **made)
    check_origin(tmp_path / "vectors", **made | {"encoding": dict(reversed(ENCODING.items()))})
    assert (tmp_path / "vectors" / NAME).read_text().endswith("}\n")


def test_each_thing_that_differs_is_named(made: dict, tmp_path: Path) -> None:
    def refused(**changes: object) -> str:
        with pytest.raises(UserError, match=r"vectors: holds vectors that are not of") as raised:
            check_origin(tmp_path / "vectors", **made | changes)
        assert f"delete {tmp_path / 'vectors'} and run again" in str(raised.value)
        return str(raised.value)

    assert "{'pooling': 'first'}" in refused(encoding={"pooling": "first"})
    (tmp_path / "other.parquet").write_text("other words")
    assert "other.parquet" in refused(table=tmp_path / "other.parquet")
    (tmp_path / "model" / MANIFEST).write_text("other weights")
    assert f"the model in {tmp_path / 'model'}" in refused()


@pytest.mark.parametrize("damage", [None, "", "{", "3", "{}"])
def test_what_does_not_say_its_origin_is_not_used(
    made: dict, tmp_path: Path, damage: str | None
) -> None:
    path = tmp_path / "vectors" / NAME
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    with pytest.raises(UserError, match="run again"):
        check_origin(tmp_path / "vectors", **made)
