"""Batches hold what they are given, in order and within the budget; files appear whole or not."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from chronoglot.encoding.batches import batches, vector_files
from chronoglot.encoding.encoder import load_encoder
from hypothesis import given
from hypothesis import strategies as st


@given(sizes=st.lists(st.integers(1, 20)), budget=st.integers(1, 40))
def test_batches_are_as_large_as_the_budget_allows(sizes: list[int], budget: int) -> None:
    found = list(batches(sizes, lambda size: size, budget))
    assert [size for batch in found for size in batch] == sizes
    assert all(len(batch) == 1 or sum(batch) <= budget for batch in found)
    for batch, after in itertools.pairwise(found):
        assert sum(batch) + after[0] > budget


def test_files_that_were_not_filled_to_the_end_are_not_there(tmp_path: Path) -> None:
    encoder = load_encoder(tiny_model.write_model(tmp_path))
    outputs = [tmp_path / f"layer-{layer}.npy" for layer in range(encoder.layers + 1)]
    with pytest.raises(KeyboardInterrupt), vector_files(encoder, outputs, 5) as layers:
        layers[0][:] = 1
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("*.npy*"))
    with vector_files(encoder, outputs, 5) as layers:
        for layer in layers:
            layer[:] = 2
    assert all((np.load(output) == 2).all() for output in outputs)
