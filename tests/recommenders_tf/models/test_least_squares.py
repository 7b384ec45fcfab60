import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models.least_squares import LeastSquares, solve_rows
from recommenders_tf.native import ops

DIM, ROWS, COLUMNS = 19, 7, 23
RANDOM = np.random.default_rng(0)


@pytest.fixture(params=["compiled", "stock"])
def use_native(request) -> bool:
    if request.param == "compiled" and ops("models/least_squares.cc") is None:
        pytest.fail("the kernel was not compiled")
    return request.param == "compiled"


@pytest.fixture(scope="module")
def problem():
    """Rows of 0 to 300 entries: some end within a block of four, one fills a block of 256."""
    counts = np.array([0, 1, 2, 3, 5, 18, 300])
    splits = np.concatenate([[0], np.cumsum(counts)])
    columns = RANDOM.integers(COLUMNS, size=splits[-1])
    weights = RANDOM.integers(1, 4, size=splits[-1]).astype(np.float32)
    weights[4] = 0.0
    targets = RANDOM.normal(size=splits[-1]).astype(np.float32)
    factors = RANDOM.normal(size=(COLUMNS, DIM)).astype(np.float32)
    gram = 0.3 * factors.T @ factors
    l2 = RANDOM.uniform(0.5, 2, size=ROWS).astype(np.float32)
    start = RANDOM.normal(size=(ROWS, DIM)).astype(np.float32)
    parts = LeastSquares(
        tf.constant(splits, tf.int64),
        tf.constant(columns, tf.int32),
        tf.constant(weights),
        tf.constant(targets),
    )
    return parts, factors, gram.astype(np.float32), l2, start


def by_row(problem):
    """Yield what each row has: its matrix A, its right side b and Σ w y²."""
    (splits, columns, weights, targets), factors, gram, l2, _ = problem
    for row in range(ROWS):
        matrix, right, squares = gram.astype(np.float64) + l2[row] * np.eye(DIM), np.zeros(DIM), 0.0
        for j in range(splits[row], splits[row + 1]):
            q, w, y = factors[columns[j]].astype(np.float64), float(weights[j]), float(targets[j])
            matrix, right, squares = (
                matrix + w * np.outer(q, q),
                right + w * y * q,
                squares + w * y**2,
            )
        yield matrix, right, squares


def test_exact_solution_and_its_objective(problem, use_native) -> None:
    solutions, losses = solve_rows(*problem, use_native=use_native)
    for row, (matrix, right, squares) in enumerate(by_row(problem)):
        x = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(solutions[row], x, rtol=1e-3, atol=1e-4)
        loss = squares - 2 * right @ x + x @ matrix @ x
        np.testing.assert_allclose(losses[row], loss, rtol=1e-3, atol=1e-3)


def test_steps_of_conjugate_gradient(problem, use_native) -> None:
    """Against the algorithm as it is in textbooks, in double precision."""
    start = problem[-1].astype(np.float64)
    solutions, losses = solve_rows(*problem, steps=3, use_native=use_native)
    for row, (matrix, right, squares) in enumerate(by_row(problem)):
        x, residual = start[row], right - matrix @ start[row]
        direction = residual
        for _ in range(3):
            rate = residual @ residual / (direction @ matrix @ direction)
            x, after = x + rate * direction, residual - rate * matrix @ direction
            direction = after + after @ after / (residual @ residual) * direction
            residual = after
        np.testing.assert_allclose(solutions[row], x, rtol=2e-3, atol=1e-3)
        loss = squares - 2 * right @ x + x @ matrix @ x
        np.testing.assert_allclose(losses[row], loss, rtol=2e-3, atol=2e-3)


def test_from_the_solution_it_stays(problem, use_native) -> None:
    exact, _ = solve_rows(*problem, use_native=use_native)
    again, _ = solve_rows(*problem[:-1], exact, steps=4, use_native=use_native)
    np.testing.assert_allclose(again, exact, atol=1e-4)


def test_a_row_without_one_solution_is_an_error() -> None:
    parts = LeastSquares(
        tf.constant([0, 1], tf.int64), tf.constant([0]), tf.constant([1.0]), tf.constant([1.0])
    )
    arguments = (tf.ones([1, 2]), -tf.eye(2), tf.zeros([1]), tf.zeros([1, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Raise `l2`"):
        solve_rows(parts, *arguments)


def test_a_column_outside_of_the_table_is_an_error() -> None:
    parts = LeastSquares(
        tf.constant([0, 1], tf.int64), tf.constant([9]), tf.constant([1.0]), tf.constant([1.0])
    )
    arguments = (tf.ones([1, 2]), tf.eye(2), tf.ones([1]), tf.zeros([1, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Column 9"):
        solve_rows(parts, *arguments)
