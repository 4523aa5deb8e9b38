"""What is changed in torch: which library multiplies matrices on AMD's processors.

torch gives those of single precision to Intel's MKL, which takes to AVX-512 on Intel's processors
alone. oneDNN, to which torch gives those in bfloat16, takes to it wherever there is AVX-512: it
multiplies twice as fast then. Results differ in the last bits of a float, as they do from one
processor to another.

oneDNN compiles a program for each shape that it meets, which takes a millisecond and memory that
is never given back. So it is given those alone that come again, with rows and sums of a multiple of
`GRID`, and of these the first `SHAPES`; and only what lies row by row or column by column.
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.library import Library

from chronoglot.runtime.changes.versions import is_checked

GRID = 16
SHAPES = 512  # of up to 4,096 rows, 768 inputs and 3,072 outputs: 23 MB in all
_known: set[tuple[object, ...]] = set()


@cache
def use_onednn() -> Library | None:
    """Have oneDNN multiply in this process from now on, where that is faster.

    Returns what `replace_products` does, which the cache keeps; None where nothing is replaced. It
    is not in another version of torch, nor where a product is not what NumPy makes of it.
    """
    if not is_checked("torch"):
        return None
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not _is_amd():
        return None
    library = replace_products()
    if library and not _agrees():
        library._destroy()
        return None
    return library


def _agrees() -> bool:
    """Whether a product with a bias is the one that NumPy computes in double precision."""
    random = np.random.default_rng(0)
    left, right, bias = (random.normal(size=size) for size in ((48, 64), (64, 40), (40,)))
    parts = [torch.from_numpy(part).float() for part in (bias, left, right)]
    found = torch.addmm(*parts).double().numpy()
    return bool(np.allclose(found, left @ right + bias, rtol=1e-4, atol=1e-4))


def replace_products() -> Library | None:
    """Have oneDNN multiply until what is returned is destroyed; None if torch lacks oneDNN.

    It is done below autograd: products in a backward pass are replaced too.
    """
    if not torch.backends.mkldnn.is_available():
        return None
    library = Library("aten", "IMPL")
    with warnings.catch_warnings(action="ignore"):  # that something is replaced
        library.impl("mm", _mm, "CPU")
        library.impl("addmm", _addmm, "CPU")
    return library


def _is_amd() -> bool:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            return "AuthenticAMD" in file.read(4096)  # the first core's; a server has hundreds
    except OSError:
        return False


def _mm(left: Tensor, right: Tensor) -> Tensor:
    if _suit(left, right):
        return _onednn(left, right, None)
    # Told where to write, torch has another function, which is not replaced.
    return torch.mm(left, right, out=left.new_empty(0))


def _addmm(
    added: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    bias = added.dim() == 1 and beta == 1 and alpha == 1 and added.dtype is left.dtype
    if bias and _suit(left, right) and len(added) == right.shape[1]:
        # oneDNN takes the numbers of a bias as they lie, whatever the distance between them.
        return _onednn(left, right, added.contiguous())
    return torch.addmm(added, left, right, beta=beta, alpha=alpha, out=left.new_empty(0))


def _suit(left: Tensor, right: Tensor) -> bool:
    """Whether both are of single precision, fit, are not empty, and lie on the grid."""
    return (
        left.dtype is torch.float32
        and right.dtype is torch.float32
        and left.dim() == right.dim() == 2
        and left.shape[1] == right.shape[0]
        and min(left.numel(), right.numel()) > 0
        and left.shape[0] % GRID == left.shape[1] % GRID == 0
        and _is_plain(left)
        and _is_plain(right)
        and _is_known(left, right)
    )


def _is_plain(matrix: Tensor) -> bool:
    """Whether the rows, or the columns, each lie in one piece and none overlaps another."""
    (rows, columns), (down, across) = matrix.shape, matrix.stride()
    return (across == 1 and down >= columns) or (down == 1 and across >= rows)


def _is_known(left: Tensor, right: Tensor) -> bool:
    """Whether products of this shape and layout were met before, or there is room for another."""
    shape = (*left.shape, right.shape[1], left.stride(), right.stride())
    if shape not in _known and len(_known) < SHAPES:
        _known.add(shape)
    return shape in _known


def _onednn(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right.t(), bias, "none", [], "")
