"""An embedding of many ids composed from two tables of few rows."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.schema import FIRST_ID, Column


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class QuotientRemainderEmbedding(tf.keras.layers.Layer):
    """Composes the vector of id i from two tables: `f(Q[i // m], R[i % m])`.

    Ids that share a row of one table differ in the other, so that every id keeps a vector of its
    own, while V ids need but V / c + c rows. Padding and unknown have rows of their own in both.

    To begin with `multiply` and `add` give the vectors of the remainder table alone, as the
    initializer draws them, padding and unknown zero; training the quotient table sets apart the
    ids that share a row there.

    Args:
        size: Number of ids, padding and unknown included.
        dim: Width of the vectors.
        operation: The function f: `add`, `multiply` or `concat`. A vector one wide cannot be cut
            in two; there `concat` adds.
        collisions: Ids c that share a row of the remainder table, which has m = V / c rows; None
            takes √V, so that both tables are small.
        initializer: Keras initializer, or its name.
        **kwargs: Of the Keras layer.

    Input shape:
        int64 ids of any shape.

    Output shape:
        That of the ids and one more axis, `dim`.

    Raises:
        ValueError: The operation is unknown.

    Example:
        >>> layer = QuotientRemainderEmbedding(size=1_000_002, dim=16)
        >>> layer(tf.constant([[0, 2, 999_999]])).shape.as_list()
        [1, 3, 16]
        >>> layer.count_params() / 16
        2004.0

    References:
        Shi et al.: Compositional Embeddings Using Complementary Partitions for Memory-Efficient
        Recommendation Systems, KDD 2020, arXiv:1909.02107, section 2 (the quotient-remainder
        trick) and section 4 (the operations).
    """

    def __init__(
        self,
        size: int,
        dim: int,
        operation: str = "multiply",
        collisions: int | None = None,
        initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if operation not in ("add", "multiply", "concat"):
            raise ValueError(f"`operation` is `{operation}`; it must be add, multiply or concat.")
        self.size = size
        self.dim = dim
        self.operation = operation
        self.collisions = collisions
        self.initializer = tf.keras.initializers.get(initializer)
        ids = max(1, size - FIRST_ID)
        self.remainders = math.ceil(ids / (collisions or math.ceil(math.sqrt(ids))))
        self.quotients = math.ceil(ids / self.remainders)
        self._concatenates = operation == "concat" and dim > 1

    @classmethod
    def of(
        cls, column: Column, size: int, dim: int, initializer: Any
    ) -> QuotientRemainderEmbedding:
        """Return the embedding that a `quotient_remainder` column of a schema asks for."""
        assert column.quotient_remainder is not None
        operation, collisions = column.quotient_remainder, column.collisions
        return cls(size, dim, operation, collisions, initializer, name=column.name)

    def build(self, input_shape: Any) -> None:
        """Create the two tables."""
        config = tf.keras.initializers.serialize(self.initializer)
        first = ReservedZeros(config) if self._concatenates else self._neutral()
        width = self.dim // 2 if self._concatenates else self.dim
        rest = self.dim - width if self._concatenates else self.dim
        tables = (
            ("quotient", self.quotients, width, first),
            ("remainder", self.remainders, rest, ReservedZeros(config)),
        )
        self.quotient, self.remainder = (
            self.add_weight(
                name=name,
                shape=[FIRST_ID + rows, columns],
                initializer=initializer,
                # Or mixed precision would cast the whole table for a few of its rows.
                experimental_autocast=False,
            )
            for name, rows, columns, initializer in tables
        )
        super().build(input_shape)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the vectors of the ids."""
        ids = tf.cast(ids, tf.int64)
        place = ids - FIRST_ID
        is_reserved = place < 0
        quotients = tf.where(is_reserved, ids, FIRST_ID + place // self.remainders)
        remainders = tf.where(is_reserved, ids, FIRST_ID + place % self.remainders)
        first = tf.nn.embedding_lookup(self.quotient, quotients)
        second = tf.nn.embedding_lookup(self.remainder, remainders)
        return tf.cast(self._compose(first, second), self.compute_dtype)

    def _compose(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        if self._concatenates:
            return tf.concat([first, second], axis=-1)
        return first * second if self.operation == "multiply" else first + second

    def _neutral(self) -> str:
        """Return the initializer of a quotient table that changes nothing to begin with."""
        return "ones" if self.operation == "multiply" else "zeros"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "size": self.size,
            "dim": self.dim,
            "operation": self.operation,
            "collisions": self.collisions,
            "initializer": tf.keras.initializers.serialize(self.initializer),
        }
