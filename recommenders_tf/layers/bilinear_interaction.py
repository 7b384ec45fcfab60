"""Every pair of vectors, multiplied value by value through a matrix between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_KINDS = ("all", "each", "interaction")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class BilinearInteraction(tf.keras.layers.Layer):
    """Takes pᵢⱼ = (vᵢ W) ⊙ vⱼ of every pair i < j of fields.

    Args:
        kind: Whose matrix W is: one for `all` pairs, one for `each` field i, or one for every
            `interaction` of i and j.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`, of two fields at least.

    Output shape:
        `[batch, fields · (fields − 1) / 2, dim]`, row by row of j: (0, 1), (0, 2),
        (1, 2), …, as `DotInteraction` does.

    Raises:
        ValueError: `kind` is unknown.

    Example:
        >>> BilinearInteraction("each")(tf.ones([2, 4, 3])).shape.as_list()
        [2, 6, 3]

    References:
        Huang et al.: FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for
        Click-Through Rate Prediction, RecSys 2019, arXiv:1905.09433, section 3.4.
    """

    def __init__(self, kind: str = "interaction", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in _KINDS:
            raise ValueError(f"`kind` is `{kind}`; it must be one of {', '.join(_KINDS)}.")
        self.kind = kind

    def build(self, input_shape: Any) -> None:
        """Create the matrices."""
        fields, dim = input_shape[1:]
        self.right, self.left = np.tril_indices(fields, -1)
        count = {"all": 1, "each": fields - 1, "interaction": len(self.left)}[self.kind]
        bound = (3 / dim) ** 0.5  # glorot's for one matrix; Keras would count them all as its fans
        self.kernel = self.add_weight(
            name="kernel",
            shape=[count, dim, dim],
            initializer=tf.keras.initializers.RandomUniform(-bound, bound),
        )
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the products."""
        # Fields first: a pair is then a block of memory, and the pairs are one batched product.
        fields = tf.transpose(vectors, [1, 0, 2])
        if self.kind == "interaction":
            projected = tf.matmul(tf.gather(fields, self.left), self.kernel)
        else:
            projected = tf.gather(tf.matmul(fields[:-1], self.kernel), self.left)
        return tf.transpose(projected * tf.gather(fields, self.right), [1, 0, 2])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"kind": self.kind}
