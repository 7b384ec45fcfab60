import numpy as np
import pytest

from recommenders_tf.models import AutoInt


def attend(vectors, layer):
    """Eq. 5 to 8 of Song et al. 2019, all heads of a layer."""
    query, key, value, residual = layer.get_weights()
    heads = []
    for head in range(layer.heads):
        part = slice(head * layer.units, (head + 1) * layer.units)
        q, k, v = (vectors @ kernel[:, part] for kernel in (query, key, value))
        scores = np.exp(np.einsum("bmd,bkd->bmk", q, k))
        heads.append(np.einsum("bmk,bkd->bmd", scores / scores.sum(2, keepdims=True), v))
    return np.maximum(np.concatenate(heads, axis=2) + vectors @ residual, 0)


@pytest.mark.parametrize("hidden_units", [(), (5,)])
def test_equation(schema, batch, randomized, hidden_units) -> None:
    """Song et al. 2019, eq. 5 to 9; AutoInt+ adds a network over the first vectors."""
    model = randomized(AutoInt(schema, 3, (4, 4), 2, hidden_units))
    vectors = model.embed(batch).numpy()
    attended = vectors
    for layer in model.attend:
        attended = attend(attended, layer)
    weight, bias = model.logit.get_weights()
    expected = attended.reshape(len(attended), -1) @ weight + bias
    if hidden_units:
        w1, b1, w2, b2 = model.deep.get_weights()
        expected += np.maximum(vectors.reshape(len(vectors), -1) @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)
    assert len(model.attend) == 2


def test_hidden_layers_are_normalized_and_dropped(schema) -> None:
    model = AutoInt(schema, hidden_units=(4,), dropout=0.1, batch_norm=True)
    kinds = [type(block).__name__ for block in model.deep.blocks]
    assert kinds == ["Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]
