"""What indexes in stock ops share: a table of vectors in groups, and a search in a graph."""

from __future__ import annotations

import abc
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.index.groups import NO_ROW, WIDTH
from recommenders_tf.index.top_k_index import TopKIndex

_ARRAYS = "arrays.npz"
_DTYPES = ("float32", "bfloat16")


def check_dtype(dtype: str) -> None:
    """Raise unless an index can keep vectors of a type."""
    if dtype not in _DTYPES:
        raise ValueError(f"`dtype` is {dtype!r}: choose {' or '.join(_DTYPES)}.")


class StockIndex(TopKIndex):
    """An index whose search is a graph of stock ops, which a SavedModel holds and any server runs.

    The vectors stand in a table in groups of `WIDTH` places. A place that no item fills repeats
    the vector before it, so that it changes no maximum of its group.

    Variables are read before they are gathered from: a gather on the variable itself makes every
    later read of it a copy.

    Attributes:
        table: Vectors by place, float32 or bfloat16 `[places, dim]`.
        rows: The row at each place, int32 `[places]`; `NO_ROW` where it only fills up a group.
        places: The place of each row, int32 `[items]`.
        ends: Where the places end that repeat it, int32 `[items]`.
        searcher: `search_rows` as a tf.function without `allowed`.
    """

    def _build(self, vectors: np.ndarray) -> None:
        self._set_up()
        self._learn(vectors)
        self._append(vectors)

    def _set_up(self) -> None:
        """Make the variables, still empty, and the functions."""
        self.table = self._variable(np.zeros((0, self.dim)), self.config.dtype)
        self.rows = self._variable(np.zeros(0), tf.int32)
        self.places = self._variable(np.zeros(0), tf.int32)
        self.ends = self._variable(np.zeros(0), tf.int32)
        vectors = tf.TensorSpec([None, self.dim], tf.float32)
        number = tf.TensorSpec([], tf.int32)
        ragged = tf.RaggedTensorSpec([None, None], tf.int64, 1, tf.int64)
        mask = tf.TensorSpec([None], tf.bool)
        spec = [vectors, number, ragged]
        self.searcher = tf.function(self.search_rows, input_signature=spec, autograph=False)
        self._filtered = tf.function(
            self.search_rows, input_signature=[*spec, mask], autograph=False
        )

    @staticmethod
    def _variable(value: Any, dtype: Any) -> tf.Variable:
        """Return a variable whose first dimension may change."""
        start = tf.cast(tf.constant(value), dtype)
        return tf.Variable(start, trainable=False, shape=[None, *start.shape[1:]])

    @abc.abstractmethod
    def _learn(self, vectors: np.ndarray) -> None:
        """Learn from the vectors how to lay them out."""

    @abc.abstractmethod
    def _lay_out(self, vectors: np.ndarray) -> None:
        """Write all vectors, in the order of rows, into the table."""

    @abc.abstractmethod
    def search_rows(
        self,
        queries: tf.Tensor,
        k: tf.Tensor | int,
        excluded: tf.RaggedTensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the scores and rows of the k best, within a graph.

        Args:
            queries: float32 `[queries, dim]`.
            k: int32; it may be more than there are items.
            excluded: Rows that a query must not get, int64 `[queries, (rows)]`.
            allowed: What all queries may get, bool `[items]`; None where they may get all.

        Returns:
            float32 `[queries, k]`, -inf where no item is left, and int64 `[queries, k]`.
        """

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        """Return the vectors of rows, float32 in the shape of `rows` and `[dim]`."""
        places = tf.gather(self.places.value(), rows)
        return tf.cast(tf.gather(self.table.value(), places), tf.float32)

    def vectors(self) -> tf.Tensor:
        """Return the vectors of all rows, float32 `[items, dim]`."""
        return tf.cast(tf.gather(self.table.value(), self.places.value()), tf.float32)

    def _search(
        self, queries: tf.Tensor, k: int, excluded: tf.RaggedTensor, allowed: np.ndarray | None
    ) -> tuple[Any, Any]:
        if allowed is None:
            return self.searcher(queries, tf.constant(k), excluded)
        return self._filtered(queries, tf.constant(k), excluded, tf.constant(allowed))

    def _append(self, vectors: np.ndarray) -> None:
        self._lay_out(np.concatenate([self.vectors(), vectors]))

    def _keep(self, kept: np.ndarray) -> None:
        self._lay_out(self.vectors().numpy()[kept])

    def _fill(self, vectors: np.ndarray, order: np.ndarray, places: np.ndarray, total: int) -> None:
        """Write the table.

        Args:
            vectors: All, in the order of rows `[items, dim]`.
            order: Rows in the order of their places `[items]`.
            places: Those places, growing `[items]`.
            total: Places of the table.
        """
        rows = np.full(total, NO_ROW, np.int32)
        rows[places] = order
        # What fills up a group repeats the row before it.
        source = np.maximum.accumulate(np.where(rows == NO_ROW, 0, np.arange(total)))
        table = tf.gather(tf.cast(vectors, self.config.dtype), rows[source])
        self.table.assign(table)
        self.rows.assign(rows)
        for variable, value in ((self.places, places), (self.ends, np.append(places[1:], total))):
            by_row = np.zeros(len(order), np.int32)
            by_row[order] = value[: len(order)]
            variable.assign(by_row)

    def _hidden(self, rows: tf.Tensor, allowed: tf.Tensor | None) -> tf.Tensor:
        """Return which of the rows at some places no query may get, bool in their shape."""
        hidden = tf.equal(rows, NO_ROW)
        if allowed is None:
            return hidden
        return hidden | ~tf.gather(allowed, tf.maximum(rows, 0))

    def _hidden_in(self, groups: tf.Tensor, allowed: tf.Tensor | None) -> tf.Tensor:
        """Return which places of groups no query may get, bool in their shape and `[WIDTH]`."""
        rows = tf.gather(tf.reshape(self.rows.value(), [-1, WIDTH]), tf.maximum(groups, 0))
        return self._hidden(rows, allowed)

    def _pairs(self, excluded: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return query and place of what is excluded, int64 `[pairs]` each, by place."""
        rows = excluded.flat_values
        bounds = (tf.gather(variable.value(), rows) for variable in (self.places, self.ends))
        own = tf.ragged.range(*(tf.cast(bound, tf.int64) for bound in bounds))
        owners = tf.gather(excluded.value_rowids(), own.value_rowids())
        order = tf.argsort(own.flat_values)
        return tf.gather(owners, order), tf.gather(own.flat_values, order)

    def _rows_at(self, places: tf.Tensor) -> tf.Tensor:
        """Return the rows at places, int64; of one that no item fills any row."""
        return tf.cast(tf.maximum(tf.gather(self.rows.value(), places), 0), tf.int64)

    def _write(self, folder: pathlib.Path) -> None:
        np.savez(folder / _ARRAYS, **self._arrays())

    def _read(self, folder: pathlib.Path) -> None:
        self._set_up()
        with np.load(folder / _ARRAYS) as arrays:
            self._restore({name: arrays[name] for name in arrays})

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return all that the layout consists of."""
        return {"vectors": self.vectors().numpy()}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Lay out what `_arrays` returned."""
        self._lay_out(arrays["vectors"])
