import numpy as np
import pytest

from recommenders_tf.data.packing import pack


def occupied(lengths, rows, places, capacity):
    """How many lists cover each place."""
    covers = np.zeros([rows.max() + 1, capacity], int)
    for length, row, place in zip(lengths, rows, places, strict=True):
        assert place + length <= capacity
        covers[row, place : place + length] += 1
    return covers


@pytest.mark.parametrize("seed", range(5))
def test_every_list_has_a_place_of_its_own_and_rows_are_full(seed) -> None:
    lengths = np.random.default_rng(seed).integers(1, 51, 3000)
    rows, places = pack(lengths, capacity=50)
    covers = occupied(lengths, rows, places, 50)
    assert covers.max() == 1
    assert covers.mean() > 0.97


def test_lists_longer_than_half_a_row_stand_alone() -> None:
    rows, places = pack([6] * 7, capacity=10)
    assert sorted(rows.tolist()) == list(range(7))
    assert not places.any()


def test_no_lists() -> None:
    assert [part.size for part in pack([], capacity=3)] == [0, 0]


@pytest.mark.parametrize("lengths", [[0, 2], [2, 4]])
def test_lengths_that_do_not_fit_are_named(lengths) -> None:
    with pytest.raises(ValueError, match=r"Lists of 1 to 3 can be packed; the shortest has"):
        pack(lengths, capacity=3)
