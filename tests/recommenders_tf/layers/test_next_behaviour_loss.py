import numpy as np
import tensorflow as tf

from recommenders_tf.layers import NextBehaviourLoss

LENGTHS = np.array([0, 1, 3, 4])
MASK = np.arange(4) < LENGTHS[:, np.newaxis]


def batch():
    random = np.random.default_rng(0)
    states, behaviours = random.normal(size=[2, 4, 4, 3]).astype(np.float32)
    return states, behaviours, np.where(MASK, random.integers(2, 6, [4, 4]), 0)


def test_equation() -> None:
    """Eq. 6, step by step, with the negatives that were drawn; none is the clicked item."""
    states, behaviours, ids = batch()
    layer = NextBehaviourLoss(seed=3)
    drawn = NextBehaviourLoss(seed=3).draw(tf.constant(MASK)).numpy()
    losses, same = [], 0
    for row, length in enumerate(LENGTHS):
        for t in range(length - 1):
            place = np.unravel_index(drawn[row, t], MASK.shape)
            loss = np.log1p(np.exp(-states[row, t] @ behaviours[row, t + 1]))
            if ids[place] != ids[row, t + 1]:
                loss += np.log1p(np.exp(states[row, t] @ behaviours[place]))
            else:
                same += 1
            losses.append(loss)
    assert same  # so that leaving them out is tested
    inputs = [tf.constant(part) for part in (states, behaviours, ids, MASK)]
    np.testing.assert_allclose(layer(*inputs), np.mean(losses), rtol=1e-5)


def test_draws_every_real_behaviour_alike_and_no_padding() -> None:
    layer = NextBehaviourLoss(seed=1)
    drawn = np.concatenate([layer.draw(tf.constant(MASK)).numpy().ravel() for _ in range(500)])
    places, counts = np.unique(drawn, return_counts=True)
    assert places.tolist() == np.flatnonzero(MASK).tolist()
    assert counts.max() < 1.3 * counts.min()


def test_without_a_next_step_it_is_zero() -> None:
    states, behaviours, ids = batch()
    for mask in (np.zeros_like(MASK), MASK & (np.arange(4) < 1)):
        inputs = [tf.constant(part) for part in (states, behaviours, ids, mask)]
        assert NextBehaviourLoss()(*inputs) == 0


def test_compiles() -> None:
    """Behaviours that are all alike have the same loss whatever is drawn."""
    states, behaviours, ids = batch()
    behaviours = np.broadcast_to(behaviours[:1, :1], behaviours.shape)
    ids = np.arange(ids.size).reshape(ids.shape)
    mask = np.ones_like(MASK)
    inputs = [tf.constant(part) for part in (states, behaviours, ids, mask)]
    compiled = tf.function(NextBehaviourLoss(seed=3).__call__, jit_compile=True)(*inputs)
    inner = states[:, :-1] @ behaviours[0, 0]
    least, most = np.log1p(np.exp(-inner)), np.log1p(np.exp(-inner)) + np.log1p(np.exp(inner))
    assert least.mean() < compiled <= most.mean() + 1e-5
