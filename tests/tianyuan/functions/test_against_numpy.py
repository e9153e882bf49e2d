"""Every public function of arrays against NumPy's of that name: values, dtypes and shapes; jitted, the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tianyuan.testing import assert_same_bits

RNG = np.random.default_rng(3)
F = RNG.standard_normal((3, 4))
INPUTS: dict[str, Any] = {
    "matrix": F,
    "cube": RNG.standard_normal((2, 3, 4)),
    "ints": RNG.integers(-9, 10, (3, 4)),
    "bools": F > 0,
    "complex": F + 1j * F[::-1],
    "empty": np.zeros((0, 4)),
    "row": F[0],
}
SPECIAL = np.array([0.0, -0.0, 1.5, -1.5, 2.5, np.inf, -np.inf, np.nan, 5e-324, 1e308])

Call = Callable[[Any, Any], Any]  # of the library and one array

SHAPES: dict[str, tuple[Call, str]] = {  # moves of elements: exact
    "reshape": (lambda xp, x: xp.reshape(x, (-1, 2)), "matrix cube ints bools complex"),
    "reshape of nothing": (lambda xp, x: xp.reshape(x, (4, 0)), "empty"),
    "permute_dims": (lambda xp, x: xp.permute_dims(x, (1, 0)), "matrix ints bools complex empty"),
    "moveaxis": (lambda xp, x: xp.moveaxis(x, -1, 0), "matrix cube empty"),
    "moveaxis of several": (lambda xp, x: xp.moveaxis(x, (0, 1), (2, 0)), "cube"),
    "swapaxes": (lambda xp, x: xp.swapaxes(x, 0, -1), "matrix cube"),
    "matrix_transpose": (lambda xp, x: xp.matrix_transpose(x), "matrix cube empty"),
    "squeeze": (lambda xp, x: xp.squeeze(x[None], axis=0), "matrix ints"),
    "expand_dims": (lambda xp, x: xp.expand_dims(x, axis=-1), "matrix cube empty"),
    "flip": (lambda xp, x: xp.flip(x), "matrix cube bools"),
    "flip of an axis": (lambda xp, x: xp.flip(x, axis=-1), "matrix cube empty"),
    "fliplr": (lambda xp, x: xp.fliplr(x), "matrix"),
    "flipud": (lambda xp, x: xp.flipud(x), "matrix"),
    "rot90": (lambda xp, x: xp.rot90(x, 3), "matrix"),
    "roll": (lambda xp, x: xp.roll(x, 5), "matrix ints"),
    "roll along axes": (lambda xp, x: xp.roll(x, (1, -2), axis=(0, 1)), "matrix empty"),
    "repeat": (lambda xp, x: xp.repeat(x, 3, axis=1), "matrix bools empty"),
    "tile": (lambda xp, x: xp.tile(x, (2, 1, 2)), "matrix ints"),
    "broadcast_to": (lambda xp, x: xp.broadcast_to(x, (2, 3, 4)), "matrix row"),
    "concat": (lambda xp, x: xp.concat([x, x], axis=1), "matrix bools empty"),
    "concat flat": (lambda xp, x: xp.concat([x, x], axis=None), "matrix"),
    "stack": (lambda xp, x: xp.stack([x, x], axis=-1), "matrix row empty"),
    "unstack": (lambda xp, x: xp.unstack(x, axis=1), "matrix"),
    "hstack": (lambda xp, x: xp.hstack([x, x]), "matrix row"),
    "vstack": (lambda xp, x: xp.vstack([x, x]), "matrix row"),
    "dstack": (lambda xp, x: xp.dstack([x, x]), "matrix row"),
    "split": (lambda xp, x: xp.split(x, 2, axis=1), "matrix"),
    "split at": (lambda xp, x: xp.split(x, [1, 3], axis=1), "matrix cube"),
    "array_split": (lambda xp, x: xp.array_split(x, 3, axis=1), "matrix"),
    "ravel": (lambda xp, x: xp.ravel(x), "matrix cube empty"),
    "diag": (lambda xp, x: xp.diag(x, k=1), "matrix row"),
    "diagonal": (lambda xp, x: xp.diagonal(x, offset=-1), "matrix cube"),
    "trace": (lambda xp, x: xp.trace(x), "ints"),
    "tril": (lambda xp, x: xp.tril(x, k=-1), "matrix cube ints"),
    "triu": (lambda xp, x: xp.triu(x, k=1), "matrix cube bools"),
    "pad": (lambda xp, x: xp.pad(x, ((1, 2), (0, 3))), "matrix ints"),
    "pad with a value": (lambda xp, x: xp.pad(x, 1, constant_values=7.0), "matrix"),
    "pad by edge": (lambda xp, x: xp.pad(x, 2, mode="edge"), "matrix"),
    "pad by reflection": (lambda xp, x: xp.pad(x, 2, mode="reflect"), "matrix"),
    "pad by symmetry": (lambda xp, x: xp.pad(x, 2, mode="symmetric"), "matrix"),
    "pad by wrapping": (lambda xp, x: xp.pad(x, 2, mode="wrap"), "matrix"),
    "take": (lambda xp, x: xp.take(x, xp.asarray([2, 0, 0]), axis=0), "matrix ints cube"[:11]),
    "take_along_axis": (lambda xp, x: xp.take_along_axis(x, xp.argsort(x, axis=1), axis=1), "matrix"),
    "append": (lambda xp, x: xp.append(x, x[:1], axis=0), "matrix"),
    "delete": (lambda xp, x: xp.delete(x, 1, axis=0), "matrix ints"),
    "insert": (lambda xp, x: xp.insert(x, 1, 5.0, axis=0), "matrix"),
    "where": (lambda xp, x: xp.where(x > 0, x, -x), "matrix ints empty"),
    "select": (lambda xp, x: xp.select([x > 1, x > 0], [x, 2 * x], 0.0), "matrix"),
    "clip": (lambda xp, x: xp.clip(x, -0.5, 0.7), "matrix cube"),
    "sort": (lambda xp, x: xp.sort(x, axis=0), "matrix ints bools"),
    "argsort": (lambda xp, x: xp.argsort(x, axis=-1, stable=True), "matrix ints"),
    "argmax": (lambda xp, x: xp.argmax(x, axis=1), "matrix ints"),
    "argmin": (lambda xp, x: xp.argmin(x), "matrix ints"),
    "max": (lambda xp, x: xp.max(x, axis=0), "matrix ints"),
    "min": (lambda xp, x: xp.min(x), "matrix ints"),
    "all": (lambda xp, x: xp.all(x, axis=0), "matrix bools empty"),
    "any": (lambda xp, x: xp.any(x, axis=1), "matrix bools empty"),
    "count_nonzero": (lambda xp, x: xp.count_nonzero(x, axis=0), "bools ints"),
    "cummax": (lambda xp, x: xp.cummax(x, axis=1) if xp is ty else np.maximum.accumulate(x, 1), "matrix ints"),
    "cummin": (lambda xp, x: xp.cummin(x, axis=1) if xp is ty else np.minimum.accumulate(x, 1), "matrix ints"),
    "ptp": (lambda xp, x: xp.ptp(x, axis=1), "ints"),
    "diff": (lambda xp, x: xp.diff(x, n=2, axis=1), "ints"),
    "searchsorted": (lambda xp, x: xp.searchsorted(xp.sort(x), x, side="right"), "row"),
    "digitize": (lambda xp, x: xp.digitize(x, xp.asarray([-1.0, 0.0, 1.0])), "matrix"),
    "piecewise": (lambda xp, x: xp.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v + 1]), "matrix"),
    "nan_to_num": (lambda xp, x: xp.nan_to_num(x / 0 * 0), "row"),
    "real imag conj": (lambda xp, x: [xp.real(x), xp.imag(x), xp.conj(x)], "complex"),
    "kron of ints": (lambda xp, x: xp.kron(x, x[:2, :1]), "ints"),
    "tensordot of ints": (lambda xp, x: xp.tensordot(x, x, axes=((1,), (1,))), "ints"),
    "matmul of ints": (lambda xp, x: xp.matmul(x, xp.matrix_transpose(x)), "ints"),
    "sum of ints": (lambda xp, x: xp.sum(x, axis=0, keepdims=True), "ints bools"),
    "prod of ints": (lambda xp, x: xp.prod(x, axis=0), "ints"),
    "cumulative_sum of ints": (lambda xp, x: xp.cumulative_sum(x, axis=1, include_initial=True), "ints"),
    "cumulative_prod of ints": (lambda xp, x: xp.cumulative_prod(x, axis=1), "ints"),
    "gcd": (lambda xp, x: xp.gcd(x, 6), "ints"),
    "lcm": (lambda xp, x: xp.lcm(x, 6), "ints"),
    "heaviside": (lambda xp, x: xp.heaviside(x, 0.5), "matrix"),
    "meshgrid": (lambda xp, x: xp.meshgrid(x, x[:2], indexing="ij"), "row"),
    "array_equal": (lambda xp, x: xp.array_equal(x, x), "matrix"),
    "isin": (lambda xp, x: xp.isin(x, xp.asarray([1, 2])), "ints"),
}

SUMS: dict[str, tuple[Call, str]] = {  # what rounds in its own order
    "sum": (lambda xp, x: xp.sum(x, axis=(0, 1)), "matrix cube complex empty"),
    "mean": (lambda xp, x: xp.mean(x, axis=1), "matrix cube complex"),
    "prod": (lambda xp, x: xp.prod(x, axis=0), "matrix complex empty"),
    "var": (lambda xp, x: xp.var(x, axis=0, correction=1), "matrix cube"),
    "std": (lambda xp, x: xp.std(x), "matrix"),
    "cumulative_sum": (lambda xp, x: xp.cumulative_sum(x, axis=0), "matrix cube complex"),
    "cumsum": (lambda xp, x: xp.cumsum(x), "matrix"),
    "cumprod": (lambda xp, x: xp.cumprod(x, axis=1), "matrix complex"),
    "matmul": (lambda xp, x: xp.matmul(x, xp.matrix_transpose(x)), "matrix cube complex empty"),
    "inner": (lambda xp, x: xp.inner(x, x), "matrix row"),
    "outer": (lambda xp, x: xp.outer(x, x), "row matrix"),
    "vdot": (lambda xp, x: xp.vdot(x, x), "complex row"),
    "vecdot": (lambda xp, x: xp.vecdot(x, x), "complex matrix"),
    "kron": (lambda xp, x: xp.kron(x, x), "matrix"),
    "tensordot": (lambda xp, x: xp.tensordot(x, x, axes=2), "matrix"),
    "einsum": (lambda xp, x: xp.einsum("ij,kj,k->i", x, x, x[:, 0]), "matrix complex"),
    "einsum with dots": (lambda xp, x: xp.einsum("...ij,...kj->...ik", x, x), "cube"),
    "median": (lambda xp, x: xp.median(x, axis=1), "matrix"),
    "quantile": (lambda xp, x: xp.quantile(x, 0.3, axis=0), "matrix"),
    "percentile": (lambda xp, x: xp.percentile(x, 70), "matrix"),
    "average": (lambda xp, x: xp.average(x, axis=1, weights=xp.asarray([1.0, 2.0, 3.0, 4.0])), "matrix"),
    "histogram": (lambda xp, x: xp.histogram(x, bins=5), "matrix"),
    "interp": (lambda xp, x: xp.interp(x, xp.asarray([-1.0, 0.0, 2.0]), xp.asarray([3.0, 1.0, 4.0])), "matrix"),
    "convolve": (lambda xp, x: xp.convolve(x, x[:2], mode="same"), "row"),
    "correlate": (lambda xp, x: xp.correlate(x, x[:2], mode="full"), "row"),
    "nansum": (lambda xp, x: xp.nansum(xp.where(x > 1, xp.nan, x), axis=0), "matrix"),
    "nanmean": (lambda xp, x: xp.nanmean(xp.where(x > 1, xp.nan, x)), "matrix"),
    "nanmax": (lambda xp, x: xp.nanmax(xp.where(x > 1, xp.nan, x)), "matrix"),
    "nanmin": (lambda xp, x: xp.nanmin(xp.where(x > 1, xp.nan, x), axis=1), "matrix"),
    "nanstd": (lambda xp, x: xp.nanstd(xp.where(x > 1, xp.nan, x), axis=1), "matrix"),
    "nanvar": (lambda xp, x: xp.nanvar(xp.where(x > 1, xp.nan, x)), "matrix"),
    "logaddexp": (lambda xp, x: xp.logaddexp(x, -x), "matrix"),
    "logaddexp2": (lambda xp, x: xp.logaddexp2(x, -x), "matrix"),
    "sinc": (lambda xp, x: xp.sinc(x), "matrix"),
    "hypot": (lambda xp, x: xp.hypot(x, 3.0), "matrix"),
    "apply_along_axis": (lambda xp, x: xp.apply_along_axis(lambda v: v.sum() * v, 1, x), "matrix"),
}


def table(calls: dict[str, tuple[Call, str]]) -> list[Any]:
    """One parameter for every call and input."""
    return [pytest.param(f, INPUTS[i], id=f"{name}-{i}") for name, (f, inputs) in calls.items() for i in inputs.split()]


def flat(value: Any) -> list[Any]:
    """The arrays of a result."""
    return [np.asarray(x) for x in (value if isinstance(value, tuple | list) else [value])]


@pytest.mark.parametrize(("call", "x"), table(SHAPES))
def test_exact(call: Call, x: Any) -> None:
    """Equal to NumPy's, dtype and shape included; the bits of eager code under jit."""
    actual = call(ty, ty.asarray(x))

    with np.errstate(all="ignore"):
        for a, e in zip(flat(actual), flat(call(np, x)), strict=True):
            assert (a.dtype, a.shape) == (e.dtype, e.shape)
            np.testing.assert_array_equal(a, e)
    assert_same_bits(ty.jit(lambda v: call(ty, v))(ty.asarray(x)), actual)


