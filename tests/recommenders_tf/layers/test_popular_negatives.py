import numpy as np
import tensorflow as tf

from recommenders_tf.layers import PopularNegatives

COUNTS = np.array([0, 0, 1, 16, 0, 81, 256, 0])


def draw(**kwargs) -> np.ndarray:
    layer = PopularNegatives(num_negatives=50, seed=2, **kwargs)
    layer.assign(COUNTS)
    drawn = layer(tf.zeros([800]))
    assert drawn.shape == (800, 50)
    return np.bincount(drawn.numpy().ravel(), minlength=len(COUNTS)) / (800 * 50)


def test_shares_are_those_of_the_counts_to_the_power() -> None:
    weights = np.array([0, 0, 1, 8, 0, 27, 64, 0])  # to the power 3/4
    np.testing.assert_allclose(draw(), weights / 100, atol=0.01)
    assert draw()[2] > 0.005


def test_power_zero_is_uniform_over_what_occurs() -> None:
    np.testing.assert_allclose(draw(power=0.0), (COUNTS > 0) / 4, atol=0.01)


def test_config() -> None:
    config = PopularNegatives(3, power=0.5, seed=9).get_config()
    assert PopularNegatives.from_config(config).get_config() == config
    assert (config["num_negatives"], config["power"], config["seed"]) == (3, 0.5, 9)
