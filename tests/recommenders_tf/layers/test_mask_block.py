import numpy as np
import tensorflow as tf

from recommenders_tf.layers import MaskBlock
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 4)).astype(np.float32)
EMBEDDINGS = RANDOM.normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    inputs = (tf.constant(INPUTS), tf.constant(EMBEDDINGS))
    run_layer_test(lambda: MaskBlock(6), inputs, (5, 6), 7)


def test_equation() -> None:
    """Wang et al. 2021, sections 3.2 and 3.3: the mask, its product, normalized and activated."""
    layer = MaskBlock(6, reduction_ratio=1.5)
    layer(INPUTS, EMBEDDINGS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    w1, b1, w2, b2 = layer.mask.get_weights()
    assert w1.shape == (3, 6)
    hidden = layer.hidden.kernel.numpy()
    gain, shift = layer.normalize.get_weights()
    mask = np.maximum(EMBEDDINGS @ w1 + b1, 0) @ w2 + b2
    product = (mask * INPUTS) @ hidden
    centred = product - product.mean(axis=1, keepdims=True)
    normal = centred / np.sqrt(product.var(axis=1, keepdims=True) + layer.normalize.epsilon)
    expected = np.maximum(normal * gain + shift, 0)
    np.testing.assert_allclose(layer(INPUTS, EMBEDDINGS), expected, rtol=1e-3, atol=1e-5)
