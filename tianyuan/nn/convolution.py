"""Convolution and pooling on NHWC images."""

from __future__ import annotations

import tianyuan as ty
from tianyuan.nn import init as initial

Pair = int | tuple[int, int]


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def conv2d(
    x: ty.Array,
    w: ty.Array,
    stride: Pair = 1,
    padding: str | tuple[tuple[int, int], ...] = "SAME",
    groups: int = 1,
) -> ty.Array:
    """f32[n, h, w, c] with filters f32[kh, kw, c / groups, o] -> f32[n, h', w', o]; ``padding``: name or pairs."""
    return ty.conv_general_dilated(
        x,
        w,
        window_strides=_pair(stride),
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


@ty.struct
class Conv:
    """``conv2d`` with filters and bias."""

    w: ty.Array  # f32[kh, kw, in, out]
    b: ty.Array  # f32[out]
    stride: Pair = ty.static(default=1)
    padding: str = ty.static(default="SAME")

    @classmethod
    def init(
        cls, key: ty.Array, inputs: int, outputs: int, size: Pair = 3, stride: Pair = 1, padding: str = "SAME"
    ) -> Conv:
        """Filters by [He2015], bias 0."""
        w = initial.he_normal(key, (*_pair(size), inputs, outputs))
        return cls(w, ty.zeros((outputs,)), stride, padding)

    def __call__(self, x: ty.Array) -> ty.Array:
        """f32[n, h, w, in] -> f32[n, h', w', out]."""
        return conv2d(x, self.w, self.stride, self.padding) + self.b


def _windows(x: ty.Array, size: Pair) -> ty.Array:
    """f32[n, h, w, c] -> f32[n, h', kh, w', kw, c], windows that do not overlap; a rest is cut off."""
    kh, kw = _pair(size)
    n, h, w, c = x.shape
    cut = x[:, : h // kh * kh, : w // kw * kw]
    return ty.reshape(cut, (n, h // kh, kh, w // kw, kw, c))


def max_pool(x: ty.Array, size: Pair = 2) -> ty.Array:
    """The largest of each window of ``size``; windows do not overlap. The cotangent goes to the first maximum."""
    n, h, kh, w, kw, c = (windows := _windows(x, size)).shape
    flat = ty.reshape(ty.permute_dims(windows, (0, 1, 3, 5, 2, 4)), (n, h, w, c, kh * kw))
    first = ty.argmax(flat, axis=-1, keepdims=True)
    return ty.squeeze(ty.take_along_axis(flat, first, axis=-1), axis=-1)


def avg_pool(x: ty.Array, size: Pair = 2) -> ty.Array:
    """The mean of each window of ``size``; windows do not overlap."""
    return ty.mean(_windows(x, size), axis=(2, 4))
