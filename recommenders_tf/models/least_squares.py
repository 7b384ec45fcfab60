"""One least squares problem for every row of a sparse matrix: what alternating solvers repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from recommenders_tf import native

_KERNEL = "models/least_squares.cc"


class LeastSquares(NamedTuple):
    """Problems min Σⱼ wⱼ (yⱼ - qⱼᵀx)² + xᵀGx + λ‖x‖², one for each row of a sparse matrix.

    Attributes:
        splits: Where the entries of each row begin and end, int64 `[rows + 1]`.
        columns: Which q each entry stands for, int32 `[entries]`.
        weights: w of each entry, not negative, float32 `[entries]`.
        targets: y of each entry, float32 `[entries]`.
    """

    splits: tf.Tensor
    columns: tf.Tensor
    weights: tf.Tensor
    targets: tf.Tensor


def solve_rows(
    problems: LeastSquares,
    factors: tf.Tensor,
    gram: tf.Tensor,
    l2: tf.Tensor,
    start: tf.Tensor,
    steps: int = 0,
    use_native: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x of every row, and the value that its objective has there.

    On the CPU a compiled kernel (`least_squares.cc`) solves them if a C++ compiler is at hand,
    elsewhere TensorFlow's own ops, row after row; both give the same.

    Args:
        problems: The problems.
        factors: All q, float32 `[columns, dim]`.
        gram: G, the same for all rows, symmetric, float32 `[dim, dim]`.
        l2: λ of each row, positive, float32 `[rows]`.
        start: Where conjugate gradient starts, float32 `[rows, dim]`.
        steps: Steps of conjugate gradient; 0 solves exactly, by a Cholesky decomposition.
        use_native: Whether the compiled kernel may be used; an exported graph holds none.

    Returns:
        float32 `[rows, dim]` and `[rows]`.

    Example:
        >>> splits, columns = tf.constant([0, 2], tf.int64), tf.constant([0, 1])
        >>> problems = LeastSquares(splits, columns, tf.ones(2), tf.constant([2.0, 4.0]))
        >>> q, nothing = tf.eye(2), tf.zeros([2, 2])
        >>> solve_rows(problems, q, nothing, tf.ones(1), tf.zeros([1, 2]))[0].numpy().tolist()
        [[1.0, 2.0]]
    """
    ops = native.ops(_KERNEL) if use_native else None
    if ops is not None:
        with tf.device("CPU"):
            return tuple(
                ops.recommenders_tf_least_squares_rows(
                    *problems, factors, gram, l2, start, steps=steps
                )
            )

    def solve(row: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        first, last, own_l2, x = row
        columns, weights, targets = (part[first:last] for part in problems[1:])
        return _solve_row(tf.gather(factors, columns), weights, targets, gram, own_l2, x, steps)

    rows = (problems.splits[:-1], problems.splits[1:], l2, start)
    dim = factors.shape[1]
    outputs = (tf.TensorSpec([dim], tf.float32), tf.TensorSpec([], tf.float32))
    return tf.map_fn(solve, rows, fn_output_signature=outputs)


def _solve_row(
    factors: tf.Tensor,
    weights: tf.Tensor,
    targets: tf.Tensor,
    gram: tf.Tensor,
    l2: tf.Tensor,
    x: tf.Tensor,
    steps: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x and the objective of one row, whose entries have these `factors`."""
    right = tf.linalg.matvec(factors, weights * targets, transpose_a=True)

    def times(vector: tf.Tensor) -> tf.Tensor:
        along = weights * tf.linalg.matvec(factors, vector)
        entries = tf.linalg.matvec(factors, along, transpose_a=True)
        return tf.linalg.matvec(gram, vector) + l2 * vector + entries

    if steps:
        x = _descend(times, right, x, steps)
    else:
        weighted = tf.matmul(factors, weights[:, tf.newaxis] * factors, transpose_a=True)
        matrix = gram + weighted + l2 * tf.eye(gram.shape[0])
        x = tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), right[:, tf.newaxis])[:, 0]
    # f(x) = Σ w y² - 2 bᵀx + xᵀAx, and Ax = b - r.
    residual = right - times(x)
    loss = tf.reduce_sum(weights * targets**2) - tf.tensordot(x, right + residual, 1)
    return x, loss


def _descend(
    times: Callable[[tf.Tensor], tf.Tensor], right: tf.Tensor, x: tf.Tensor, steps: int
) -> tf.Tensor:
    """Return x after steps of conjugate gradient."""
    residual = right - times(x)
    direction, square = residual, tf.reduce_sum(residual**2)
    for _ in range(steps):
        change = times(direction)
        rate = tf.math.divide_no_nan(square, tf.reduce_sum(direction * change))
        x += rate * direction
        residual -= rate * change
        before, square = square, tf.reduce_sum(residual**2)
        direction = residual + tf.math.divide_no_nan(square, before) * direction
    return x
