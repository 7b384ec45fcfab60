import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import WindowConvolution
from tests.harness import run_layer_test


def test_is_the_equations_by_loops() -> None:
    """Tang and Wang 2018, eq. 4 to 7, over the last steps of the same sequence alone."""
    random = np.random.default_rng(0)
    window, horizontal, vertical, dim = 3, 4, 2, 5
    remaining = np.array([[2, 1, 4, 3, 2, 1, 0], [0, 0, 5, 4, 3, 2, 1]])
    inputs = random.normal(size=[2, 7, dim]).astype(np.float32)
    layer = WindowConvolution(window, horizontal, vertical)
    layer(tf.constant(inputs), tf.constant(remaining))
    layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    found = layer(tf.constant(inputs), tf.constant(remaining)).numpy()
    sums, biases = layer.sums.numpy(), layer.biases.numpy()
    for row, step in zip(*np.nonzero(remaining), strict=True):
        matrix = np.zeros([window, dim])
        for back in range(window):
            if step >= back and remaining[row, step - back] == remaining[row, step] + back:
                matrix[window - 1 - back] = inputs[row, step - back]
        expected = []
        for height in range(1, window + 1):
            filters = layer.filters[height - 1].numpy().reshape(height, dim, horizontal)
            for f in range(horizontal):
                values = [
                    np.sum(filters[:, :, f] * matrix[i : i + height]) + biases[height - 1, f]
                    for i in range(window - height + 1)
                ]
                expected.append(max(0, *values))
        for f in range(vertical):
            expected += list(sums[:, f] @ matrix)
        np.testing.assert_allclose(found[row, step], expected, rtol=1e-4, atol=1e-5)


def test_keeps_the_contract_of_layers() -> None:
    inputs = tf.random.stateless_normal([3, 5, 4], [0, 1])
    remaining = tf.constant([[5, 4, 3, 2, 1], [2, 1, 3, 2, 1], [1, 0, 0, 0, 0]])
    run_layer_test(lambda: WindowConvolution(2, 3, 2), (inputs, remaining), (3, 5, 14), 4)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="must be at least 1; they are 0, 3 and 2"):
        WindowConvolution(0, 3, 2)
