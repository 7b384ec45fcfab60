import itertools

import numpy as np
import tensorflow as tf

from recommenders_tf.models import NFM


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """He and Chua 2017, eq. 2 to 7: a network over the sum of all products of two vectors."""
    model = randomized(NFM(schema, embedding_dim=3, hidden_units=(5,), batch_norm=False))
    weights = column_vectors(model.first_order.embed, model.first_order.embed.vectors.numpy())
    vectors = column_vectors(model.embed, model.embed.vectors.numpy())
    pooled = sum(a * b for a, b in itertools.combinations(vectors.values(), 2))
    w1, b1, w2, b2 = model.deep.get_weights()
    deep = (np.maximum(pooled @ w1 + b1, 0) @ w2 + b2)[:, 0]
    expected = sum(weights.values())[:, 0] + deep
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-4)


def test_pooled_pairs_are_normalized_and_dropped(schema, batch) -> None:
    """Both sit between the pooling and the first hidden layer."""
    seen = {}
    model = NFM(schema, embedding_dim=3, hidden_units=(5,), pooling_dropout=0.5, dropout=0.0)
    deep = model.deep.call
    model.deep.call = lambda x, **kwargs: seen.update(x=x) or deep(x, **kwargs)
    tf.keras.utils.set_random_seed(0)
    model(batch, training=True)
    dropped = seen["x"].numpy() == 0
    assert 0 < dropped.mean() < 1
    pooled = model.pool(model.embed(batch))
    normalized = model.normalize(pooled, training=True).numpy()
    np.testing.assert_allclose(seen["x"][~dropped], 2 * normalized[~dropped], rtol=1e-4)
