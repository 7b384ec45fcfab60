import numpy as np
import tensorflow as tf

from recommenders_tf.layers import SegmentSteps

REMAINING = np.array([[0, 6, 5, 4, 3, 2, 1, 3, 2, 1], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0] * 10])
SEQUENCES = ((1, 7), (7, 10))


def test_segments_lie_within_one_sequence_and_are_at_most_half_of_it() -> None:
    remaining = np.repeat(REMAINING[:1], 3000, axis=0)
    segment, last = (part.numpy() for part in SegmentSteps(seed=1)(tf.constant(remaining)))
    found = {(1, 7): [], (7, 10): []}
    for steps, end in zip(segment, last, strict=True):
        places = np.flatnonzero(steps)
        (own,) = [(a, b) for a, b in SEQUENCES if a <= places[0] < b]
        assert np.flatnonzero(end).tolist() == [own[1] - 1]
        assert places.tolist() == list(range(places[0], places[-1] + 1))
        assert places[-1] < own[1]
        found[own].append((len(places), places[0]))
    long, short = (np.array(found[own]) for own in SEQUENCES)
    np.testing.assert_allclose(len(long) / 3000, 6 / 9, atol=0.04)
    np.testing.assert_allclose(np.bincount(long[:, 0]) / len(long), [0, *[1 / 3] * 3], atol=0.05)
    for length in (1, 2, 3):  # every place is as likely as another
        first = np.bincount(long[long[:, 0] == length, 1])[1:]
        np.testing.assert_allclose(first / first.sum(), 1 / (7 - length), atol=0.05)
        assert len(first) == 7 - length
    assert set(short[:, 0]) == {1}


def test_a_single_step_and_padding_have_no_segment() -> None:
    segment, last = SegmentSteps(seed=1)(tf.constant(REMAINING))
    assert not segment.numpy()[1:].any()
    assert not last.numpy()[1:].any()


def test_config_round_trip() -> None:
    config = SegmentSteps(seed=4).get_config()
    assert SegmentSteps.from_config(config).get_config() == config
