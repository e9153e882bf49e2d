"""The demo: a classifier of handwritten digits, trained from a key to the last bit."""

from __future__ import annotations

from typing import Any

import attrs

import tianyuan as ty


@attrs.frozen
class Config:
    """What determines a run."""

    seed: int = 0
    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 2e-3
    hidden: int = 128
    test_examples: int = 360


@ty.struct
class State:
    """What changes while training."""

    model: Any
    optimizer: Any


@attrs.frozen
class Digits:
    """An MLP on scikit-learn's 8x8 digits; a step is an epoch."""

    name: str = "digits"
    config: type = Config

    def steps(self, config: Config) -> int:
        """One an epoch."""
        return config.epochs

    def start(self, config: Config) -> State:
        """He-normal weights."""
        key = ty.random.fold_in(ty.random.key(config.seed), 0)
        model = ty.nn.MLP.init(key, (64, config.hidden, config.hidden, 10))
        return State(model, _optimizer(config).init(model))

    def advance(self, config: Config, state: State, step: int, eager: bool) -> tuple[State, dict[str, float]]:
        """Train one epoch; its mean loss and the accuracy on the test images."""
        train, test = split(config)
        order = ty.data.loader(train, config.batch_size, _data_key(config), drop_last=True)
        update = train_step if eager else _compiled_step
        losses: list[ty.Array] = []
        for x, y in order.batches(step):
            state, value = update(config, state, x, y)
            losses.append(value)
        loss = float(ty.mean(ty.stack(losses)))
        return state, {"loss": loss, "test_accuracy": accuracy(state.model, *test)}

    def finish(self, config: Config, state: State) -> tuple[Any, dict[str, float]]:
        """The model, and its accuracy on the test images."""
        return state.model, {"test_accuracy": accuracy(state.model, *split(config)[1])}


def _optimizer(config: Config) -> ty.optim.Optimizer:
    updates = config.epochs * ((1797 - config.test_examples) // config.batch_size)
    return ty.optim.adam(ty.optim.cosine_decay(config.learning_rate, updates))


def _data_key(config: Config) -> ty.Array:
    return ty.random.fold_in(ty.random.key(config.seed), 1)


def split(config: Config) -> tuple[tuple[ty.Array, ty.Array], tuple[ty.Array, ty.Array]]:
    """(train, test), each images f32[n, 64] and labels i64[n], by a permutation of all examples."""
    images, labels = ty.data.datasets.digits()
    order = ty.random.permutation(ty.random.fold_in(ty.random.key(config.seed), 2), len(labels))
    flat = ty.reshape(images, (len(labels), 64))
    test, train = order[: config.test_examples], order[config.test_examples :]
    return (flat[train], labels[train]), (flat[test], labels[test])


def loss(model: Any, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean cross entropy."""
    return ty.mean(ty.nn.softmax_cross_entropy(model(x), y))


def train_step(config: Config, state: State, x: ty.Array, y: ty.Array) -> tuple[State, ty.Array]:
    """One Adam step."""
    value, grads = ty.value_and_grad(loss)(state.model, x, y)
    updates, optimizer = _optimizer(config).update(grads, state.optimizer, state.model)
    return State(ty.optim.apply_updates(state.model, updates), optimizer), value


_compiled_step = ty.jit(train_step, static_argnums=0)


def accuracy(model: Any, x: ty.Array, y: ty.Array) -> float:
    """The share of examples whose largest logit is the label's."""
    return float(ty.mean(ty.astype(ty.argmax(model(x), axis=-1) == y, ty.float64)))