@pytest.mark.parametrize(("call", "x"), table(SUMS))
def test_close(call: Call, x: Any) -> None:
    """NumPy's within rounding, dtype and shape included; the bits of eager code under jit."""
    actual = call(ty, ty.asarray(x))

    for a, e in zip(flat(actual), flat(call(np, x)), strict=True):
        assert a.shape == e.shape
        assert a.dtype.kind == e.dtype.kind or e.dtype.kind == "i"
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-13)
    assert_same_bits(ty.jit(lambda v: call(ty, v))(ty.asarray(x)), actual)


UNARY = """abs acos acosh asin asinh atan atanh cbrt ceil cos cosh exp exp2 expm1 floor isfinite isinf isnan log log10
log1p log2 negative positive reciprocal round sign signbit sin sinh sqrt square tan tanh trunc""".split()
BINARY = """add subtract multiply divide pow maximum minimum atan2 copysign nextafter remainder fmod floor_divide hypot
equal not_equal less less_equal greater greater_equal""".split()
INTEGER = """add subtract multiply maximum minimum bitwise_and bitwise_or bitwise_xor equal less floor_divide
remainder""".split()


@pytest.mark.parametrize("name", UNARY)
def test_unary_at_special_values(name: str) -> None:
    """Zeros of both signs, infinities, NaN, subnormals, large numbers."""
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(SPECIAL)
    actual = getattr(ty, name)(ty.asarray(SPECIAL))

    assert np.asarray(actual).dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-15)
    numbers = ~np.isnan(expected.astype(float)) & (
        (SPECIAL != 0) | (name != "sign")
    )  # sign keeps -0.0, NumPy's does not
    np.testing.assert_array_equal(np.signbit(np.asarray(actual) * 1.0)[numbers], np.signbit(expected * 1.0)[numbers])


