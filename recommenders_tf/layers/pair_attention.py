"""All pairs of features pooled by attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class PairAttention(tf.keras.layers.Layer):
    """Pools the products of all pairs of vectors by weights that a network gives them.

    A pair eᵢⱼ = vᵢ ⊙ vⱼ weighs aᵢⱼ = softmax over all pairs of hᵀ ReLU(W eᵢⱼ + b) (eq. 5), and the
    result is Σᵢ Σⱼ﹥ᵢ aᵢⱼ eᵢⱼ (eq. 4).

    Args:
        units: Width of the network, the paper's attention factor.
        l2: Factor λ of the penalty λ ‖W‖² (eq. 7).
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`, each vector times the value of its feature.

    Output shape:
        `[batch, dim]`.

    Raises:
        ValueError: There are fewer than two fields.

    Example:
        >>> PairAttention(units=4)(tf.ones([2, 3, 5])).numpy().tolist()[0]  # weights sum to 1
        [1.0, 1.0, 1.0, 1.0, 1.0]

    References:
        Xiao et al.: Attentional Factorization Machines, IJCAI 2017, arXiv:1708.04617.
    """

    def __init__(self, units: int, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.l2 = l2
        penalty = tf.keras.regularizers.L2(l2) if l2 else None
        self.hidden = tf.keras.layers.Dense(units, "relu", kernel_regularizer=penalty)
        self.score = tf.keras.layers.Dense(1, use_bias=False)

    def build(self, input_shape: Any) -> None:
        """Name the two fields of every pair."""
        fields = input_shape[1]
        if fields < 2:
            raise ValueError(f"There is {fields} field; attention to pairs needs at least two.")
        self._first, self._second = np.triu_indices(fields, 1)
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the pooled pairs."""
        pairs = tf.gather(vectors, self._first, axis=1) * tf.gather(vectors, self._second, axis=1)
        scores = tf.cast(self.score(self.hidden(pairs)), tf.float32)
        weights = tf.cast(tf.nn.softmax(scores, axis=1), pairs.dtype)
        return tf.squeeze(tf.matmul(weights, pairs, transpose_a=True), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units, "l2": self.l2}
