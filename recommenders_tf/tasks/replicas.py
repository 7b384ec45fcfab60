"""What the replicas of a strategy that train in step have in common."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def gather_replicas(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return the rows of all replicas, those of the replica itself in front.

    Gradients go back to the replica that a row came from. Outside a strategy, and under parameter
    servers, whose workers do not wait for each other, the tensors are returned as they are.

    Args:
        tensors: Each `[rows, ...]`, as many rows in one as in the others.

    Example:
        >>> [part.numpy().tolist() for part in gather_replicas([tf.constant([3, 4])])]
        [[3, 4]]
    """
    context, strategy = tf.distribute.get_replica_context(), tf.distribute.get_strategy()
    alone = context is None or context.num_replicas_in_sync == 1
    if alone or isinstance(strategy, tf.distribute.ParameterServerStrategy):
        return list(tensors)
    sizes = context.all_gather(tf.shape(tensors[0])[:1], axis=0)
    before = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
    return [tf.roll(context.all_gather(part, axis=0), -before, axis=0) for part in tensors]
