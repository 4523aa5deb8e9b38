"""Products of matrices are the same whoever multiplies, forwards and backwards."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch
from chronoglot.runtime.changes import torch as changes
from chronoglot.runtime.changes import versions
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import linear


@pytest.fixture(scope="module", autouse=True)
def replaced() -> Iterator[None]:
    """On any processor, though only some gain by it."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    # Two at once are not allowed: the job's own comes back when it is asked for again.
    changes.use_onednn.cache_clear()
    library = changes.replace_products()
    yield
    del library


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def exactly(left: Tensor, right: Tensor) -> Tensor:
    """The product in double precision, summed without a product of matrices."""
    return (left.double()[:, :, None] * right.double()[None]).sum(dim=1)


@given(
    sizes=st.tuples(*3 * [st.integers(0, 70) | st.sampled_from([16, 32, 64])]),
    turned=st.tuples(st.booleans(), st.booleans()),
    every=st.integers(1, 2),
)
def test_products_of_any_shape_and_layout(
    sizes: tuple[int, int, int], turned: tuple[bool, bool], every: int
) -> None:
    rows, inner, columns = sizes
    left = drawn(inner, rows * every)[:, ::every].t() if turned[0] else drawn(rows, inner)
    right = drawn(columns, inner).t() if turned[1] else drawn(inner, columns * every)[:, ::every]
    bias = drawn(columns)
    expected = exactly(left, right)
    torch.testing.assert_close((left @ right).double(), expected, atol=1e-5, rtol=1e-5)
    shifted = linear(left, right.t(), bias)
    torch.testing.assert_close(shifted.double(), expected + bias, atol=1e-5, rtol=1e-5)


def test_one_row_for_all() -> None:
    left, right = drawn(1, 32).expand(16, 32), drawn(32, 8)
    torch.testing.assert_close((left @ right).double(), exactly(left, right), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64])
def test_other_precisions_are_as_they_were(dtype: torch.dtype) -> None:
    left, right = (10 * drawn(9, 20)).to(dtype), (10 * drawn(20, 7)).to(dtype)
    product = left @ right
    assert product.dtype is dtype
    torch.testing.assert_close(product.double(), exactly(left, right), atol=3, rtol=1e-2)


def test_weights_and_sums_of_addmm_count() -> None:
    added, left, right = drawn(6, 5), drawn(6, 4), drawn(4, 5)
    for part in (added, added[0], added[:, :1]):
        found = torch.addmm(part, left, right, beta=2, alpha=3).double()
        expected = 2 * part + 3 * exactly(left, right)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_gradients() -> None:
    inputs, weights, bias, outer = drawn(48, 32), drawn(16, 32), drawn(16), drawn(48, 16)
    single = [part.clone().requires_grad_() for part in (inputs, weights, bias)]
    double = [part.double().requires_grad_() for part in (inputs, weights, bias)]
    for parts in (single, double):
        (linear(*parts) * outer).sum().backward()
    for one, other in zip(single, double, strict=True):
        torch.testing.assert_close(one.grad.double(), other.grad, atol=1e-5, rtol=1e-5)


def test_shapes_that_do_not_fit_are_refused_as_ever() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        drawn(3, 4) @ drawn(3, 4)
    with pytest.raises(RuntimeError, match="same dtype"):
        drawn(3, 4) @ drawn(4, 3).double()
    with pytest.raises(RuntimeError):
        torch.addmm(drawn(4), drawn(3, 4), drawn(4, 3))


def test_onednn_multiplies_what_lies_on_the_grid() -> None:
    def multiplies(rows: int) -> bool:
        with torch.profiler.profile() as profile:
            drawn(rows, 16) @ drawn(16, 7)
        return "mkldnn" in str(profile.key_averages())

    assert multiplies(32)
    assert not multiplies(33)


