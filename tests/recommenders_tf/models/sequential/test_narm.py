import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf


@pytest.mark.parametrize("training", [True, False], ids=["pairs that see one another", "all"])
def test_states_are_the_equations_by_loops(planted_log, training) -> None:
    """Li et al. 2017, eq. 4 to 10, the states of the recurrent network given."""
    schema = rtf.data.encode(planted_log).schema
    model = rtf.models.NARM(schema, embedding_dim=4, hidden_dim=5, dropout=0, state_dropout=0)
    random = np.random.default_rng(0)
    vectors = tf.constant(random.normal(size=[2, 7, 4]), tf.float32)
    remaining = np.array([[2, 1, 4, 3, 2, 1, 0], [0, 0, 5, 4, 3, 2, 1]], np.int32)
    model.encode(vectors, tf.constant(remaining))
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    found = model.encode(vectors, tf.constant(remaining), training=training).numpy()
    starts = np.array([[1, 0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0]], bool)
    states = model.recur(vectors, tf.constant(remaining > 0), starts=tf.constant(starts)).numpy()
    a1, a2, v, b = (
        layer.kernel.numpy() for layer in (model.of_last, model.of_each, model.weigh, model.decode)
    )
    for row, begin, end in ((0, 0, 2), (0, 2, 6), (1, 2, 7)):
        for t in range(begin, end):
            local = np.zeros(5)
            for j in range(begin, t + 1):
                hidden = 1 / (1 + np.exp(-(states[row, t] @ a1 + states[row, j] @ a2)))
                local += (hidden @ v) * states[row, j]
            expected = np.concatenate([states[row, t], local]) @ b
            np.testing.assert_allclose(found[row, t], expected, rtol=1e-3, atol=1e-4)
