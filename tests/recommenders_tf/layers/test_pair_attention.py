import itertools

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import PairAttention
from tests.harness import run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: PairAttention(6), (tf.constant(VECTORS),), (5, 3), 3)


def test_equation() -> None:
    """Xiao et al. 2017, equations 4 and 5, one example and pair at a time."""
    layer = PairAttention(6)
    layer(VECTORS)
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    kernel, bias, score = layer.get_weights()
    for example, pooled in zip(VECTORS, layer(VECTORS), strict=True):
        pairs = [a * b for a, b in itertools.combinations(example, 2)]
        scores = [np.maximum(pair @ kernel + bias, 0) @ score[:, 0] for pair in pairs]
        shares = np.exp(scores) / np.exp(scores).sum()
        expected = sum(share * pair for share, pair in zip(shares, pairs, strict=True))
        np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_penalty_is_on_the_attention_matrix_alone() -> None:
    layer = PairAttention(6, l2=0.5)
    layer(VECTORS)
    kernel, bias, score = layer.get_weights()
    layer.set_weights([kernel, bias + 7, score + 7])
    np.testing.assert_allclose(sum(layer.losses), 0.5 * (kernel**2).sum(), rtol=1e-5)
    without = PairAttention(6)
    without(VECTORS)
    assert not without.losses


def test_a_lonely_field_is_named() -> None:
    with pytest.raises(ValueError, match="1 field; attention to pairs needs at least two"):
        PairAttention(6)(VECTORS[:, :1])
