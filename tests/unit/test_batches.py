"""Batches hold what they are given, in order and within the budget; files appear whole or not."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from chronoglot.encoding.batches import batches, vector_files
from chronoglot.encoding.encoder import Encoder, load_encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@given(sizes=st.lists(st.integers(1, 20)), budget=st.integers(1, 40))
def test_batches_are_as_large_as_the_budget_allows(sizes: list[int], budget: int) -> None:
    found = list(batches(sizes, lambda size: size, budget))
    assert [size for batch in found for size in batch] == sizes
    assert all(len(batch) == 1 or sum(batch) <= budget for batch in found)
    for batch, after in itertools.pairwise(found):
        assert sum(batch) + after[0] > budget


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(tiny_model.write_model(tmp_path_factory.mktemp("model")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), cut=st.integers(0, 12))
def test_vectors_may_come_in_any_order(
    tmp_path: Path, encoder: Encoder, order: list[int], cut: int
) -> None:
    outputs = {layer: tmp_path / f"layer-{layer}.npy" for layer in range(encoder.layers + 1)}
    shape = len(outputs), len(order), encoder.dimension
    expected = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    rows = np.array(order)
    with vector_files(encoder, outputs, len(order)) as files:
        for file, layer in zip(files.values(), expected, strict=True):
            for part in filter(len, (rows[:cut], rows[cut:])):
                file.write(part, layer[part])
    for output, layer in zip(outputs.values(), expected, strict=True):
        np.testing.assert_array_equal(np.load(output), layer)
        assert np.load(output, mmap_mode="r").dtype == np.float32


def test_files_that_were_not_filled_to_the_end_are_not_there(
    tmp_path: Path, encoder: Encoder
) -> None:
    outputs = {layer: tmp_path / f"layer-{layer}.npy" for layer in range(encoder.layers + 1)}
    with pytest.raises(KeyboardInterrupt), vector_files(encoder, outputs, 5) as files:
        files[0].write(np.arange(5), np.ones((5, encoder.dimension), np.float32))
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("*.npy*"))
    assert not list(tmp_path.glob(".*.npy"))
