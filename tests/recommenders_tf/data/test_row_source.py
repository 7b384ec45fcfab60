from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.data.row_source import RowSource


class Rows(RowSource):
    """Rows that are their own index."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def gather(self, index: tf.Tensor) -> tf.Tensor:
        return index


def take(count: int, steps: int, batch_size: int = 64, **kwargs) -> list[np.ndarray]:
    return list(Rows(count).stream(batch_size, **kwargs).take(steps).as_numpy_iterator())


def test_a_pass_of_a_stream_has_every_row_once_in_an_order_of_its_own() -> None:
    batches = take(1000, 48, seed=1)
    assert [len(batch) for batch in batches] == ([64] * 15 + [40]) * 3
    passes = [np.concatenate(batches[start : start + 16]) for start in (0, 16, 32)]
    for order in passes:
        assert sorted(order) == list(range(1000))
    assert len({tuple(order) for order in passes}) == 3


def test_the_seed_decides_the_order() -> None:
    first, again, other = (np.concatenate(take(1000, 20, seed=seed)) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).mean() > 0.9


@pytest.mark.parametrize("start", [1, 13, 15, 16, 40])
def test_a_stream_goes_on_where_another_stopped(start: int) -> None:
    whole = take(1000, 48, seed=2)
    rest = take(1000, 48 - start, seed=2, start=start)
    for expected, batch in zip(whole[start:], rest, strict=True):
        np.testing.assert_array_equal(expected, batch)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_shards_of_a_batch_are_the_batch(count: int) -> None:
    whole = take(1000, 32, seed=3)
    shards = [take(1000, 32, seed=3, shard=(part, count)) for part in range(count)]
    for expected, *parts in zip(whole, *shards, strict=True):
        np.testing.assert_array_equal(expected, np.concatenate(parts))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def spread(values: np.ndarray, limit: int) -> float:
    """Return the chi-square of values in 64 equal cells, divided by its degrees of freedom."""
    counts = np.bincount(values * 64 // limit, minlength=64)
    expected = len(values) / 64
    return float(((counts - expected) ** 2).sum() / expected / 63)


def test_the_order_is_random_within_and_between_passes() -> None:
    count = 100_000
    first, second = (order.astype(np.int64) for order in take(count, 2, batch_size=count))
    # Any of these is 1 ± 0.18 of a random order; a weak cipher or a reused key is far from it.
    steps, between = (np.diff(first) % count, (second - first) % count)
    for values in (steps, between, first[:10_000]):
        assert 0.4 < spread(values, count) < 1.8


def test_a_finite_pass_is_new_every_time_and_follows_the_global_seed() -> None:
    def passes(seed: int | None) -> Iterator[list[int]]:
        dataset = Rows(100).batches(32, seed=seed)
        assert len(dataset) == 4
        for _ in range(2):
            yield np.concatenate(list(dataset.as_numpy_iterator())).tolist()

    first, second = passes(seed=7)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert [first, second] == list(passes(seed=7))
    tf.random.set_seed(11)
    seeded = list(passes(seed=None))
    tf.random.set_seed(11)
    assert seeded == list(passes(seed=None))


def test_unshuffled_batches_keep_the_order() -> None:
    batches = list(Rows(100).batches(32, shuffle=False).as_numpy_iterator())
    assert np.concatenate(batches).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (0, {}, "There are no rows"),
        (10, {"batch_size": 0}, "`batch_size` must be at least 1. Received: 0"),
        (10, {"start": -1}, "`start` must be at least 0. Received: -1"),
        (10, {"shard": (2, 2)}, r"`shard` must be \(index, count\)"),
        (9, {"shard": (0, 2)}, "last batch of a pass has 1 rows, too few for 2 shards"),
    ],
)
def test_bad_arguments_are_refused(count: int, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rows(count).stream(**{"batch_size": 4, **arguments})
