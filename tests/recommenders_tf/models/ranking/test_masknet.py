import numpy as np
import pytest

from recommenders_tf.models import MaskNet


def normalized(values, layer):
    gain, shift = layer.get_weights()
    centred = values - values.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(values.var(axis=-1, keepdims=True) + layer.epsilon) * gain + shift


def block(layer, inputs, embeddings):
    """Wang et al. 2021, sections 3.2 and 3.3."""
    w1, b1, w2, b2 = layer.mask.get_weights()
    mask = np.maximum(embeddings @ w1 + b1, 0) @ w2 + b2
    hidden = (mask * inputs) @ layer.hidden.kernel.numpy()
    return np.maximum(normalized(hidden, layer.normalize), 0)


@pytest.fixture(params=[("parallel", True), ("parallel", False), ("serial", True)], ids=str)
def model(request, schema, randomized):
    structure, norm = request.param
    return randomized(MaskNet(schema, 3, structure, (5, 4), embedding_norm=norm, hidden_units=(6,)))


def test_equation(model, batch) -> None:
    """Wang et al. 2021, section 3.4: blocks side by side under a network, or in a row."""
    vectors = model.embed(batch).numpy()
    embeddings = vectors.reshape(len(vectors), -1)
    hidden = embeddings
    if model.normalize is not None:
        hidden = normalized(vectors, model.normalize).reshape(len(vectors), -1)
    first, second = model.blocks
    if model.structure == "parallel":
        sides = [block(layer, hidden, embeddings) for layer in (first, second)]
        w1, b1, w2, b2 = model.deep.get_weights()
        expected = np.maximum(np.concatenate(sides, axis=1) @ w1 + b1, 0) @ w2 + b2
    else:
        weight, bias = model.deep.get_weights()
        row = block(second, block(first, hidden, embeddings), embeddings)
        expected = row @ weight + bias
    np.testing.assert_allclose(model(batch), expected, rtol=1e-3)


def test_new_vectors_are_normalized_though_they_are_small(schema, batch) -> None:
    model = MaskNet(schema)
    vectors = model.embed(batch).numpy()
    deviations = model.normalize(vectors).numpy().std(axis=-1)
    np.testing.assert_allclose(deviations[vectors.std(axis=-1) > 0.01], 1, atol=0.1)


def test_bad_arguments_are_named(schema) -> None:
    with pytest.raises(ValueError, match="`structure` is `deep`; it must be parallel or serial"):
        MaskNet(schema, structure="deep")
    with pytest.raises(ValueError, match="`block_units` must name"):
        MaskNet(schema, block_units=())
