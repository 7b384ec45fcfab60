"""Where in its sequence a step stands, as a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

KINDS = ("learned", "sinusoidal")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class PositionEmbedding(tf.keras.layers.Layer):
    """Gives each step the vector of its distance from the end of its sequence.

    Counted from the end, a step has the same vector however long the padding is and on whichever
    side. `learned` has a weight for each distance; `sinusoidal` has sin(d / 10000^(2i / dim)) at
    2i and cos of the same at 2i + 1.

    Args:
        length: Number of distances.
        dim: Width of the vectors.
        kind: `learned` or `sinusoidal`.
        initializer: Keras initializer of the learned ones.
        **kwargs: Of the Keras layer.

    Call arguments:
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`.

    Output shape:
        `[batch, steps, dim]`; zeros at padding.

    Raises:
        ValueError: `kind` is unknown.

    Example:
        >>> layer = PositionEmbedding(length=4, dim=2, kind="sinusoidal")
        >>> layer(tf.constant([[2, 1, 0]])).numpy().round(2).tolist()
        [[[0.84, 0.54], [0.0, 1.0], [0.0, 0.0]]]

    References:
        Vaswani et al.: Attention Is All You Need, NIPS 2017, arXiv:1706.03762, section 3.5.
    """

    def __init__(
        self,
        length: int,
        dim: int,
        kind: str = "learned",
        initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` is `{kind}`; it must be one of {', '.join(KINDS)}.")
        self.length = length
        self.dim = dim
        self.kind = kind
        self.initializer = tf.keras.initializers.get(initializer)

    def build(self, input_shape: Any) -> None:
        """Create the vectors."""
        if self.kind == "learned":
            self.vectors = self.add_weight(
                name="vectors", shape=[self.length, self.dim], initializer=self.initializer
            )
        else:
            angles = np.arange(self.length)[:, np.newaxis] / 10000 ** (
                np.arange(self.dim) // 2 * 2 / self.dim
            )
            waves = np.where(np.arange(self.dim) % 2, np.cos(angles), np.sin(angles))
            self.vectors = tf.constant(waves, tf.float32)
        super().build(input_shape)

    def call(self, remaining: tf.Tensor) -> tf.Tensor:
        """Return the vectors."""
        vectors = tf.cast(self.vectors, self.compute_dtype)
        rows = tf.gather(vectors, tf.maximum(remaining - 1, 0))
        return tf.where(remaining[:, :, tf.newaxis] > 0, rows, 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "length": self.length,
            "dim": self.dim,
            "kind": self.kind,
            "initializer": tf.keras.initializers.serialize(self.initializer),
        }
