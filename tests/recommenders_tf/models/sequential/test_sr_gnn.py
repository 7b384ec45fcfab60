import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import visible_steps


@pytest.fixture(scope="module")
def model(planted_log):
    schema = rtf.data.encode(planted_log).schema
    made = rtf.models.SRGNN(schema, embedding_dim=4)
    made.encode(tf.zeros([1, 3, 4]), tf.constant([[3, 2, 1]]))
    random = np.random.default_rng(0)
    for weight in made.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return made


def test_states_join_the_last_node_and_what_it_attends_to(model) -> None:
    """Wu et al. 2019, eq. 6 and 7, the nodes given."""
    items = np.array([[4, 5, 4, 9, 9, 4]])
    remaining = tf.constant([[4, 3, 2, 1, 2, 1]])
    vectors = tf.constant(np.random.default_rng(1).normal(size=[10, 4])[items], tf.float32)
    found = model.encode(vectors, remaining, items=tf.constant(items)).numpy()
    together = visible_steps(remaining, causal=False).numpy()
    same = (items[:, :, None] == items[:, None]) & together
    visible = visible_steps(remaining, causal=True)
    nodes = model.graph(vectors, tf.constant(same), visible).numpy()[0]
    w1, w2, c, q, w3 = (
        w.numpy()
        for layer in (model.of_last, model.of_each, model.weigh, model.join)
        for w in layer.weights
    )
    for begin, end in ((0, 4), (4, 6)):
        for t in range(begin, end):
            general = np.zeros(4)
            for i in range(begin, t + 1):
                hidden = 1 / (1 + np.exp(-(nodes[t, t] @ w1 + nodes[t, i] @ w2 + c)))
                general += (hidden @ q) * nodes[t, i]
            expected = np.concatenate([nodes[t, t], general]) @ w3
            np.testing.assert_allclose(found[0, t], expected, rtol=1e-3, atol=1e-4)


def test_going_back_and_forth_counts(model) -> None:
    remaining = tf.constant([[3, 2, 1]])
    vectors = tf.constant(np.random.default_rng(1).normal(size=[1, 3, 4]), tf.float32)
    apart, back = (
        model.encode(vectors, remaining, items=tf.constant([ids])).numpy()
        for ids in ([4, 5, 6], [4, 5, 4])
    )
    np.testing.assert_allclose(apart[0, :2], back[0, :2], rtol=1e-4)
    assert np.abs(apart[0, 2] - back[0, 2]).max() > 1e-3


@pytest.mark.parametrize("padding", [(2, 0), (0, 2), (0, 0)], ids=["left", "right", "none"])
def test_the_state_of_a_request_is_that_after_the_last_step(model, padding) -> None:
    items = np.pad([[4, 5, 4, 6, 5, 4], [7, 5, 5, 5, 7, 5]], [(0, 0), padding])
    mask = items > 0
    features = {"history": tf.constant(items), "history_mask": tf.constant(mask)}
    remaining = model.remaining(features)
    states = model.states(features, remaining).numpy()
    assert np.abs(states[:, padding[0] + 5] - states[:, padding[0] + 4]).max() > 1e-3
    found = model.last_state(features, remaining).numpy()
    np.testing.assert_allclose(found, states[:, padding[0] + 5], rtol=1e-4, atol=1e-5)
