"""Encoded columns to vectors, one a column."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers.growing_vocabulary import GrowingVocabulary
from recommenders_tf.layers.masked_mean import MaskedMean
from recommenders_tf.layers.quotient_remainder_embedding import QuotientRemainderEmbedding
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.schema import Column, FeatureSchema, SchemaError

_NUMERIC = ("value", "vector")
_OUTPUTS = ("list", "stacked", "concatenated")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FeatureEmbedding(tf.keras.layers.Layer):
    """Turns each named column of an encoded batch into one vector.

    An id becomes its row of an embedding table; a list the mean of its rows, padding left out,
    weighted where the column has weights. Columns that share a vocabulary share the table, and all
    tables of one width lie in one weight, so that one gather looks up every column. Where the
    schema says `quotient_remainder` the rows are composed, each table for itself; where it says
    `growing`, `grow` gives and takes them in training.

    Args:
        schema: Fitted schema.
        columns: Names of the columns, in the order of a `list`.
        dim: Width of the tables of columns whose schema gives no `embedding_dim`.
        use_schema_dims: Whether `embedding_dim` of the schema counts; False makes all `dim` wide.
        initializer: Keras initializer of the tables.
        numeric: What becomes of a float x: `value` leaves it as it is, one wide; `vector` makes it
            x·v with a learned v, `dim` wide.
        output: `list` of a `[batch, width]` for each column; `stacked`, `[batch, columns, dim]`;
            or `concatenated`, `[batch, sum of widths]`. The last two put ids first, then lists,
            then what is composed, then numbers, which spares a copy.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Encoded batch, as `features.encoded_spec` gives it.

    Raises:
        SchemaError: `output` is `stacked` and a column is not `dim` wide.

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
        numeric: str = "value",
        output: str = "list",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(schema, FeatureSchema):
            schema = FeatureSchema.from_dict(schema)
        for name, value, known in (("numeric", numeric, _NUMERIC), ("output", output, _OUTPUTS)):
            if value not in known:
                raise ValueError(f"`{name}` is `{value}`; it must be one of {', '.join(known)}.")
        self.schema = schema
        self.columns = list(columns)
        self.dim = dim
        self.use_schema_dims = use_schema_dims
        self.initializer = tf.keras.initializers.get(initializer)
        self.numeric = numeric
        self.form = output
        self.pool = MaskedMean(name="pool")
        self._numbers = [name for name in self.columns if schema[name].is_numeric]
        self._composed = [name for name in self.columns if self._table(name).quotient_remainder]
        # From its configuration: one instance would fill all weights alike.
        config = tf.keras.initializers.serialize(self.initializer)
        self.stacks = {
            str(width): StackedEmbedding(
                {self._owner(name): self._size(name) for name in names},
                width,
                config,
                name=f"tables_{width}",
            )
            for width, names in self._groups.items()
        }
        self.composed = {
            self._owner(name): QuotientRemainderEmbedding.of(
                self._table(name), self._size(name), self._width(name), config
            )
            for name in self._composed
        }
        self.vocabularies = {
            self._owner(name): GrowingVocabulary.of(self._table(name))
            for name in self.columns
            if self._table(name).growing
        }
        if output == "stacked":
            self._check_widths()

    def build(self, input_shape: Any) -> None:
        """Create the vectors of the numbers."""
        if self._numbers and self.numeric == "vector":
            self.vectors = self.add_weight(
                name="vectors", shape=[len(self._numbers), self.dim], initializer=self.initializer
            )
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor]) -> Any:
        """Return the vector of each column, in the form of `output`."""
        blocks = [block for width in self._groups for block in self._look_up(inputs, width)]
        blocks += [([name], self._compose(inputs, name)) for name in self._composed]
        if self._numbers:
            blocks.append((self._numbers, self._scale(inputs)))
        if self.form == "stacked":
            return _concat([block for _, block in blocks])
        if self.form == "concatenated":
            return _concat([tf.reshape(b, [-1, len(names) * b.shape[2]]) for names, b in blocks])
        vectors: dict[str, tf.Tensor] = {}
        for names, block in blocks:
            vectors |= zip(names, tf.unstack(block, axis=1), strict=True)
        return [vectors[name] for name in self.columns]

    def rows(self, inputs: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
        """Return the vectors of one column of ids before they are pooled.

        Args:
            inputs: Encoded batch.
            name: The column, one of `columns` or one that shares its table.

        Returns:
            `[batch, length, width]` of a list, `[batch, width]` of an id.
        """
        ids = self._ids(inputs, name)
        if name in self._composed:
            return self.composed[self._owner(name)](ids)
        stack = self.stacks[str(self._width(name))]
        if self._is_list(name):
            return stack([ids], [self._owner(name)])
        return stack([ids[:, tf.newaxis]], [self._owner(name)])[:, 0]

    def table(self, name: str) -> tf.Tensor:
        """Return the embedding table of a column of ids, `[ids, width]`."""
        if name in self._composed:
            return self.composed[self._owner(name)](tf.range(self._size(name)))
        return self.stacks[str(self._width(name))].table(self._owner(name))

    def assign(self, name: str, ids: np.ndarray, rows: np.ndarray) -> bool:
        """Write rows into the table of a column, unless it has none of that width or is composed.

        Args:
            name: The column.
            ids: Encoded ids, int64 `[ids]`.
            rows: Their vectors, float32 `[ids, width]`.

        Returns:
            Whether they are written.
        """
        stack = self.stacks.get(str(rows.shape[1]))
        if name not in self.columns or stack is None or self._owner(name) not in stack.sizes:
            return False
        stack.assign(self._owner(name), ids, rows)
        return True

    def grow(
        self,
        inputs: Mapping[str, tf.Tensor],
        optimizer: tf.keras.optimizers.Optimizer | None = None,
    ) -> None:
        """Let the growing vocabularies count a batch, admit ids and forget others.

        Args:
            inputs: Encoded batch.
            optimizer: That of the training, which has to forget the rows as well.
        """
        for owner, vocabulary in self.vocabularies.items():
            names = [name for name in self.columns if self._owner(name) == owner]
            ids = [tf.reshape(get_column(inputs, name), [-1]) for name in names]
            lost = vocabulary.update(tf.concat(ids, axis=0))
            self.stacks[str(self._width(names[0]))].reset(owner, lost, optimizer)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "schema": self.schema.to_dict(),
            "columns": list(self.columns),
            "dim": self.dim,
            "use_schema_dims": self.use_schema_dims,
            "initializer": tf.keras.initializers.serialize(self.initializer),
            "numeric": self.numeric,
            "output": self.form,
        }

    def _look_up(
        self, inputs: Mapping[str, tf.Tensor], width: int
    ) -> list[tuple[list[str], tf.Tensor]]:
        """Return the columns of one width in blocks `[batch, columns, width]`: ids, each list."""
        names = sorted(self._groups[width], key=self._is_list)
        ids = [self._ids(inputs, name) for name in names]
        lists = [name for name in names if self._is_list(name)]
        single = len(names) - len(lists)
        ids[:single] = [part[:, tf.newaxis] for part in ids[:single]]
        rows = self.stacks[str(width)](ids, [self._owner(name) for name in names])
        if not lists:
            return [(names, rows)]
        lengths = [part.shape[1] for part in ids[single:]]
        first, *rest = tf.split(rows, [single, *lengths], axis=1)
        pooled = (self._pool(inputs, *part) for part in zip(lists, rest, strict=True))
        blocks = [([name], mean) for name, mean in zip(lists, pooled, strict=True)]
        return [(names[:single], first), *blocks] if single else blocks

    def _compose(self, inputs: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
        """Return a column whose vectors are composed, `[batch, 1, width]`."""
        rows = self.rows(inputs, name)
        return self._pool(inputs, name, rows) if self._is_list(name) else rows[:, tf.newaxis]

    def _ids(self, inputs: Mapping[str, tf.Tensor], name: str) -> tf.Tensor:
        """Return the ids of a column, rows of its table."""
        ids = get_column(inputs, name)
        return self.vocabularies[self._owner(name)](ids) if self._table(name).growing else ids

    def _pool(self, inputs: Mapping[str, tf.Tensor], name: str, rows: tf.Tensor) -> tf.Tensor:
        """Return the mean of a list's rows, `[batch, 1, width]`."""
        column = self.schema[name]
        weights = self.schema.weights_name(column)
        mean = self.pool(
            rows,
            get_column(inputs, self.schema.mask_name(column)),
            None if weights is None else get_column(inputs, weights),
        )
        return mean[:, tf.newaxis]

    def _scale(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the numbers, `[batch, columns, 1]`, or the vectors they scale."""
        numbers = tf.stack([get_column(inputs, name) for name in self._numbers], axis=1)
        numbers = tf.cast(numbers, self.compute_dtype)[:, :, tf.newaxis]
        return numbers * self.vectors if self.numeric == "vector" else numbers

    @functools.cached_property  # past Keras' tracking: a checkpoint takes no dict by number
    def _groups(self) -> dict[int, list[str]]:
        """The columns of ids by their width."""
        groups: dict[int, list[str]] = {}
        for name in self.columns:
            if not self.schema[name].is_numeric and name not in self._composed:
                groups.setdefault(self._width(name), []).append(name)
        return groups

    def _width(self, name: str) -> int:
        """Return the width of a column's vector."""
        column = self.schema[name]
        if column.is_numeric:
            return self.dim if self.numeric == "vector" else 1
        own = self._table(name).embedding_dim
        return (own if self.use_schema_dims else None) or self.dim

    def _size(self, name: str) -> int:
        return self.schema.vocabulary_size(self.schema[name])

    def _table(self, name: str) -> Column:
        return self.schema.table_of(self.schema[name])

    def _owner(self, name: str) -> str:
        return self._table(name).name

    def _is_list(self, name: str) -> bool:
        return self.schema.list_source(self.schema[name]) is not None

    def _check_widths(self) -> None:
        for name in self.columns:
            if (width := self._width(name)) != self.dim:
                raise SchemaError(
                    f"Column `{name}` is {width} wide and the others {self.dim}, but this model "
                    "needs vectors of one width: remove its `embedding_dim`, give it "
                    "`num_buckets` if it is a number, or leave the column out."
                )


def _concat(parts: list[tf.Tensor]) -> tf.Tensor:
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
