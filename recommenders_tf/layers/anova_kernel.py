"""Interactions of all groups of so many features."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class AnovaKernel(tf.keras.layers.Layer):
    """Sums the products of all groups of `order` vectors: Σ_f Σ_{i₁<…<i_m} v_{i₁f} ⋯ v_{i_m f}.

    The groups of m vectors that end with vᵢ are vᵢ times the groups of m − 1 that end before it,
    Tₘ(i) = vᵢ ⊙ Σⱼ﹤ᵢ Tₘ₋₁(j). So it takes time linear in the number of vectors, and the gradient
    as well. It is computed in float32. `FactorizationMachine` is the same of order 2, and faster.

    Args:
        order: Vectors in a group.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`, each vector times the value of its feature.

    Output shape:
        `[batch, 1]`; zeros where there are fewer fields than `order`.

    Raises:
        ValueError: `order` is less than 1.

    Example:
        >>> vectors = tf.constant([[[1.0], [2.0], [3.0], [4.0]]])
        >>> AnovaKernel(order=3)(vectors).numpy().tolist()  # 6 + 8 + 12 + 24
        [[50.0]]

    References:
        Blondel et al.: Higher-Order Factorization Machines, NIPS 2016, arXiv:1607.07195, equations
        4 to 6 and section 3.
    """

    def __init__(self, order: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if order < 1:
            raise ValueError(f"`order` is {order}; a group has at least one vector.")
        self.order = order

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        vectors = tf.cast(vectors, tf.float32)
        groups = vectors
        for _ in range(self.order - 1):
            groups = vectors * tf.cumsum(groups, axis=1, exclusive=True)
        total = tf.reduce_sum(groups, axis=[1, 2])
        return tf.cast(total, self.compute_dtype)[:, tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"order": self.order}
