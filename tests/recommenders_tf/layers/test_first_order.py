import numpy as np
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import FirstOrder
from tests.harness import precision


def test_one_weight_a_feature_times_its_value(planted_log) -> None:
    encoded = rtf.data.encode(planted_log)
    batch, _ = next(iter(encoded.batches(6, shuffle=False)))
    layer = FirstOrder(encoded.schema, ["user_id", "price", "genres"], use_bias=True)
    assert layer(batch).shape == (6, 1)
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    mask = batch["genres_mask"].numpy()
    of_genres = layer.embed.table("genres").numpy()[batch["genres"].numpy(), 0] * mask
    expected = (
        layer.bias.numpy()
        + layer.embed.table("user_id").numpy()[batch["user_id"].numpy(), 0]
        + layer.embed.vectors.numpy()[0, 0] * batch["price"].numpy()
        + of_genres.sum(1) / np.maximum(mask.sum(1), 1)
    )
    np.testing.assert_allclose(layer(batch)[:, 0], expected, rtol=1e-4)
    again = FirstOrder.from_config(layer.get_config())
    again(batch)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(batch), layer(batch))
    with precision("mixed_bfloat16"):
        assert FirstOrder(encoded.schema, ["user_id"])(batch).dtype == tf.float32
