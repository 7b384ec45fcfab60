import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import CompressedInteraction
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: CompressedInteraction([6, 2]), (tf.constant(VECTORS),), (5, 8), 2)


@pytest.mark.parametrize("units", [[3], [3, 5], [3, 5, 2]])
def test_equation(units) -> None:
    """Lian et al. 2018, eq. 6 and 7, vector by vector; the layer never makes the last ones."""
    layer = CompressedInteraction(units)
    layer(VECTORS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    expected = []
    for start in VECTORS:
        before, sums = start, []
        for kernel, width in zip(layer.get_weights(), units, strict=True):
            weights = kernel.reshape(len(before), len(start), width)
            after = np.zeros([width, start.shape[1]])
            for h in range(width):
                for i, a in enumerate(before):
                    for j, b in enumerate(start):
                        after[h] += weights[i, j, h] * a * b
            sums.append(after.sum(axis=1))
            before = after
        expected.append(np.concatenate(sums))
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-4)


def test_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="vectors of at least one layer; it is empty"):
        CompressedInteraction([])
