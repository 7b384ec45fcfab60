"""An embedding initializer that leaves the rows of padding and unknown at zero."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.schema import FIRST_ID


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ReservedZeros(tf.keras.initializers.Initializer):
    """Initializes an embedding table, with zeros in the rows before `FIRST_ID`.

    The unknown id gets no gradient from training data, so its row decides what an unknown user or
    item is answered: from zero it adds nothing, and what remains is the bias and the features.

    Args:
        initializer: Keras initializer, or its name, of the other rows.

    Example:
        >>> table = ReservedZeros("ones")((4, 2))
        >>> table.numpy().tolist()
        [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, initializer: Any = "uniform") -> None:
        self.initializer = tf.keras.initializers.get(initializer)

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """Return the table, `[rows, dim]`."""
        del kwargs
        table = self.initializer(shape, dtype=dtype or tf.float32)
        keep = tf.range(shape[0])[:, tf.newaxis] >= FIRST_ID
        return tf.where(keep, table, tf.zeros_like(table))

    def get_config(self) -> dict[str, Any]:
        """Return the argument of the constructor."""
        return {"initializer": tf.keras.initializers.serialize(self.initializer)}
