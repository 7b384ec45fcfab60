"""Several embedding tables in one weight, looked up by one gather."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.layers.reset_rows import reset_rows


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class StackedEmbedding(tf.keras.layers.Layer):
    """Looks up ids of several vocabularies, whose tables lie one below the other in one weight.

    One gather, and one sparse update by the optimizer, in place of one for each table.

    Args:
        sizes: Number of ids of each vocabulary, by the name of its table.
        dim: Width of the tables.
        initializer: Keras initializer, or its name; the rows of padding and unknown are zero.
        **kwargs: Of the Keras layer.

    Call arguments:
        ids: int64 tensors `[batch, length]`, one for each entry of `names`.
        names: Table of each.

    Output shape:
        `[batch, sum of lengths, dim]`, in the order of `ids`.

    Example:
        >>> layer = StackedEmbedding({"user_id": 5, "item_id": 4}, dim=8)
        >>> layer([tf.constant([[2]]), tf.constant([[3, 0]])], ["user_id", "item_id"]).shape
        TensorShape([1, 3, 8])
        >>> layer.table("item_id").shape
        TensorShape([4, 8])
    """

    def __init__(
        self, sizes: Mapping[str, int], dim: int, initializer: Any = "uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = dict(sizes)
        self.dim = dim
        self.initializer = tf.keras.initializers.get(initializer)
        self.starts = dict(
            zip(self.sizes, np.cumsum([0, *self.sizes.values()]).tolist(), strict=False)
        )

    def build(self, input_shape: Any) -> None:
        """Create the weight."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=[sum(self.sizes.values()), self.dim],
            initializer=ReservedZeros(self.initializer, list(self.sizes.values())),
            # Or mixed precision would cast the whole weight for a few of its rows.
            experimental_autocast=False,
        )
        super().build(input_shape)

    def call(self, ids: Sequence[tf.Tensor], names: Sequence[str]) -> tf.Tensor:
        """Return the rows of the ids."""
        starts = [self.starts[name] for name in names]
        if len(ids) == 1:  # of any length, even one that a graph does not know
            positions = ids[0] + starts[0]
        else:
            lengths = [part.shape[1] for part in ids]
            positions = tf.concat(ids, axis=1) + np.repeat(starts, lengths)
        rows = tf.nn.embedding_lookup(self.embeddings, positions)
        return tf.cast(rows, self.compute_dtype)

    def table(self, name: str) -> tf.Tensor:
        """Return the table of one vocabulary, `[ids, dim]`."""
        start = self.starts[name]
        return tf.convert_to_tensor(self.embeddings)[start : start + self.sizes[name]]

    def assign(self, name: str, ids: np.ndarray, rows: np.ndarray) -> None:
        """Write rows `[ids, dim]` of the table of one vocabulary."""
        values = self.embeddings.numpy()
        values[self.starts[name] + ids] = rows
        self.embeddings.assign(values)

    def reset(self, name: str, rows: tf.Tensor, optimizer: Any = None) -> None:
        """Make rows of a vocabulary as its last one is, which no id has; see `reset_rows`.

        Args:
            name: The vocabulary, a growing one.
            rows: int64 `[rows]`.
            optimizer: That of the training, which has to forget the rows as well.
        """
        start = self.starts[name]
        last = start + self.sizes[name] - 1
        reset_rows(self.embeddings, start + rows, untouched=last, optimizer=optimizer)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "sizes": dict(self.sizes),
            "dim": self.dim,
            "initializer": tf.keras.initializers.serialize(self.initializer),
        }
