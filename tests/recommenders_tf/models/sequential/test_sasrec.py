import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf


@pytest.mark.parametrize("blocks", [0, 2])
def test_scaled_vectors_and_positions_go_through_the_blocks_and_a_norm(planted_log, blocks) -> None:
    """Kang and McAuley 2018, sec. 3.1 to 3.3, and the authors' factor of the root of the width."""
    model = rtf.models.SASRec(rtf.data.encode(planted_log).schema, embedding_dim=9, blocks=blocks)
    random = np.random.default_rng(0)
    length = model.column.max_length
    vectors = random.normal(size=[2, length, 9]).astype(np.float32)
    remaining = tf.constant([[*range(length, 0, -1)]] * 2, tf.int32)
    visible = tf.constant(np.tril(np.ones([2, length, length], bool)))
    model.encode(tf.constant(vectors), remaining)
    model.attend.positions.vectors.assign(random.normal(size=[length, 9]))
    steps = 3 * vectors + model.attend.positions.vectors.numpy()[::-1]
    for block in model.attend.layers_of_blocks:
        assert not block.project
        assert (block.norm, block.heads, block.hidden_units) == ("pre", 1, 9)
        steps = block(steps, visible).numpy()
    expected = (steps - steps.mean(-1, keepdims=True)) / np.sqrt(
        steps.var(-1, keepdims=True) + 1e-3
    )
    states = model.encode(tf.constant(vectors), remaining)
    np.testing.assert_allclose(states, expected, rtol=1e-3, atol=1e-4)
