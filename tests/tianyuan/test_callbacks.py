"""Host functions inside programs: values, order, derivatives, errors."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits

X = np.array([1.0, 2.0, 3.0])


def doubled(x: Any) -> Any:
    """On the host, in NumPy."""
    assert isinstance(x, np.ndarray)
    return x * 2


def call(x: Any) -> Any:
    """``doubled`` as part of a program."""
    return ty.pure_callback(doubled, x, x)


@pytest.mark.parametrize("jitted", [False, True])
def test_pure_callback(jitted: bool) -> None:
    """The host's result, eager, jitted, in a loop and mapped."""
    x = ty.asarray(X)

    def f(x: Any) -> Any:
        looped = ty.scan(lambda c, _: (call(c), None), x, None, length=3)[0]
        return call(x) + 1, looped, ty.vmap(call)(x)

    once, looped, mapped = (ty.jit(f) if jitted else f)(x)

    same_bits(once, X * 2 + 1)
    same_bits(looped, X * 8)
    same_bits(mapped, X * 2)


def test_trees() -> None:
    """Arguments and results are trees, keywords included."""

    def host(a: Any, b: Any) -> Any:
        return {"sum": a["x"] + b, "count": np.int64(a["x"].size)}

    wanted = {"sum": ty.asarray(X), "count": ty.asarray(0)}
    out = ty.jit(lambda x: ty.pure_callback(host, wanted, {"x": x}, b=x))(ty.asarray(X))

    same_bits(out["sum"], X + X)
    assert int(out["count"]) == 3


@pytest.mark.parametrize("jitted", [False, True])
def test_broken_promise(jitted: bool) -> None:
    """A result of another shape or dtype is named."""

    def f(x: Any) -> Any:
        return ty.pure_callback(lambda x: x[:2], x, x)

    with pytest.raises(ty.TianyuanError, match=r"pure_callback: .* expected f64\[3\]"):
        (ty.jit(f) if jitted else f)(ty.asarray(X))


@pytest.mark.parametrize("jitted", [False, True])
def test_exception_of_the_host(jitted: bool) -> None:
    """It reaches the caller as it is."""

    def fail(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    def f(x: Any) -> Any:
        return ty.pure_callback(fail, x, x) + 1

    with pytest.raises(ZeroDivisionError, match="mine"):
        (ty.jit(f) if jitted else f)(ty.asarray(X))


def test_derivative() -> None:
    """There is none without a rule; with a custom rule there is."""
    with pytest.raises(ty.NoRuleError, match="custom_jvp"):
        ty.grad(lambda x: ty.sum(call(x)))(ty.asarray(X))

    ruled = ty.custom_jvp(call)
    ruled.defjvp(lambda primals, tangents: (call(primals[0]), 2 * tangents[0]))
    same_bits(ty.grad(lambda x: ty.sum(ruled(x)))(ty.asarray(X)), np.full(3, 2.0))


def printed(f: Any, x: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a call printed, by lines."""
    f(x)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("jitted", [False, True])
def test_print_in_order(jitted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Two prints in program order, in every iteration, though nothing depends on them."""

    def body(c: Any, x: Any) -> Any:
        ty.debug.print("c={c} x={}", x, c=c)
        ty.debug.print("again")
        return c + x, None

    def f(xs: Any) -> Any:
        ty.debug.print("start")
        return ty.scan(body, ty.asarray(0.0), ty.astype(xs, ty.float32))[0]

    lines = printed(ty.jit(f) if jitted else f, ty.asarray(X), capsys)

    assert lines == ["start", "c=0.0 x=1.0", "again", "c=1.0 x=2.0", "again", "c=3.0 x=3.0", "again"]


@pytest.mark.parametrize("jitted", [False, True])
def test_print_under_transformations(jitted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Entry by entry under vmap; once, with the primal, under grad."""

    def f(x: Any) -> Any:
        ty.debug.print("{}", x)
        return x * x

    mapped, gradient = ty.vmap(f), ty.grad(f)

    assert printed(ty.jit(mapped) if jitted else mapped, ty.asarray(X), capsys) == ["1.0", "2.0", "3.0"]
    assert printed(ty.jit(gradient) if jitted else gradient, ty.asarray(X)[1], capsys) == ["2.0"]


def test_callback_for_its_effect() -> None:
    """Values arrive in order."""
    seen: list[float] = []

    def f(xs: Any) -> Any:
        def body(c: Any, x: Any) -> Any:
            ty.debug.callback(lambda v: seen.append(float(v)), x)
            return c, None

        return ty.scan(body, ty.asarray(0), xs)[0]

    ty.jit(f)(ty.asarray(X))

    assert seen == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "args", "words"), [("{} {}", (1,), "asks for"), ("{a}", (), "asks for 'a'"), (3, (), "takes a text")]
)
def test_print_that_makes_no_sense(text: Any, args: Any, words: str) -> None:
    """The error comes at the call, not when the program runs."""
    with pytest.raises(ty.ArrayTypeError, match=words):
        ty.debug.print(text, *args)
