"""Retrieval models that learn from the matrix of users and items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf import features
from recommenders_tf.data.interactions import IdRows, PairRows, interaction_matrix
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.schema import FIRST_ID, Column, FeatureSchema, SchemaError


class MatrixRetriever(Retriever):
    """A model that learns from who met what, one user after another, and from nothing else.

    `fit` gathers the matrix from the events and then trains on the ids of users. A model that is
    solved at once writes `solve`, and more than one epoch changes nothing; any other writes
    `compute_loss` of a batch of user ids.

    Args:
        schema: Fitted schema; only the ids of user and item, and what the class says, are used.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id or the user id grows, or there is no label where one is needed.

    Attributes:
        combine: What becomes of several events of one pair: `any` makes it 1, `sum` and `mean` do
            what they say with the values of `event_values`.
        needs_label: Whether the values are those of the label.
        matrix: What `fit` has gathered, `[users, items]` by encoded ids; None before.
    """

    combine = "any"
    needs_label = False
    matrix: sparse.csr_matrix | None
    _solved: float | None
    _listeners: Sequence[Callable[[int, int], None]] = ()

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        for column in (schema.user_id, schema.item_id):
            if column.growing:
                raise SchemaError(
                    f"Column `{column.name}` grows, so its vocabulary is not there for a matrix to "
                    "be made of: give it `hash_buckets` in place of `growing`."
                )
        if self.needs_label and self._label is None:
            raise SchemaError(
                f"Schema `{schema.name}` has no label: `{type(self).__name__}` learns how much an "
                "item was liked; add a column of kind `label`."
            )
        self.num_users, self.num_items = (
            schema.vocabulary_size(column) for column in (schema.user_id, schema.item_id)
        )
        object.__setattr__(self, "matrix", None)  # past Keras' tracking: no weight
        object.__setattr__(self, "_solved", None)

    # === To be written by a model ===

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Set the weights to what the matrix says, and return the loss that they reach.

        Args:
            matrix: float32 `[users, items]`, as `combine` says.
        """
        raise NotImplementedError

    def event_values(self, labels: Any, times: Any) -> Any:
        """Return what each event counts, float32 `[events]`.

        Args:
            labels: float32 `[events]`, NaN where none is known; 1 without a label.
            times: int64 Unix seconds `[events]`, 0 where none is known.
        """
        del times
        return labels if self.needs_label else tf.ones_like(labels)

    def requested(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Return the events of a request that count: the items of each user, and what they count.

        Args:
            inputs: Encoded features: `INTERACTION_ITEMS` and what belongs to it.

        Returns:
            Encoded ids of known items, int64 `[batch, (events)]`, and `event_values` of them one
            after another, float32 `[events]`.
        """
        items = inputs[features.INTERACTION_ITEMS]
        flat = items.flat_values
        labels, times = (
            # Mixed precision has cast what came as a feature.
            tf.cast(inputs[name].flat_values, default.dtype)
            if name in inputs
            else tf.fill(tf.shape(flat), default)
            for name, default in (
                (features.INTERACTION_LABELS, tf.constant(1.0)),
                (features.INTERACTION_TIMES, tf.constant(0, tf.int64)),
            )
        )
        values = self.event_values(labels, times)
        kept = tf.logical_and(flat >= FIRST_ID, tf.logical_not(tf.math.is_nan(values)))
        items = tf.ragged.boolean_mask(items, items.with_flat_values(kept))
        return items, tf.boolean_mask(values, kept)

    # === Training ===

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train as `Recommender.fit` does; callbacks with `on_part_end` hear of `parts`, too."""
        callbacks = kwargs.get("callbacks") or []
        listeners = [c.on_part_end for c in callbacks if hasattr(c, "on_part_end")]
        object.__setattr__(self, "_listeners", listeners)  # past Keras' tracking
        return super().fit(x, *args, **kwargs)

    def parts(self, number: int) -> Iterator[int]:
        """Yield 0, 1, …, `number` - 1: what `solve` does one after another, for all to see."""
        for part in range(number):
            yield part
            for listener in self._listeners:
                listener(part + 1, number)

    @property
    def is_solved(self) -> bool:
        """Whether the model has a solution and takes no steps."""
        return type(self).solve is not MatrixRetriever.solve

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather the matrix of a source of events, and return the users in it as rows.

        Raises:
            ValueError: No event has a known user, a known item and, where one is needed, a label.
        """
        if isinstance(source, (IdRows, PairRows)):
            return source
        names = [self.schema.user_id.name, self.schema.item_id.name]
        times, label = self.schema.event_time, self._label
        events = source.columns([*names, *(c.name for c in (label, times) if c)])
        count = len(events[names[0]])
        known = events[label.name] if label and label.name in events else np.ones(count)
        when = events.get(times.name) if times else None
        values = self.event_values(
            tf.constant(known, tf.float32),
            tf.zeros(count, tf.int64) if when is None else tf.constant(when, tf.int64),
        ).numpy()
        matrix = interaction_matrix(events, self.schema, values, self.combine)
        if not matrix.nnz:
            raise ValueError(
                f"None of the {count} events has a known user, a known item and what "
                f"`{self.name}` learns of them; encode the log with a preprocessor fitted on it."
            )
        self.remember(matrix)
        return self.rows_of(matrix, getattr(source, "tables", None))

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from."""
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "_solved", None)

    def rows_of(self, matrix: sparse.csr_matrix, tables: Any) -> RowSource:
        """Return the rows to train on: the users of the matrix."""
        users = np.flatnonzero(np.diff(matrix.indptr))
        return IdRows(self.schema.user_id, users, self.schema, tables)

    def make_train_function(self, force: bool = False) -> Any:
        """Return Keras' step of training; of a model with a solution, what solves it once."""
        if not self.is_solved:
            return super().make_train_function(force)

        def solved(iterator: Iterator[Any]) -> dict[str, float]:
            next(iterator)  # so that Keras sees the end of its epoch
            if self._has_metrics:
                self._check_metrics()
            if self.matrix is None:
                raise ValueError(
                    f"`{self.name}` is solved from all events at once: fit it on an `EncodedLog`, "
                    "or call `training_rows` of one first."
                )
            loss = self.solve(self.matrix) if self._solved is None else self._solved
            object.__setattr__(self, "_solved", loss)
            self.distribute_strategy.run(self._loss_mean.update_state, args=(loss,))
            return {"loss": loss}

        self.train_function = solved
        return solved

    @property
    def _label(self) -> Column | None:
        return next((c for c in self.schema.labels if not c.is_derived), None)
