import numpy as np
import tensorflow as tf

from recommenders_tf.layers import FieldAttention
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)
UNITS, HEADS = 2, 3


def test_contract() -> None:
    run_layer_test(lambda: FieldAttention(UNITS, HEADS), (tf.constant(VECTORS),), (5, 4, 6), 4)


def test_equation() -> None:
    """Song et al. 2019, eq. 5 to 8, for each example, head and field apart."""
    layer = FieldAttention(UNITS, HEADS)
    layer(VECTORS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    query, key, value, residual = layer.get_weights()
    expected = []
    for example in VECTORS:
        fields = []
        for own in example:
            heads = []
            for head in range(HEADS):
                part = slice(head * UNITS, (head + 1) * UNITS)
                scores = [(own @ query[:, part]) @ (e @ key[:, part]) for e in example]
                weights = np.exp(scores) / np.exp(scores).sum()
                heads.append(
                    sum(w * (e @ value[:, part]) for w, e in zip(weights, example, strict=True))
                )
            fields.append(np.maximum(np.concatenate(heads) + own @ residual, 0))
        expected.append(fields)
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_the_fields_does_not_matter() -> None:
    layer = FieldAttention(UNITS, HEADS)
    turned = layer(VECTORS[:, ::-1])
    np.testing.assert_allclose(layer(VECTORS), turned[:, ::-1], rtol=1e-5, atol=1e-6)
