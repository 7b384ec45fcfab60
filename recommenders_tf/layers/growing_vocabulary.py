"""A vocabulary that is learned in training: frequent ids get rows, forgotten ones lose them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.schema import FIRST_ID, UNKNOWN_ID, Column

_WIDTH = 8


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class GrowingVocabulary(tf.keras.layers.Layer):
    """Maps hashed ids to the rows of a table of fixed size, which it gives and takes in training.

    The places lie in buckets of eight, and an id can stand in one bucket alone, that of its hash:
    the cost of a batch is the same for any number of places. Places are plain variables: they are
    in every checkpoint, and the exported look-up is stock gathers and comparisons.

    `update` counts sightings, by id, all of them within a batch. An id without a place takes,
    of its bucket, an empty one; or else the one whose owner was not admitted yet and seen least
    lately; or else the one of the admitted owner that was seen least lately, if not for
    `forget_after` updates. If there is none it stays unknown, and its sightings do not count. An
    owner that was seen in the same batch keeps its place.

    Args:
        capacity: Number of places, rounded down to whole buckets but for at least one. Of half as
            many ids as places one in 120 finds its bucket full, of seven tenths one in 25.
        admit_after: Sightings after which an id has a row; before, it is unknown.
        forget_after: Updates without a sighting after which an id may lose its place; None keeps
            it for good.
        **kwargs: Of the Keras layer.

    Call arguments:
        ids: int64 of any shape: hashes, as `raw_strings.hash_ids` makes them, and the reserved
            ids, which stay as they are.

    Output shape:
        Rows, int64 in the shape of `ids`, below `FIRST_ID + capacity`; unknown where an id has
        none.

    Raises:
        ValueError: `capacity` or `admit_after` is less than 1.

    Example:
        >>> layer = GrowingVocabulary(capacity=16, admit_after=2)
        >>> ids = tf.constant([7, 9, 7], tf.int64)
        >>> _ = layer.update(ids)
        >>> (layer(ids) == UNKNOWN_ID).numpy().tolist()
        [False, True, False]

    References:
        Liu et al.: Monolith: Real Time Recommendation System With Collisionless Embedding Table,
        2022, arXiv:2209.07663, section 2.1: frequency filter and expiry.
    """

    def __init__(
        self, capacity: int, admit_after: int = 1, forget_after: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("capacity", capacity), ("admit_after", admit_after)):
            if value < 1:
                raise ValueError(f"`{name}` is {value}; it must be 1 or more.")
        self.capacity = capacity
        self.admit_after = admit_after
        self.forget_after = forget_after
        self.width = min(_WIDTH, capacity)
        self.buckets = capacity // self.width

    @classmethod
    def of(cls, column: Column) -> GrowingVocabulary:
        """Return the vocabulary that a growing column of a schema asks for."""
        assert column.growing and column.max_vocabulary is not None
        return cls(
            column.max_vocabulary,
            column.min_count,
            column.forget_after,
            name=f"{column.name}_vocabulary",
        )

    def build(self, input_shape: Any) -> None:
        """Create the places, all empty.

        Raises:
            RuntimeError: Several devices train, whose vocabularies would differ.
        """
        strategy = tf.distribute.get_strategy()
        has_servers = isinstance(strategy, tf.distribute.ParameterServerStrategy)
        if has_servers or strategy.num_replicas_in_sync > 1:
            raise RuntimeError(
                f"The growing vocabulary `{self.name}` is of one device, and "
                f"{type(strategy).__name__} trains on several: use `hash_buckets` in place of "
                "`growing`, or one device."
            )
        self.ids = self._state("ids", [self.buckets, self.width])
        self.sightings = self._state("sightings", [self.buckets, self.width])
        self.last_seen = self._state("last_seen", [self.buckets, self.width])
        self.steps = self._state("steps", [])
        super().build(input_shape)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the rows of ids; changes nothing."""
        bucket = self._bucket(ids)
        is_own = tf.gather(self.ids, bucket) == ids[..., tf.newaxis]
        is_admitted = tf.gather(self.sightings, bucket) >= self.admit_after
        found = tf.logical_and(is_own, is_admitted)
        slot = tf.argmax(tf.cast(found, tf.int32), axis=-1)
        rows = tf.where(
            tf.reduce_any(found, axis=-1),
            FIRST_ID + bucket * self.width + slot,
            tf.constant(UNKNOWN_ID, tf.int64),
        )
        return tf.where(ids < FIRST_ID, ids, rows)

    def update(self, ids: tf.Tensor) -> tf.Tensor:
        """Count the sightings of a batch, admit and forget.

        Args:
            ids: int64 of any shape.

        Returns:
            Rows that admitted ids lost to others, int64 `[rows]`: what is learned there is to be
            reset, in the table and in the optimizer's slots, by `reset_rows`.
        """
        if not self.built:
            self.build(None)
        step = self.steps.assign_add(1)
        ids = tf.reshape(ids, [-1])
        ids, _, times = tf.unique_with_counts(tf.boolean_mask(ids, ids >= FIRST_ID), tf.int64)
        bucket = self._bucket(ids)
        is_own = tf.gather(self.ids, bucket) == ids[:, tf.newaxis]
        is_known = tf.reduce_any(is_own, axis=1)
        slot = tf.argmax(tf.cast(is_own, tf.int32), axis=1)
        place = tf.boolean_mask(tf.stack([bucket, slot], axis=1), is_known)
        before = tf.gather_nd(self.sightings, place)
        # No more than is asked for, or the count of an id met often would overflow in the end.
        counted = tf.minimum(before + tf.boolean_mask(times, is_known), self.admit_after)
        self._write(place, sightings=counted, last_seen=step)
        is_new = tf.logical_not(is_known)
        ids, bucket, times = (tf.boolean_mask(part, is_new) for part in (ids, bucket, times))
        return self._take_places(ids, bucket, times, step)

    def _take_places(
        self, ids: tf.Tensor, bucket: tf.Tensor, times: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        """Give places to ids `[new]` that have none; return the rows of the admitted who leave."""
        order = tf.argsort(bucket, stable=True)
        ids, bucket, times = (tf.gather(values, order) for values in (ids, bucket, times))
        # The first newcomer of a bucket takes its best place, the second the second best.
        rank = tf.range(tf.size(bucket)) - tf.searchsorted(bucket, bucket)
        worth = self._worth(bucket, step)
        slot = tf.gather(
            tf.argsort(worth, axis=1, stable=True),
            tf.minimum(rank, self.width - 1),
            batch_dims=1,
        )
        is_free = tf.logical_and(
            rank < self.width, tf.gather(worth, slot, batch_dims=1) < tf.int64.max
        )
        place = tf.stack([bucket, tf.cast(slot, tf.int64)], axis=1)
        ids, times, place = (tf.boolean_mask(values, is_free) for values in (ids, times, place))
        was_admitted = tf.gather_nd(self.sightings, place) >= self.admit_after
        counted = tf.minimum(times, self.admit_after)
        self._write(place, ids=ids, sightings=counted, last_seen=step)
        lost = tf.boolean_mask(place, was_admitted)
        return FIRST_ID + lost[:, 0] * self.width + lost[:, 1]

    def _worth(self, bucket: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Return which place of each bucket is to be taken first, int64 `[new, width]`.

        The least first: not admitted, by when it was seen, an empty place never; admitted and
        forgotten, by when it was seen. The largest int64 for a place that is not to be taken.
        """
        kept = tf.constant(tf.int64.max, tf.int64)
        seen = tf.gather(self.last_seen, bucket)
        admitted_worth = kept
        if self.forget_after is not None:
            is_forgotten = seen < step - self.forget_after
            admitted_worth = tf.where(is_forgotten, seen + 2**62, kept)
        pending_worth = tf.where(seen < step, seen, kept)
        is_admitted = tf.gather(self.sightings, bucket) >= self.admit_after
        return tf.where(is_admitted, admitted_worth, pending_worth)

    def _bucket(self, ids: tf.Tensor) -> tf.Tensor:
        return ids % self.buckets

    def _write(self, place: tf.Tensor, **values: tf.Tensor) -> None:
        for name, value in values.items():
            new = tf.broadcast_to(value, tf.shape(place)[:1])
            getattr(self, name).scatter_nd_update(place, new)

    def _state(self, name: str, shape: list[int]) -> tf.Variable:
        return self.add_weight(
            name=name, shape=shape, dtype=tf.int64, initializer="zeros", trainable=False
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "capacity": self.capacity,
            "admit_after": self.admit_after,
            "forget_after": self.forget_after,
        }
