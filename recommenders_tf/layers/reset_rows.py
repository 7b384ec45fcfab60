"""Rows of an embedding table that begin anew, in the table and in the optimizer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def reset_rows(
    table: tf.Variable,
    rows: tf.Tensor,
    untouched: int,
    optimizer: tf.keras.optimizers.Optimizer | None = None,
) -> None:
    """Make rows of a table what a row is that no id ever had, for the ids that come there next.

    Args:
        table: Embedding table `[ids, dim]`.
        rows: The rows, int64 `[rows]`.
        untouched: A row that training never reads; the others become as it is.
        optimizer: That of the training. What it keeps for each row, such as a momentum or a sum
            of squares, is reset as well.

    Example:
        >>> table = tf.Variable([[1.0], [2.0], [3.0]])
        >>> reset_rows(table, tf.constant([0], tf.int64), untouched=2)
        >>> table.numpy().tolist()
        [[3.0], [2.0], [3.0]]
    """
    for variable in (table, *_slots(table, optimizer)):
        fresh = tf.repeat(tf.gather(variable, [untouched]), tf.size(rows), axis=0)
        variable.scatter_update(tf.IndexedSlices(fresh, rows))


def _slots(table: tf.Variable, optimizer: Any) -> list[tf.Variable]:
    """Return the variables of an optimizer that have a row for each row of a table."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss scale
    if (parts := getattr(optimizer, "optimizers", None)) is not None:  # of a composite
        return [slot for part in parts for slot in _slots(table, part)]
    name = table.name.split(":")[0]
    kept = [] if optimizer is None else optimizer.variables
    return [v for v in kept if name in v.name and v.shape[:1] == table.shape[:1]]
