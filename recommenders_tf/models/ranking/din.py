"""Deep Interest Network: of a user's past, what has to do with the candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers import MLP, FeatureEmbedding, MiniBatchPenalty, TargetAttention
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import Column, FeatureSchema, Kind, SchemaError


@register(
    paper="Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018, "
    "arXiv:1706.06978"
)
class DIN(Ranker):
    """Predicts by a network over embeddings and Σⱼ a(eⱼ, v) eⱼ, the past as the candidate sees it.

    Every sequence of the schema attends with its `source` of the candidate as query v (eq. 3):
    past items with the item, past categories with the category. The activation unit a has no
    softmax after it, so that a strong interest has a large sum. Embeddings may differ in width.
    Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where users have many interests, and which of them counts depends on the candidate: shops
        and streams with a past of clicks to attend to.

    Args:
        schema: Fitted schema with a label and at least one sequence.
        embedding_dim: Width of the embeddings where the schema gives none.
        attention_units: Hidden layers of the activation units.
        hidden_units: Hidden layers of the network over all vectors.
        activation: Of all hidden layers: `dice`, `prelu`, or one of Keras.
        regularization: Factor λ of the mini-batch aware regularization (eq. 4 to 7) of ids and
            sequences; see `MiniBatchPenalty`. The paper takes 0.01 for the hundred millions of
            items of its own shop and none for the public data sets.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no sequence; a sequence and its source have vectors of different
            width; or a growing column is to be regularized.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DIN(train.schema, embedding_dim=8, attention_units=(8,), hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        attention_units: Sequence[int] = (80, 40),
        hidden_units: Sequence[int] = (200, 80),
        activation: str = "dice",
        regularization: float = 0.0,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.attention_units = attention_units
        self.hidden_units = hidden_units
        self.activation = activation
        self.regularization = regularization
        self.learning_rate = learning_rate
        if not schema.sequences:
            raise SchemaError(
                f"Schema `{schema.name}` has no column of kind `sequence`: DIN attends to a user's "
                "past; add a sequence whose `source` is the item id."
            )
        columns = [c.name for c in schema.uncrossed if c.kind is not Kind.SEQUENCE]
        self.embed = FeatureEmbedding(schema, columns, embedding_dim, name="embed")
        self.attend = {
            column.name: TargetAttention(attention_units, activation, name=column.name)
            for column in schema.sequences
        }
        self.deep = MLP([*hidden_units, 1], activation, name="deep")
        for column in schema.sequences:
            self._check_width(column)
        tables = self._columns_by_table() if regularization else {}
        self.penalties = {table: self._penalty(schema[table]) for table in tables}

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = dict(zip(self.embed.columns, self.embed(inputs), strict=True))
        past = {name: self.embed.rows(inputs, name) for name in self.attend}
        interests = [
            attend(
                vectors[self._source(name)],
                past[name],
                get_column(inputs, self.schema.mask_name(self.schema[name])),
                training=training,
            )
            for name, attend in self.attend.items()
        ]
        if training and self.penalties:
            self._regularize(inputs, past)
        hidden = tf.concat([*vectors.values(), *interests], axis=1)
        return tf.cast(self.deep(hidden, training=training), tf.float32)

    def _regularize(self, inputs: Mapping[str, tf.Tensor], past: Mapping[str, tf.Tensor]) -> None:
        """Add the penalties of the rows that the batch touches, each table's once."""
        for table, names in self._columns_by_table().items():
            rows = [past[name] if name in past else self.embed.rows(inputs, name) for name in names]
            vectors = [tf.reshape(part, [-1, part.shape[-1]]) for part in rows]
            ids = [tf.reshape(get_column(inputs, name), [-1]) for name in names]
            self.add_loss(self.penalties[table](tf.concat(ids, 0), tf.concat(vectors, 0)))

    def _columns_by_table(self) -> dict[str, list[str]]:
        """Return the columns of ids by the column that owns their table."""
        tables: dict[str, list[str]] = {}
        for name in (*self.embed.columns, *self.attend):
            if self.schema[name].has_ids:
                tables.setdefault(self.schema.table_of(self.schema[name]).name, []).append(name)
        return tables

    def _penalty(self, table: Column) -> MiniBatchPenalty:
        if table.growing:
            raise SchemaError(
                f"Column `{table.name}` is growing, so its rows change hands and their occurrences "
                "cannot be counted: set `regularization=0` or remove its `growing`."
            )
        return MiniBatchPenalty(self.schema.vocabulary_size(table), self.regularization)

    def _source(self, name: str) -> str:
        source = self.schema[name].source
        assert source is not None, f"sequence `{name}` has no source"
        return source

    def _check_width(self, sequence: Column) -> None:
        """Raise a `SchemaError` if a sequence cannot be compared with its source."""
        source = self.schema[self._source(sequence.name)]
        width, of_source = (
            self.schema.table_of(column).embedding_dim or self.embedding_dim
            for column in (sequence, source)
        )
        if width != of_source:
            raise SchemaError(
                f"Sequence `{sequence.name}` is {width} wide and its source `{source.name}` "
                f"{of_source}, but attention compares them: give both the same `embedding_dim`."
            )
