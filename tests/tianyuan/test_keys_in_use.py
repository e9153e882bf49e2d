"""Keys consumed twice are found; nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tianyuan.random as random
from tests.oracle_machine import install, uninstall
from tianyuan.array import Array
from tianyuan.compiling import jit
from tianyuan.control import cond, fori_loop, scan, while_loop
from tianyuan.control.recomputation import checkpoint
from tianyuan.custom_rules import custom_vjp
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import KeyReuseError, KeyReuseWarning
from tianyuan.keys_in_use import check_program, find_reuse
from tianyuan.prims.linear import reduce_sum
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import lt
from tianyuan.settings import config
from tianyuan.transforms.derivatives import grad
from tianyuan.transforms.mapping import vmap
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, int64, key_dtype

KEY = ArrayType(key_dtype)
Fun = Callable[[Array], Any]


@pytest.fixture(autouse=True)
def oracle_machine() -> Iterator[None]:
    """The oracle is the machine called cpu."""
    install()
    yield
    uninstall()


def program(fun: Fun, *types: ArrayType) -> Any:
    """A traced program of one key (or of arguments of these types)."""

    def flat(*xs: Array) -> list[Array]:
        out = fun(*xs)
        return list(out) if isinstance(out, tuple | list) else [out]

    return trace(flat, types or [KEY]).program


def reuses(fun: Fun, *types: ArrayType) -> int:
    """How many pairs of lines are found."""
    return len(find_reuse(program(fun, *types)))


def normal(key: Array) -> Array:
    """A number."""
    return random.normal(key)


def use_and_split(key: Array) -> Any:
    """Reuse: the key that is split was used."""
    return normal(key), random.split(key)


def draw_twice(key: Array) -> Any:
    """Reuse."""
    a = normal(key)
    return add(a, random.uniform(key))


def through_moves(key: Array) -> Any:
    """Reuse of one element of an array of keys."""
    keys = random.split(key, 3)
    return normal(keys[1]), normal(keys[::-1][1])


def folded_alike(key: Array) -> Any:
    """Reuse: the same number folded in gives the same key."""
    return normal(random.fold_in(key, 1)), normal(random.fold_in(key, 1))


def mapped_and_picked(key: Array) -> Any:
    """Reuse: vmap consumed all of them."""
    keys = random.split(key, 3)
    return vmap(normal)(keys), normal(keys[2])


def closed_over_in_a_loop(key: Array) -> Any:
    """Reuse: every iteration draws from it."""
    return fori_loop(0, 3, lambda i, x: add(x, normal(key)), scalar(0, float32))


def carried_unchanged(key: Array) -> Any:
    """Reuse: the next iteration gets the key that this one used."""
    return scan(lambda k, _: (k, normal(k)), key, length=3)[1]


def scanned_and_used(key: Array) -> Any:
    """Reuse: the scan consumed the last key too."""
    keys = random.split(key, 5)
    return scan(lambda c, k: (c, normal(k)), scalar(0, float32), keys)[1], normal(keys[4])


def in_a_while(key: Array) -> Any:
    """Reuse: the condition draws from a key it closes over."""
    return while_loop(lambda x: lt(normal(key), x), lambda x: x, scalar(1, float32))


def after_a_branch(key: Array) -> Any:
    """Reuse: one of the branches may have used it."""
    x = cond(lt(scalar(0, int64), scalar(1, int64)), lambda: normal(key), lambda: scalar(0, float32))
    return x, normal(key)


def inside_a_checkpoint(key: Array) -> Any:
    """Reuse."""
    return checkpoint(lambda k: add(normal(k), random.uniform(k)))(key)


REUSES = [
    use_and_split,
    draw_twice,
    through_moves,
    folded_alike,
    mapped_and_picked,
    closed_over_in_a_loop,
    carried_unchanged,
    scanned_and_used,
    in_a_while,
    after_a_branch,
    inside_a_checkpoint,
]


@pytest.mark.parametrize("fun", REUSES)
def test_reuse_is_found(fun: Fun) -> None:
    """Once."""
    assert reuses(fun) == 1


def split_and_use_each(key: Array) -> Any:
    """Every subkey once, with the first passed on."""
    key, a = random.split(key)
    key, b = random.split(key)
    return normal(a), normal(b), normal(key)


def in_a_python_loop(key: Array) -> Any:
    """Different keys at one line."""
    return [normal(k) for k in random.split(key, 4)]


def folded(key: Array) -> Any:
    """Different numbers, then the key itself."""
    return *[normal(random.fold_in(key, i)) for i in range(3)], normal(key)


def looked_at(key: Array) -> Any:
    """Its words are not random numbers."""
    return random.key_data(key), normal(key), random.key_data(key)


def cloned(key: Array) -> Any:
    """The reuse is meant."""
    return normal(random.clone(key)), normal(random.clone(key)), normal(key)


def carried(key: Array) -> Any:
    """A key that is split in every iteration."""

    def step(k: Array, _: Any) -> Any:
        k, sub = random.split(k)
        return k, normal(sub)

    return scan(step, key, length=5)


def scanned(key: Array) -> Any:
    """A key for every iteration; and folded with the counter."""
    keys, other = random.split(key, 5), random.fold_in(key, 9)
    return (
        scan(lambda c, k: (c, normal(k)), scalar(0, float32), keys),
        fori_loop(0, 4, lambda i, x: add(x, normal(random.fold_in(other, i))), scalar(0, float32)),
    )[0][1]


def once_in_a_loop_of_one(key: Array) -> Any:
    """One iteration consumes once."""
    return scan(lambda c, _: (c, normal(key)), scalar(0, float32), length=1)[1]


def in_both_branches(key: Array) -> Any:
    """Only one of them runs."""
    return cond(lt(scalar(0, int64), scalar(1, int64)), lambda: normal(key), lambda: random.uniform(key))


def shared_by_a_map(key: Array) -> Any:
    """in_axes None counts once, whatever it meets."""
    xs = from_numpy(np.arange(3, dtype=np.float32))
    return vmap(lambda x, k: mul(x, normal(k)), in_axes=(0, None))(xs, key)


def mapped(key: Array) -> Any:
    """A key for every entry."""
    return vmap(lambda k: add(normal(random.split(k)[0]), normal(random.fold_in(k, 1))))(random.split(key, 3))


def replayed(key: Array) -> Any:
    """The derivative of a checkpoint draws again what was drawn."""

    def f(x: Array) -> Array:
        return mul(x, mul(x, normal(key)))

    return grad(checkpoint(f))(scalar(2, float32))


def replayed_in_a_scan(key: Array) -> Any:
    """The same in a loop of checkpoints."""

    @checkpoint
    def step(c: Array, k: Array) -> Any:
        return mul(c, normal(k)), c

    return grad(lambda x: scan(step, x, random.split(key, 4))[0])(scalar(2, float32))


def differentiated(key: Array) -> Any:
    """Derivatives do not draw again."""

    def f(x: Array) -> Array:
        ys = scan(lambda c, k: (mul(c, mul(c, normal(k))), c), x, random.split(key, 3))[1]
        return reduce_sum(ys, (0,))

    return grad(f)(scalar(2, float32))


def by_a_custom_rule(key: Array) -> Any:
    """Function and rules are alternatives."""

    @custom_vjp
    def f(x: Array) -> Array:
        return mul(x, normal(key))

    def save(x: Array) -> Any:
        return mul(x, normal(key)), x

    def pull(x: Array, ct: Array) -> Any:
        return (ct,)

    f.defvjp(save, pull)
    return f(scalar(2, float32))


SOUND = [
    split_and_use_each,
    in_a_python_loop,
    folded,
    looked_at,
    cloned,
    carried,
    scanned,
    once_in_a_loop_of_one,
    in_both_branches,
    shared_by_a_map,
    mapped,
    replayed,
    replayed_in_a_scan,
    differentiated,
    by_a_custom_rule,
]


@pytest.mark.parametrize("fun", SOUND)
def test_no_false_alarm(fun: Fun) -> None:
    """Nothing is found."""
    assert find_reuse(program(fun)) == []


def test_elements_of_a_key_array() -> None:
    """Known different indices are different keys; unknown ones are not guessed."""
    keys = KEY.with_shape((4,))
    index = ArrayType(int64)

    assert reuses(lambda ks: (normal(ks[0]), normal(ks[1]), normal(ks[-1])), keys) == 0
    assert reuses(lambda ks: (normal(ks[0]), normal(ks[-4])), keys) == 1
    assert reuses(lambda ks, i, j: (normal(ks[i]), normal(ks[j])), keys, index, index) == 0
    assert reuses(lambda ks, i, j: (normal(ks[i]), normal(ks[i])), keys, index, index) == 1


def test_the_message_names_both_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a warning at the second line, or an error."""
    made = program(draw_twice)

    with pytest.warns(KeyReuseWarning, match=r"used at .*\(normal\) is used again at .*\(draw_twice\)") as caught:
        check_program(made)

    assert caught[0].filename == __file__
    with config.override(key_reuse="error"), pytest.raises(KeyReuseError, match="ty.random.split"):
        check_program(made)
    with config.override(key_reuse="allow"):
        check_program(made)


def test_jit_checks_what_it_traces() -> None:
    """Once, when it traces; eager calls are not checked."""
    jitted = jit(draw_twice)

    with pytest.warns(KeyReuseWarning, match="split makes new ones"):
        jitted(random.key(0))
    jitted(random.key(1))
    draw_twice(random.key(0))
