import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import BilinearFusion
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
FIRST = RANDOM.normal(size=(5, 4)).astype(np.float32)
SECOND = RANDOM.normal(size=(5, 6)).astype(np.float32)


def test_contract() -> None:
    inputs = ((tf.constant(FIRST), tf.constant(SECOND)),)
    run_layer_test(lambda: BilinearFusion(2), inputs, (5, 1), 3)


@pytest.mark.parametrize("heads", [1, 2])
def test_equation(heads) -> None:
    """Mao et al. 2023, section on the fusion: the sum over heads of each one's own fusion."""
    layer = BilinearFusion(heads)
    layer([FIRST, SECOND])
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    weight, kernel, bias = layer.linear.kernel.numpy(), layer.kernel.numpy(), layer.linear.bias
    expected = []
    for first, second in zip(FIRST, SECOND, strict=True):
        total = bias.numpy() + first @ weight[:4] + second @ weight[4:]
        parts = zip(np.split(first, heads), kernel, np.split(second, heads), strict=True)
        expected.append(total + sum(one @ matrix @ other for one, matrix, other in parts))
    np.testing.assert_allclose(layer([FIRST, SECOND]), expected, rtol=1e-4, atol=1e-5)


def test_heads_that_do_not_divide_a_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 `heads` don't divide a vector 4 wide"):
        BilinearFusion(3)([FIRST, SECOND])


def test_the_first_outputs_do_not_grow_with_the_number_of_products() -> None:
    """Of 40,000 products the output is as large as of 16, or training starts far from 0."""
    spread = []
    for width in (4, 200):
        first, second = RANDOM.normal(size=(2, 400, width)).astype(np.float32)
        layer = BilinearFusion()
        layer([first, second])
        layer.linear.kernel.assign(tf.zeros_like(layer.linear.kernel))
        spread.append(np.std(layer([first, second])))
    assert spread[1] < 2 * spread[0] < 8
