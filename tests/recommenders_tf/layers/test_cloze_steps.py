import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import ClozeSteps

REMAINING = np.array([[6, 5, 4, 3, 2, 1, 4, 3, 2, 1], [5, 4, 3, 2, 1, 0, 0, 0, 0, 0]])
ENDS = {0: (5, 9), 1: (4,)}


def gaps(layer, times):
    """How often each step is a gap."""
    remaining = np.repeat(REMAINING, times, axis=0)
    places, counts = (part.numpy() for part in layer(tf.constant(remaining)))
    found = np.zeros(remaining.shape)
    for row, at in enumerate(places):
        assert len(set(at[counts[row] > 0])) == np.count_nonzero(counts[row])
        found[row, at[counts[row] > 0]] = 1
    return found.reshape(2, times, 10)


def test_a_share_of_the_real_steps_all_alike() -> None:
    found = gaps(ClozeSteps(0.4, seed=1), 4000)
    assert (found[0].sum(axis=1) == 4).all()
    assert (found[1].sum(axis=1) == 2).all()
    np.testing.assert_allclose(found[0].mean(axis=0), 0.4, atol=0.04)
    np.testing.assert_allclose(found[1, :, :5].mean(axis=0), 0.4, atol=0.04)
    assert not found[1, :, 5:].any()


def test_the_last_step_of_each_sequence_alone() -> None:
    found = gaps(ClozeSteps(0.4, last_share=1.0, seed=1), 5)
    for row, ends in ENDS.items():
        assert (found[row].nonzero()[1].reshape(5, -1) == ends).all()


def test_sequences_are_drawn_one_by_one() -> None:
    found = gaps(ClozeSteps(0.3, last_share=0.5, seed=1), 4000)
    # Of a row's two sequences one may be told from its last step and the other from any.
    first, second = found[0, :, :5].any(axis=1), found[0, :, 6:9].any(axis=1)
    for mixed in (first & ~second & (found[0, :, 9] > 0), second & ~first & (found[0, :, 5] > 0)):
        assert 0.1 < mixed.mean() < 0.4
    assert found.any(axis=2).all()


def test_config_and_bad_shares() -> None:
    config = ClozeSteps(0.2, 0.1, seed=4).get_config()
    assert ClozeSteps.from_config(config).get_config() == config
    for share, last in ((0.0, 0.1), (1.0, 0.1), (0.2, 1.5)):
        with pytest.raises(ValueError, match="`share` must lie between 0 and 1"):
            ClozeSteps(share, last)
