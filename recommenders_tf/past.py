"""What users had met before a request, and how long ago."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Past(NamedTuple):
    """The items that each user has met, oldest first, and when.

    Args:
        rows: Rows of items, int64 `[batch, (events)]`.
        times: Unix seconds of the same shape, int64, 0 where they are not known; None where no
            model asks for them.

    Example:
        >>> past = Past(tf.ragged.constant([[5, 6, 7]]), tf.ragged.constant([[10, 30, 60]]))
        >>> rows, ages = past.as_of(tf.constant([50]))
        >>> rows.to_list(), ages.to_list()
        ([[5, 6]], [[40, 20]])
    """

    rows: tf.RaggedTensor
    times: tf.RaggedTensor | None = None

    def then(self, rows: tf.Tensor, known: tf.Tensor, times: tf.Tensor | None) -> Past:
        """Return this past and what a request tells to have come after it.

        Args:
            rows: Rows of items, `[batch, steps]`, oldest first.
            known: Which of them count, bool of the same shape.
            times: When they were met, int64 of the same shape; 0 where that is not known, and
                `[batch, 0]` or None where it never is.

        Raises:
            tf.errors.InvalidArgumentError: There are not as many times as items.
        """
        more = tf.ragged.boolean_mask(rows, known)
        whole = tf.concat([self.rows, more], axis=1)
        if self.times is None:
            return Past(whole)
        unknown = tf.zeros_like(rows, self.times.dtype)
        if times is None:
            times = unknown
        when = tf.cond(tf.equal(tf.shape(times)[1], 0), lambda: unknown, lambda: times)
        same = tf.debugging.assert_equal(
            tf.shape(when),
            tf.shape(rows),
            "`history_times` must have a time for each item of `history`, 0 where none is known.",
        )
        with tf.control_dependencies([same] if same is not None else []):
            more = tf.ragged.boolean_mask(tf.identity(when), known)
        return Past(whole, tf.concat([self.times, more], axis=1))

    def as_of(self, now: tf.Tensor | None) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
        """Return what was met before a time, and how old it was then.

        What is not older than the request is left out, as in training. A step of an unknown time
        is one that the request itself has told of: it is kept, and its age is 0.

        Args:
            now: Unix seconds of each request, `[batch]`; 0 or None stands for the user's last known
                step, which is kept.

        Returns:
            Rows of items, and their ages in seconds, both `[batch, (events)]`; no ages where there
            are no times.
        """
        if self.times is None:
            return self.rows, None
        flat = self.times.flat_values
        last = tf.reduce_max(self.times, axis=1)
        given = tf.zeros_like(last, tf.bool) if now is None else now > 0
        then = last if now is None else tf.where(given, now, last)
        lengths = self.times.row_lengths()
        given, then = tf.repeat(given, lengths), tf.repeat(then, lengths)
        known = flat > 0
        ages = self.times.with_flat_values(tf.where(known, then - flat, tf.zeros_like(flat)))
        kept = self.times.with_flat_values(~(known & given & (flat >= then)))
        return tuple(tf.ragged.boolean_mask(part, kept) for part in (self.rows, ages))
