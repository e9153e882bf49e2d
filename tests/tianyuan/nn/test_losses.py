"""Losses against NumPy, where labels are wrong, and where scores are infinite."""

import math

import numpy as np
import pytest
from scipy import special

import tianyuan as ty

LOGITS = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0], [30.0, -30.0, 5.0]])
LABELS = np.array([1, 0, 1])


def test_cross_entropy_of_labels_and_of_probabilities() -> None:
    """-log of the label's probability."""
    expected = -special.log_softmax(LOGITS, axis=-1)[np.arange(3), LABELS]

    by_label = ty.nn.softmax_cross_entropy(ty.asarray(LOGITS), ty.asarray(LABELS))
    targets = ty.nn.one_hot(ty.asarray(LABELS), 3, ty.float64)
    by_probability = ty.nn.softmax_cross_entropy(ty.asarray(LOGITS), targets)

    np.testing.assert_allclose(np.asarray(by_label), expected, rtol=1e-14)
    np.testing.assert_allclose(np.asarray(by_probability), expected, rtol=1e-14)


def test_gradient_of_cross_entropy_is_softmax_minus_one_hot() -> None:
    """The textbook's gradient."""
    gradient = ty.grad(lambda z: ty.sum(ty.nn.softmax_cross_entropy(z, ty.asarray(LABELS))))(ty.asarray(LOGITS))

    np.testing.assert_allclose(np.asarray(gradient), special.softmax(LOGITS, axis=-1) - np.eye(3)[LABELS], atol=1e-15)


@pytest.mark.parametrize("label", [-4, 3, 100])
@pytest.mark.parametrize("jitted", [False, True])
def test_label_out_of_bounds_raises(label: int, jitted: bool) -> None:
    """A wrong label is no zero loss."""
    f = ty.jit(ty.nn.softmax_cross_entropy) if jitted else ty.nn.softmax_cross_entropy

    with pytest.raises(ty.TianyuanError, match=str(label)):
        ty.block_until_ready(f(ty.asarray(LOGITS), ty.asarray([0, label, 1])))


def test_class_that_is_masked_out() -> None:
    """A score of -inf has probability 0, and leaves the loss of other classes finite."""
    loss = ty.nn.softmax_cross_entropy(ty.asarray([[0.0, -math.inf, 0.0]]), ty.asarray([2]))

    assert float(loss[0]) == pytest.approx(math.log(2))


def test_mse_and_one_hot() -> None:
    """Squares of differences; rows of zeros for an index that names no class."""
    assert np.asarray(ty.nn.mse(ty.asarray([1.0, 3.0]), ty.asarray([2.0, 1.0]))).tolist() == [1.0, 4.0]
    assert np.asarray(ty.nn.one_hot(ty.asarray([1, -1, 3]), 3)).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
