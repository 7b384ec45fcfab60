import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import LatentCross
from recommenders_tf.schema import Column, FeatureSchema


@pytest.fixture(scope="module")
def schema(planted_log):
    schema = rtf.data.encode(planted_log).schema
    hour = Column.from_dict("hour", {"kind": "numeric", "role": "context", "scaling": "none"})
    return FeatureSchema([*schema.columns.values(), hour], schema.name)


@pytest.mark.parametrize("width", [1, 3])
def test_scales_by_one_and_the_sum_of_vectors(schema, width) -> None:
    """Beutel et al. 2018, eq. 4; all steps in one context or each in its own."""
    random = np.random.default_rng(0)
    layer = LatentCross(schema, ["device", "hour"], dim=4)
    states = random.normal(size=[2, 3, 4]).astype(np.float32)
    device = random.integers(2, 5, [2, width])
    hour = random.normal(size=[2, width]).astype(np.float32)
    context = {"device": tf.constant(device), "hour": tf.constant(hour)}
    np.testing.assert_array_equal(layer(tf.constant(states), context), states)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    vectors = layer.embed.table("device").numpy()[device]
    vectors = vectors + hour[:, :, np.newaxis] * layer.embed.vectors.numpy()[0]
    np.testing.assert_allclose(
        layer(tf.constant(states), context), states * (1 + vectors), rtol=1e-5, atol=1e-6
    )


def test_config_round_trip(schema) -> None:
    config = LatentCross(schema, ["device"], dim=4).get_config()
    assert LatentCross.from_config(config).get_config() == config