LAYOUTS = {
    "plain": lambda *size: drawn(*size),
    "turned": lambda rows, columns: drawn(columns, rows).t(),
    "every other column": lambda rows, columns: drawn(rows, 2 * columns)[:, ::2],
    "every other row": lambda rows, columns: drawn(2 * rows, columns)[::2],
    "from the middle": lambda rows, columns: drawn(rows + 5, columns + 3)[4 : rows + 4, 2:-1],
    "one row": lambda rows, columns: drawn(1, columns).expand(rows, columns),
    "one column": lambda rows, columns: drawn(rows, 1).expand(rows, columns),
    "one number": lambda rows, columns: drawn(1, 1).expand(rows, columns),
    "overlapping": lambda rows, columns: drawn(rows + columns).as_strided((rows, columns), (1, 1)),
    "negative view": lambda rows, columns: torch._neg_view(drawn(rows, columns)),
}
BIASES = {
    "plain": lambda size: drawn(size),
    "every other": lambda size: drawn(2 * size)[::2],
    "one number": lambda size: drawn(1).expand(size),
    "from the middle": lambda size: drawn(size + 7)[3 : size + 3],
    "a column": lambda size: drawn(size, 4)[:, 2],
    "negative view": lambda size: torch._neg_view(drawn(size)),
}


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES.keys())
@pytest.mark.parametrize("right", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("left", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_on_the_grid(
    left: Callable[..., Tensor], right: Callable[..., Tensor], bias: Callable[[int], Tensor]
) -> None:
    a, b, c = left(32, 48), right(48, 24), bias(24)
    expected = a.double().numpy() @ b.double().numpy()
    torch.testing.assert_close((a @ b).double().numpy(), expected, atol=1e-4, rtol=1e-4)
    shifted = torch.addmm(c, a, b).double().numpy()
    wanted = expected + c.double().numpy()
    torch.testing.assert_close(shifted, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("beta", "alpha"), [(1, 1), (0.5, 1), (1, 2), (0, 1), (1, 0)])
def test_weights_of_a_sum_on_the_grid(beta: float, alpha: float) -> None:
    a, b, c = drawn(32, 48), drawn(48, 24), drawn(24)
    found = torch.addmm(c, a, b, beta=beta, alpha=alpha)
    torch.testing.assert_close(
        found.double(), beta * c + alpha * exactly(a, b), atol=1e-4, rtol=1e-4
    )


def test_a_bias_of_another_precision_is_refused_as_ever() -> None:
    with pytest.raises(RuntimeError, match="dtype"):
        torch.addmm(drawn(24, dtype=torch.float64), drawn(32, 48), drawn(48, 24))


def test_the_number_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_known", set())
    monkeypatch.setattr(changes, "SHAPES", 3)

    def multiplies(rows: int) -> bool:
        with torch.profiler.profile() as profile:
            found = drawn(rows, 16) @ drawn(16, 7)
        torch.testing.assert_close(
            found.double(), exactly(drawn(rows, 16), drawn(16, 7)), atol=1e-5, rtol=1e-5
        )
        return "mkldnn" in str(profile.key_averages())

    assert [multiplies(rows) for rows in (16, 32, 48, 64, 32, 80)] == [
        True, True, True, False, True, False
    ]  # fmt: skip


def test_a_library_that_multiplies_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes._agrees()
    right = changes._onednn
    monkeypatch.setattr(changes, "_onednn", lambda *parts: right(*parts) + 1)
    assert not changes._agrees()


@pytest.mark.parametrize("version", ["2.12.9", "2.13.1"])
def test_another_torch_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    def replace() -> None:
        raise AssertionError("products are replaced")

    monkeypatch.setattr(changes, "replace_products", replace)
    monkeypatch.setattr(changes, "_is_amd", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    with pytest.raises(AssertionError, match="products are replaced"):
        changes.use_onednn.__wrapped__()
    monkeypatch.setitem(versions.CHECKED, "torch", version)
    assert changes.use_onednn.__wrapped__() is None


@pytest.mark.parametrize("replaced", [True, False])
def test_torch_by_itself_does_not_give_products_to_onednn(replaced: bool) -> None:
    """Once it does, nothing need be changed any more."""
    code = (
        "import torch; from chronoglot.runtime.changes.torch import replace_products;"
        f"library = {replaced} and replace_products();"
        "torch.ones(32, 32) @ torch.ones(32, 32);"
        "torch.addmm(torch.ones(32), torch.ones(32, 32), torch.ones(32, 32))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.count("primitive,exec,cpu") == (2 if replaced else 0)
