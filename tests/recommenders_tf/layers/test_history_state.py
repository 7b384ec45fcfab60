import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import HistoryState


@pytest.fixture(scope="module")
def schema():
    return rtf.data.encode(rtf.data.synthetic()).schema


def padded(schema, pasts, on_left):
    """Return a batch of pasts with padding on one side."""
    length = schema["history"].max_length
    items, mask = np.zeros([len(pasts), length], np.int64), np.zeros([len(pasts), length], bool)
    for row, past in enumerate(pasts):
        place = slice(length - len(past), length) if on_left else slice(len(past))
        items[row, place], mask[row, place] = past, True
    return {"history": tf.constant(items), "history_mask": tf.constant(mask)}


@pytest.mark.parametrize("encoder", ["attention", "gru"])
def test_state_after_the_last_step_wherever_padding_is(schema, encoder) -> None:
    layer = HistoryState(schema, "history", 6, encoder)
    pasts = [[5], [5, 9, 3], [9, 5, 3], [4, 5, 9, 3], []]
    states = layer(padded(schema, pasts, on_left=True)).numpy()
    np.testing.assert_allclose(layer(padded(schema, pasts, on_left=False)), states, atol=1e-6)
    np.testing.assert_array_equal(states[4], np.zeros(6))
    for one, other in ((0, 1), (1, 2), (1, 3)):  # what came before counts, its order, and how far
        assert np.abs(states[one] - states[other]).max() > 1e-4


def test_one_step_of_the_gru(schema) -> None:
    """Cho et al. 2014 from a state of zero: u ∘ tanh(Wʰ i + bʰ), with u = σ(Wᵘ i + bᵘ)."""
    layer = HistoryState(schema, "history", 6, "gru")
    batch = padded(schema, [[5], [7]], on_left=True)
    layer(batch)
    layer.encode.bias.assign(np.linspace(-1, 1, 18))
    vectors = layer.embed.rows({"history": tf.constant([[5], [7]])}, "history").numpy()[:, 0]
    assert np.abs(vectors).max() > 0
    projected = vectors @ layer.encode.kernel.numpy() + layer.encode.bias.numpy()
    update, candidate = 1 / (1 + np.exp(-projected[:, :6])), np.tanh(projected[:, 12:])
    np.testing.assert_allclose(layer(batch), update * candidate, rtol=1e-4, atol=1e-6)


def test_an_unknown_encoder_is_named(schema) -> None:
    with pytest.raises(ValueError, match="`encoder` is `lstm`; it must be one of attention, gru"):
        HistoryState(schema, "history", 6, "lstm")


def test_serialization(schema) -> None:
    layer = HistoryState(schema, "history", 6, "gru", 0.2)
    again = HistoryState.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
