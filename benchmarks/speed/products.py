"""What the machine's matrix product allows, at the shapes that a model trains with."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from benchmarks.speed.memory import best_seconds
from benchmarks.speed.shapes import Dense


def product_rates(layers: Sequence[Dense], dtype: str = "float32") -> dict[str, float]:
    """Return the floating point operations a second of the three products of each layer.

    Args:
        layers: What to multiply.
        dtype: `float32` or `bfloat16`; NumPy has no other than the first.

    Returns:
        The rates of `tensorflow`, of `numpy`, and of `best`, the faster one at each product.
    """
    seconds = {"tensorflow": 0.0, "numpy": 0.0, "best": 0.0}
    for layer in layers:
        own = _seconds(layer, dtype)
        own["best"] = min(own.values())
        for name in seconds:
            seconds[name] += own.get(name, float("nan"))
    flops = sum(layer.flops for layer in layers)
    return {name: flops / value for name, value in seconds.items()}


def _seconds(layer: Dense, dtype: str) -> dict[str, float]:
    """Return the seconds of y = x w, dx = dy wᵀ and dw = xᵀ dy together."""
    random = np.random.default_rng(0)
    shapes = (
        (layer.rows, layer.inputs),
        (layer.inputs, layer.outputs),
        (layer.rows, layer.outputs),
    )
    x, w, y = (random.standard_normal(shape, np.float32) for shape in shapes)
    tensors = [tf.cast(value, dtype) for value in (x, w, y)]
    repeats = max(5, int(2e9 / layer.flops))
    seconds = {
        "tensorflow": best_seconds(functools.partial(_tensorflow_products, *tensors), repeats)
    }
    if dtype == "float32":
        seconds["numpy"] = best_seconds(lambda: (x @ w, y @ w.T, x.T @ y), repeats)
    return seconds


def _tensorflow_products(x: tf.Tensor, w: tf.Tensor, y: tf.Tensor) -> np.ndarray:
    return _ends(x, w, y).numpy()  # a GPU is waited for


@tf.function
def _ends(x: tf.Tensor, w: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Return a value of each product, so that little is fetched."""
    products = (
        tf.matmul(x, w),
        tf.matmul(y, w, transpose_b=True),
        tf.matmul(x, y, transpose_a=True),
    )
    return tf.cast(tf.stack([product[0, 0] for product in products]), tf.float32)
