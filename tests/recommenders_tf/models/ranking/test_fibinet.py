import numpy as np
import pytest

from recommenders_tf.models import FiBiNET


@pytest.mark.parametrize("bilinear", ["all", "each", "interaction"])
def test_equation(schema, batch, randomized, column_vectors, bilinear) -> None:
    """Huang et al. 2019, sections 3.3 to 3.5, the weighed vectors multiplied as the paper says."""
    model = randomized(FiBiNET(schema, 3, 2, bilinear, hidden_units=(5,)))
    weights = column_vectors(model.first_order.embed, model.first_order.embed.vectors.numpy())
    vectors = model.embed(batch).numpy()
    count, (kernel,) = vectors.shape[1], model.interact.get_weights()
    pairs = [(i, j) for j in range(count) for i in range(j)]
    place = {"all": lambda p, i: 0, "each": lambda p, i: i, "interaction": lambda p, i: p}[bilinear]

    def products(v):
        return [(v[:, i] @ kernel[place(p, i)]) * v[:, j] for p, (i, j) in enumerate(pairs)]

    reduce, expand = model.weigh.get_weights()
    importance = np.maximum(np.maximum(vectors.mean(2) @ reduce, 0) @ expand, 0)
    weighed = vectors * importance[:, :, np.newaxis]
    flat = np.concatenate(products(vectors) + products(weighed), axis=1)
    w1, b1, w2, b2 = model.deep.get_weights()
    expected = sum(weights.values()) + np.maximum(flat @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)
    assert np.ptp(importance) > 0