@pytest.mark.parametrize("name", BINARY)
def test_binary_at_special_values(name: str) -> None:
    """Every pair of them."""
    a, b = SPECIAL[:, None], SPECIAL[None, :]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)

    actual = np.asarray(getattr(ty, name)(ty.asarray(a), ty.asarray(b)))

    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("name", INTEGER)
def test_integers_wrap(name: str, dtype: str) -> None:
    """At the ends of every width, as NumPy's do; division by zero by NumPy's values."""
    info = np.iinfo(dtype)
    values = np.array([info.min, info.min + 1, 0, 1, 2, 7, info.max - 1, info.max], dtype)
    a, b = values[:, None], values[None, :]
    if name in ("floor_divide", "remainder"):
        b = b[:, values != 0]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)

    actual = np.asarray(getattr(ty, name)(ty.asarray(a), ty.asarray(b)))

    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


DEPENDENT: dict[str, Call] = {
    "nonzero": lambda xp, x: xp.nonzero(x > 0),
    "mask": lambda xp, x: x[x > 0],
    "bincount": lambda xp, x: xp.bincount(xp.astype(xp.abs(x), xp.int64).reshape(-1), minlength=12),
    "unique_values": lambda xp, x: xp.sort(xp.unique_values(x)),
    "unique_counts": lambda xp, x: xp.unique_counts(x),
    "unique_inverse": lambda xp, x: xp.unique_inverse(x),
    "unique_all": lambda xp, x: xp.unique_all(x),
}


