"""Batches of whatever finds its rows by index: the order of an epoch, its steps and its shards."""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.schema import FeatureSchema

_INT64 = tf.int64
_MOST_AT_ONCE = 8
"""Batches that are made side by side, and kept ready."""
_COLUMN_ROWS = 1 << 16
_ROUNDS = 12
"""Of the cipher behind `RandomIndexShuffle`: with the usual four, neighbours stay related."""


class RowSource(abc.ABC):
    """Rows in memory or on disk that are fetched by index, a whole batch at a time.

    A subclass writes `__len__` and `gather`, and has a `schema` where its rows are features. The
    order of an epoch is a keyed permutation that is computed where it is needed: it takes no
    memory, and the batch of any step costs the same.

    Example:
        >>> import tensorflow as tf
        >>> class Squares(RowSource):
        ...     def __len__(self):
        ...         return 5
        ...     def gather(self, index):
        ...         return index**2
        >>> [batch.tolist() for batch in Squares().batches(3, shuffle=False).as_numpy_iterator()]
        [[0, 1, 4], [9, 16]]

    References:
        Beaulieu et al., The SIMON and SPECK families of lightweight block ciphers, 2013 (Cryptology
        ePrint 2013/404): the permutation.
    """

    schema: FeatureSchema

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def gather(self, index: tf.Tensor) -> Any:
        """Return the rows of an index, int64 `[batch]`: features, or features and label.

        Called inside a `tf.data` map, so it is written in TensorFlow ops.
        """

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return whole encoded columns, features or labels, those of `names` that there are."""
        parts: dict[str, list[np.ndarray]] = {}
        for batch in self.batches(_COLUMN_ROWS, shuffle=False):
            for name, value in flat_columns(batch, self.schema).items():
                if name in names:
                    parts.setdefault(name, []).append(value.numpy())
        return {name: np.concatenate(values) for name, values in parts.items()}

    def steps(self, batch_size: int) -> int:
        """Return the number of batches in one pass."""
        return -(-len(self) // batch_size)

    def stream(
        self,
        batch_size: int,
        seed: int = 0,
        start: int | tf.Tensor = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> tf.data.Dataset:
        """Return batches without end, pass after pass, each in an order of its own.

        The batch of a step depends on `seed` and the step alone: a stream that starts at step k
        goes on as one that started at 0, in the middle of a pass too.

        Args:
            batch_size: Rows of a step over all shards; the last batch of a pass may be smaller.
            seed: Of the orders.
            start: Step to begin with, counted from the beginning of the first pass: an integer, or
                an int64 scalar.
            shard: Which part of every batch to give, and how many parts there are. Together the
                parts are the batch of an unsharded stream.

        Returns:
            An endless dataset of what `gather` returns.

        Raises:
            ValueError: There are no rows, an argument is out of range, or the last batch of a pass
                is too small to give every shard a row.

        Example:
            >>> from recommenders_tf import data
            >>> train = data.encode(data.load("synthetic"))
            >>> stream = train.stream(256, start=train.steps(256) - 1).take(2)
            >>> [len(label) for features, label in stream], len(train) % 256
            ([80, 256], 80)
        """
        self._check(batch_size)
        part, parts = shard
        if not 0 <= part < parts:
            raise ValueError(
                f"`shard` must be (index, count) with 0 <= index < count. Received: {shard}."
            )
        if isinstance(start, int) and start < 0:
            raise ValueError(f"`start` must be at least 0. Received: {start}.")
        last = (len(self) - 1) % batch_size + 1
        if last < parts:
            raise ValueError(
                f"The last batch of a pass has {last} rows, too few for {parts} shards; use "
                f"another `batch_size` than {batch_size}."
            )
        steps = self.steps(batch_size)

        def batch(step: tf.Tensor) -> Any:
            key = tf.stack([tf.constant(seed, _INT64), step // steps])
            return self.gather(self._index(step % steps, batch_size, key, part, parts))

        return _mapped(tf.data.Dataset.range(start, _INT64.max), batch)

    def batches(
        self, batch_size: int, shuffle: bool = True, seed: int | None = None
    ) -> tf.data.Dataset:
        """Return the batches of one pass; iterated again, those of another.

        Args:
            batch_size: Rows a batch; the last one may be smaller.
            shuffle: Whether every pass takes the rows in a new random order.
            seed: Of the orders; None follows `tf.random.set_seed`.

        Returns:
            A dataset of what `gather` returns.

        Raises:
            ValueError: There are no rows, or `batch_size` is below 1.
        """
        self._check(batch_size)
        steps = self.steps(batch_size)
        if not shuffle:
            return _mapped(
                tf.data.Dataset.range(steps),
                lambda step: self.gather(self._index(step, batch_size, None)),
            )
        keys = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2).take(1)
        keyed = keys.flat_map(
            lambda key: tf.data.Dataset.range(steps).map(lambda step: (step, key))
        )
        dataset = _mapped(keyed, lambda step, key: self.gather(self._index(step, batch_size, key)))
        return dataset.apply(tf.data.experimental.assert_cardinality(steps))

    def _check(self, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}.")
        if not len(self):
            raise ValueError("There are no rows to make batches of; give data of at least one row.")

    def _index(
        self, step: tf.Tensor, batch_size: int, key: tf.Tensor | None, part: int = 0, parts: int = 1
    ) -> tf.Tensor:
        """Return the rows of a part of a step of a pass, in the order that `key` stands for."""
        first = step * batch_size
        size = tf.minimum(tf.constant(len(self), _INT64) - first, batch_size)
        index = tf.range(first + size * part // parts, first + size * (part + 1) // parts)
        if key is None:
            return index
        # The cipher reads as many bits of each word as an index has, so all bits must be random.
        words = tf.random.stateless_uniform([3], key, minval=None, maxval=None, dtype=tf.uint32)
        return tf.raw_ops.RandomIndexShuffle(
            index=index, seed=words, max_index=tf.constant(len(self) - 1, _INT64), rounds=_ROUNDS
        )


def with_labels(batch: dict[str, tf.Tensor], schema: FeatureSchema) -> Any:
    """Part the labels from the features of an encoded batch.

    Args:
        batch: Encoded features, and labels float32 `[batch]`.
        schema: Its schema.

    Returns:
        The features alone where there is no label; otherwise a pair with the labels: a tensor
        `[batch]` where the schema has one, tensors by name where it has several.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> features, label = with_labels({"rating": tf.ones(2), "price": tf.ones(2)}, schema)
        >>> list(features), label.shape.as_list()
        (['price'], [2])
    """
    labels = {c.name: batch.pop(c.name) for c in schema.labels if c.name in batch}
    if not labels:
        return batch
    return batch, labels if len(schema.labels) > 1 else next(iter(labels.values()))


def flat_columns(batch: Any, schema: FeatureSchema) -> dict[str, tf.Tensor]:
    """Return features and labels of a batch by name: what `with_labels` parted.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> sorted(flat_columns(({"price": tf.ones(2)}, tf.ones(2)), schema))
        ['price', 'rating']
    """
    if not isinstance(batch, tuple):
        return dict(batch)
    columns, labels = batch
    if not isinstance(labels, dict):
        labels = {schema.labels[0].name: labels}
    return {**columns, **labels}


def _mapped(steps: tf.data.Dataset, batch: Any) -> tf.data.Dataset:
    """Return the batches of steps, made side by side and ahead of time."""
    plain = tf.autograph.experimental.do_not_convert(batch)
    side_by_side = min(os.cpu_count() or 1, _MOST_AT_ONCE)
    dataset = steps.map(plain, num_parallel_calls=side_by_side).prefetch(side_by_side)
    options = tf.data.Options()
    # To rewrite the pipeline TensorFlow would copy all data that `gather` holds.
    options.experimental_optimization.apply_default_optimizations = False
    # The thread that tunes a pipeline sleeps for up to as long as an epoch has taken, and now and
    # then the end of the epoch waits for it.
    options.autotune.enabled = False
    return dataset.with_options(options)
