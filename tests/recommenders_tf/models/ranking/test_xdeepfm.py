import numpy as np

from recommenders_tf.models import XDeepFM


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Lian et al. 2018, eq. 6, 7 and 15: linear part, compressed interactions and a network."""
    model = randomized(XDeepFM(schema, 3, cross_units=(4, 2), hidden_units=(5,)))
    weights = column_vectors(model.first_order.embed, model.first_order.embed.vectors.numpy())
    start = model.embed(batch).numpy()
    fields = start.shape[1]
    w1, w2 = model.interact.get_weights()
    first = np.einsum("bid,bjd,ijh->bhd", start, start, w1.reshape(fields, fields, 4))
    second = np.einsum("bid,bjd,ijh->bhd", first, start, w2.reshape(4, fields, 2))
    sums = np.concatenate([first.sum(2), second.sum(2)], axis=1)
    v1, b1, v2, b2 = model.deep.get_weights()
    deep = np.maximum(start.reshape(len(start), -1) @ v1 + b1, 0) @ v2 + b2
    expected = sum(weights.values()) + sums @ model.cross_logit.get_weights()[0] + deep
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)
