import numpy as np

from recommenders_tf.models import LR


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """A weight for every feature, crosses of the schema as well, and a bias."""
    model = randomized(LR(schema))
    layer = model.first_order
    assert "age_x_category" in layer.embed.columns
    weights = column_vectors(layer.embed, layer.embed.vectors.numpy())
    expected = layer.bias.numpy() + sum(weights.values())[:, 0]
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-5)


def test_penalty_of_compile_reaches_the_weights(schema, batch, randomized) -> None:
    model = randomized(LR(schema))
    labels = np.zeros(6, np.float32)
    losses = []
    for factor in (0.0, 0.5):
        model.compile("sgd", embedding_l2=factor)
        losses.append(float(model._total_loss((batch, labels), training=True)))
    squares = sum((weight**2).sum() for weight in model.first_order.embed.get_weights())
    np.testing.assert_allclose(losses[1] - losses[0], 0.25 * squares, rtol=1e-4)
