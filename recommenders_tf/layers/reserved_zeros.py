"""An embedding initializer that leaves the rows of padding and unknown at zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.schema import FIRST_ID


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ReservedZeros(tf.keras.initializers.Initializer):
    """Initializes one or more stacked embedding tables, each with zeros before `FIRST_ID`.

    The unknown id gets no gradient from training data, so its row decides what an unknown user or
    item is answered: from zero it adds nothing, and what remains is the bias and the features.

    Args:
        initializer: Keras initializer, or its name, of the other rows.
        sizes: Rows of each table that lies in the weight, one below the other; None for one table.

    Example:
        >>> table = ReservedZeros("ones", sizes=[3, 3])((6, 1))
        >>> table.numpy()[:, 0].tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, initializer: Any = "uniform", sizes: Sequence[int] | None = None) -> None:
        self.initializer = tf.keras.initializers.get(initializer)
        self.sizes = sizes

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """Return the weight, `[rows, dim]`.

        A strategy that divides a weight among servers asks for its parts, by the keyword
        arguments `partition_shape` and `partition_offset`.
        """
        shape = kwargs.get("partition_shape") or shape
        first = (kwargs.get("partition_offset") or [0])[0]
        starts = np.cumsum([0, *(self.sizes or [])])[:-1] if self.sizes else np.zeros(1, np.int64)
        reserved = (starts[:, np.newaxis] + np.arange(FIRST_ID)).ravel() - first
        reserved = reserved[(reserved >= 0) & (reserved < shape[0])]
        weight = self.initializer(shape, dtype=dtype or tf.float32, **kwargs)
        zeros = tf.zeros([len(reserved), *shape[1:]], weight.dtype)
        return tf.tensor_scatter_nd_update(weight, reserved[:, np.newaxis], zeros)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "initializer": tf.keras.initializers.serialize(self.initializer),
            "sizes": None if self.sizes is None else list(self.sizes),
        }
