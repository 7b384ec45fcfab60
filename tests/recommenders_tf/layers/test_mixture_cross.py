import numpy as np
import tensorflow as tf

from recommenders_tf.layers import MixtureCross
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 3)).astype(np.float32)
RANK, EXPERTS = 2, 4


def test_contract() -> None:
    run_layer_test(lambda: MixtureCross(2, RANK, EXPERTS), (tf.constant(INPUTS),), (5, 3), 10)


def test_equation() -> None:
    """Wang et al. 2021, equations 3 and 5, for each example and each expert apart."""
    layer = MixtureCross(2, RANK, EXPERTS)
    layer(INPUTS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    expected = []
    for start in INPUTS:
        x = start
        for weights in layer.blocks:
            values = {name: weight.numpy() for name, weight in weights.items()}
            scores = np.exp(x @ values["gate"])
            total = np.zeros_like(x)
            for expert in range(EXPERTS):
                place = slice(expert * RANK, (expert + 1) * RANK)
                v, u = values["reduction"][:, place], values["expansion"][place].T
                c = values["core"][expert].T
                inner = u @ np.tanh(c @ np.tanh(v.T @ x)) + values["bias"]
                total += scores[expert] / scores.sum() * (start * inner)
            x = total + x
        expected.append(x)
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-4)
