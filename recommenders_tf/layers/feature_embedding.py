"""Encoded columns to vectors, one a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers.masked_mean import MaskedMean
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.schema import FeatureSchema


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FeatureEmbedding(tf.keras.layers.Layer):
    """Turns each named column of an encoded batch into one vector.

    An id becomes its row of an embedding table; a list the mean of its rows, padding left out; a
    float stays as it is, one wide. Columns that share a vocabulary share the table.

    Args:
        schema: Fitted schema.
        columns: Names of the columns, in the order of the output.
        dim: Width of the tables of columns whose schema gives no `embedding_dim`.
        use_schema_dims: Whether `embedding_dim` of the schema counts; False makes all `dim` wide.
        initializer: Keras initializer of the tables.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Encoded batch, as `features.encoded_spec` gives it.

    Output shape:
        A list, for each column `[batch, width]`.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.encode(data.load("synthetic")).schema
        >>> layer = FeatureEmbedding(schema, ["user_id"], dim=8)
        >>> layer({"user_id": tf.constant([2, 3])})[0].shape.as_list()
        [2, 8]
    """

    def __init__(
        self,
        schema: FeatureSchema | Mapping[str, Any],
        columns: Iterable[str],
        dim: int,
        use_schema_dims: bool = True,
        initializer: Any = "uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(schema, FeatureSchema):
            schema = FeatureSchema.from_dict(schema)
        self.schema = schema
        self.columns = list(columns)
        self.dim = dim
        self.use_schema_dims = use_schema_dims
        self.initializer = tf.keras.initializers.get(initializer)
        self.pool = MaskedMean(name="pool")
        self.tables: dict[str, tf.keras.layers.Embedding] = {}
        for name in self.columns:
            column = schema[name]
            owner = schema.table_of(column)
            if column.has_ids and owner.name not in self.tables:
                width = (owner.embedding_dim or dim) if use_schema_dims else dim
                self.tables[owner.name] = tf.keras.layers.Embedding(
                    schema.vocabulary_size(column),
                    width,
                    # From its configuration: one instance would fill all tables alike.
                    embeddings_initializer=ReservedZeros(
                        tf.keras.initializers.serialize(self.initializer)
                    ),
                    name=owner.name,
                )

    def call(self, inputs: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """Return the vector of each column."""
        vectors = []
        for name in self.columns:
            column, values = self.schema[name], get_column(inputs, name)
            if column.is_numeric:
                vectors.append(tf.cast(values, self.compute_dtype)[:, tf.newaxis])
                continue
            rows = self.tables[self.schema.table_of(column).name](values)
            if self.schema.list_source(column) is not None:
                mask = get_column(inputs, self.schema.mask_name(column))
                rows = self.pool(rows, mask)
            vectors.append(rows)
        return vectors

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "schema": self.schema.to_dict(),
            "columns": list(self.columns),
            "dim": self.dim,
            "use_schema_dims": self.use_schema_dims,
            "initializer": tf.keras.initializers.serialize(self.initializer),
        }
