"""Contractions with one row against docs/numerics.md: vectors of columns, single columns, blocks walked together."""

import numpy as np
import pytest

from tests.jit.chain import chain, same_bits, values
from tests.jit.test_contraction import ISAS, contract


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["f32", "i32", "f64", "i64"])
@pytest.mark.parametrize("columns", [1, 3, 16, 37])
@pytest.mark.parametrize("k", [1, 15, 16, 255, 256, 700])
def test_columns_along_k(isa, dtype, columns, k):
    """a times the transpose of a row-major matrix."""
    rng = np.random.default_rng(k + columns)
    a, b = values(rng, (2, 1, k), dtype), values(rng, (2, columns, k), dtype).transpose(0, 2, 1)
    assert same_bits(chain(a, b), contract(dtype, isa, a, b))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("k", [4095, 4096, 4097, 5121, 8192, 9473, 13000])
def test_several_segments(isa, k):
    """Long sums: one column, with and without steps between elements, and a vector of columns."""
    rng = np.random.default_rng(k)
    a, b = values(rng, (1, 1, 2 * k), "f32"), values(rng, (1, 18, k), "f32").transpose(0, 2, 1)
    assert same_bits(chain(a[:, :, :k], b), contract("f32", isa, a[:, :, :k], b))
    assert same_bits(chain(a[:, :, ::2], b[:, :, :1]), contract("f32", isa, a[:, :, ::2], b[:, :, :1]))
    assert same_bits(chain(a[:, :, :k], b[:, :, 3:4]), contract("f32", isa, a[:, :, :k], b[:, :, 3:4]))


@pytest.mark.parametrize("workers", [1, 2])
def test_pieces_on_threads(workers):
    """Columns of one row shared out, the last vector of a piece not whole."""
    rng = np.random.default_rng(5)
    a, b = values(rng, (1, 1, 1300), "f32"), values(rng, (1, 3500, 1300), "f32").transpose(0, 2, 1)
    assert same_bits(chain(a, b), contract("f32", ISAS[0], a, b, workers))
