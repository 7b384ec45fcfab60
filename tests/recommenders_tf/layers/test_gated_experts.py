import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import GatedExperts
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
GATES, EXPERTS, UNITS = 2, 4, 6
SHAPES = [
    ((5, 3), (5, EXPERTS, UNITS)),
    ((5, GATES, 3), (5, EXPERTS, UNITS)),
    ((5, GATES, 3), (5, GATES, EXPERTS, UNITS)),
]


@pytest.fixture(params=SHAPES)
def tensors(request) -> tuple[tf.Tensor, tf.Tensor]:
    looked_at, experts = (RANDOM.normal(size=shape).astype(np.float32) for shape in request.param)
    return tf.constant(looked_at), tf.constant(experts)


def test_contract(tensors) -> None:
    run_layer_test(lambda: GatedExperts(GATES, EXPERTS), tensors, (5, GATES, UNITS), 1)


def test_equation(tensors) -> None:
    """Ma et al. 2018, equations 6 and 7, for each example, gate and expert apart."""
    layer = GatedExperts(GATES, EXPERTS)
    layer(*tensors)
    (kernel,) = (RANDOM.normal(size=w.shape) for w in layer.get_weights())
    layer.set_weights([kernel])
    looked_at, experts = (tensor.numpy() for tensor in tensors)
    expected = np.zeros((5, GATES, UNITS))
    for example in range(5):
        for gate in range(GATES):
            x = looked_at[example] if looked_at.ndim == 2 else looked_at[example, gate]
            outputs = experts[example] if experts.ndim == 3 else experts[example, gate]
            shares = np.exp(x @ kernel[:, gate])
            for share, output in zip(shares / shares.sum(), outputs, strict=True):
                expected[example, gate] += share * output
    np.testing.assert_allclose(layer(*tensors), expected, rtol=1e-4, atol=1e-6)
