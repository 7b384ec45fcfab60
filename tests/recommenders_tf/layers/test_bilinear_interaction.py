import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import BilinearInteraction
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)
PAIRS = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
KINDS = {  # the place of each pair's matrix
    "all": [0, 0, 0, 0, 0, 0],
    "each": [0, 0, 1, 0, 1, 2],
    "interaction": [0, 1, 2, 3, 4, 5],
}


@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind) -> None:
    run_layer_test(lambda: BilinearInteraction(kind), (tf.constant(VECTORS),), (5, 6, 3), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_equation(kind) -> None:
    """Huang et al. 2019, section 3.4, pair by pair."""
    layer = BilinearInteraction(kind)
    layer(VECTORS)
    kernel = layer.get_weights()[0]
    assert len(kernel) == max(KINDS[kind]) + 1
    expected = [
        [
            (example[i] @ kernel[place]) * example[j]
            for (i, j), place in zip(PAIRS, KINDS[kind], strict=True)
        ]
        for example in VECTORS
    ]
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-5)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="`kind` is `field`; it must be one of all, each, inter"):
        BilinearInteraction("field")