@pytest.mark.parametrize("name", DEPENDENT)
@pytest.mark.parametrize("x", [INPUTS["ints"], np.array([3.0, 1.0, 3.0, -0.0, 0.0])], ids=["ints", "floats"])
def test_shape_by_values(name: str, x: Any) -> None:
    """Works on known values; under jit one readable error."""
    actual = DEPENDENT[name](ty, ty.asarray(x))

    for a, e in zip(flat(actual), flat(DEPENDENT[name](np, x)), strict=True):
        np.testing.assert_array_equal(a, e)
    with pytest.raises(ty.TianyuanError, match="size=|length=|ty.where"):
        ty.jit(lambda v: DEPENDENT[name](ty, v))(ty.asarray(x))


CREATION: dict[str, Callable[[Any], Any]] = {
    "arange": lambda xp: xp.arange(5),
    "arange of floats": lambda xp: xp.arange(1.0, 2.0, 0.25, dtype=xp.float64),
    "arange down": lambda xp: xp.arange(5, -5, -3),
    "arange of nothing": lambda xp: xp.arange(3, 1),
    "linspace": lambda xp: xp.linspace(-1, 1, 9, dtype=xp.float64),
    "linspace without its end": lambda xp: xp.linspace(0, 1, 4, endpoint=False, dtype=xp.float64),
    "eye": lambda xp: xp.eye(3, 4, k=-1, dtype=xp.int32),
    "full": lambda xp: xp.full((2, 0), 3, dtype=xp.int8),
    "zeros": lambda xp: xp.zeros((), dtype=xp.complex128),
    "ones": lambda xp: xp.ones((2, 3), dtype=xp.bool),
    "asarray": lambda xp: xp.asarray([[1, 2], [3, 4]]),
    "asarray of bools": lambda xp: xp.asarray([True, False]),
    "tril_indices": lambda xp: xp.tril_indices(3),
    "triu_indices": lambda xp: xp.triu_indices(3, 1),
    "diag_indices": lambda xp: xp.diag_indices(3),
    "broadcast_arrays": lambda xp: xp.broadcast_arrays(xp.ones((2, 1), dtype=xp.int32), xp.zeros(3, dtype=xp.int32)),
}


@pytest.mark.parametrize("name", CREATION)
def test_creation(name: str) -> None:
    """NumPy's array."""
    for a, e in zip(flat(CREATION[name](ty)), flat(CREATION[name](np)), strict=True):
        assert (a.dtype, a.shape) == (e.dtype, e.shape)
        np.testing.assert_array_equal(a, e)
