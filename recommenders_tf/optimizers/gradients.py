"""Gradients of a batch that is computed in parts, and clipping that is exact for tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices | None


def micro_batch_gradients(
    compute: Callable[[Any], tuple[tf.Tensor, Sequence[Gradient]]], batch: Any, parts: int
) -> tuple[tf.Tensor, list[Gradient]]:
    """Return the mean loss of a batch and its gradients, computed part after part.

    Only one part's activations are in memory at a time. The result is that of the whole batch as
    long as the loss is a mean over examples; a softmax over the items of a batch sees those of a
    part. Gradients of a table stay the rows that the batch touches, so the cost does not grow with
    the table.

    Args:
        compute: Returns the loss, the mean over a part, and the gradients.
        batch: Nested tensors whose first axis is the batch.
        parts: Number of parts, of equal size but for one example.

    Example:
        >>> w = tf.Variable(3.0)
        >>> def compute(x):
        ...     with tf.GradientTape() as tape:
        ...         loss = tf.reduce_mean(w * x)
        ...     return loss, tape.gradient(loss, [w])
        >>> loss, gradients = micro_batch_gradients(compute, tf.constant([1.0, 2.0, 6.0]), 2)
        >>> float(loss), float(gradients[0])
        (9.0, 3.0)
    """
    if parts == 1:
        loss, gradients = compute(batch)
        return loss, list(gradients)
    size = tf.shape(tf.nest.flatten(batch)[0])[0]
    bounds = [size * part // parts for part in range(parts + 1)]
    losses: list[tf.Tensor] = []
    found: list[list[Gradient]] = []
    for start, end in itertools.pairwise(bounds):
        share = tf.cast(end - start, tf.float32) / tf.cast(size, tf.float32)
        # Of a batch with fewer examples than parts, some parts are one example that counts nothing.
        start = tf.minimum(start, size - 1)
        rows = slice(start, tf.maximum(end, start + 1))
        # Or TensorFlow would compute the parts at the same time, all in memory.
        with tf.control_dependencies([t for t in (*losses, *_tensors(found)) if t is not None]):
            loss, gradients = compute(tf.nest.map_structure(lambda t, rows=rows: t[rows], batch))
        losses.append(loss * tf.cast(share, loss.dtype))
        found.append([_scaled(gradient, share) for gradient in gradients])
    return tf.add_n(losses), [_sum(of_parts) for of_parts in zip(*found, strict=True)]


def clip_by_global_norm(gradients: Sequence[Gradient], norm: float) -> list[Gradient]:
    """Scale gradients together so that their norm is at most `norm`.

    Rows that a gradient of a table holds several times count with their sum, as they would in a
    dense gradient; `tf.clip_by_global_norm` and Keras count each for itself.

    Args:
        gradients: Of all variables; None where there is none.
        norm: Most that their norm may be.

    Example:
        >>> rows = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([5, 5]), [9, 1])
        >>> clipped, _ = clip_by_global_norm([rows, tf.constant([4.0])], norm=2.5)
        >>> clipped.values.numpy().tolist()  # 3 with the norm 5
        [[1.5]]
    """
    combined = [_combined(gradient) for gradient in gradients]
    clipped, _ = tf.clip_by_global_norm(combined, norm)
    return list(clipped)


def _combined(gradient: Gradient) -> Gradient:
    """Return the gradient with every row of a table once."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    indices, positions = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(indices))
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


def _tensors(found: Sequence[Sequence[Gradient]]) -> list[tf.Tensor]:
    gradients = [gradient for of_part in found for gradient in of_part]
    return [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]


def _scaled(gradient: Gradient, share: tf.Tensor) -> Gradient:
    if isinstance(gradient, tf.IndexedSlices):
        values = gradient.values * tf.cast(share, gradient.values.dtype)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return None if gradient is None else gradient * tf.cast(share, gradient.dtype)


def _sum(gradients: Sequence[Gradient]) -> Gradient:
    """Return the sum of the gradients of one variable; rows of a table are put side by side."""
    first = gradients[0]
    if first is None:
        return None
    if not isinstance(first, tf.IndexedSlices):
        return tf.add_n(gradients)
    values, indices = (
        tf.concat([getattr(gradient, part) for gradient in gradients], axis=0)
        for part in ("values", "indices")
    )
    return tf.IndexedSlices(values, indices, first.dense_shape)
