"""Dropout that spends little on its random numbers."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf

_LEVELS = 1 << 16


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Dropout(tf.keras.layers.Layer):
    """Sets a share of the values to 0 and scales the others so that their mean stays.

    As Keras' own, but that it draws 16 bits a value, four values a random number, where that one
    draws 32 and makes floats of them, which on the CPU is most of what dropout costs. The share is
    rounded to 1 / 65536. What is drawn next is a variable that checkpoints keep.

    Args:
        rate: Share of the values, from 0 to below 1.
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Of any shape.
        training: Whether to drop.

    Output shape:
        That of `inputs`.

    Raises:
        ValueError: `rate` is no such share.

    Example:
        >>> dropped = Dropout(0.5, seed=1)(tf.ones([4, 100]), training=True)
        >>> sorted(set(dropped.numpy().ravel().tolist()))
        [0.0, 2.0]

    References:
        Srivastava et al.: Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR
        15, 2014.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be from 0 to below 1; it is {rate}.")
        self.rate = rate
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return what is left of the inputs."""
        dropped = min(round(self.rate * _LEVELS), _LEVELS - 1)
        if not training or not dropped:
            return inputs
        count, per_draw = tf.size(inputs), 4
        drawn = self.generator.uniform_full_int([-(-count // per_draw)], tf.uint64)
        levels = tf.reshape(tf.bitcast(drawn, tf.int16), [-1])[:count]
        kept = tf.reshape(levels, tf.shape(inputs)) >= tf.constant(dropped - _LEVELS // 2, tf.int16)
        return inputs * (tf.cast(kept, inputs.dtype) * (_LEVELS / (_LEVELS - dropped)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
