import itertools

import numpy as np

from recommenders_tf.models import AFM


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Xiao et al. 2017, eq. 4 to 6: all products of two vectors, weighed by a softmax."""
    model = randomized(AFM(schema, embedding_dim=3, attention_units=5))
    layer = model.first_order
    weights = column_vectors(layer.embed, layer.embed.vectors.numpy())
    vectors = column_vectors(model.embed, model.embed.vectors.numpy())
    pairs = np.stack([a * b for a, b in itertools.combinations(vectors.values(), 2)], axis=1)
    kernel, bias, score = model.pool.get_weights()
    scores = (np.maximum(pairs @ kernel + bias, 0) @ score)[..., 0]
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    pooled = np.einsum("bp,bpd->bd", shares, pairs)
    (project,) = model.project.get_weights()
    expected = layer.bias.numpy() + sum(weights.values())[:, 0] + (pooled @ project)[:, 0]
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-4)


def test_penalty_on_the_attention_is_in_the_loss(schema, batch, randomized) -> None:
    """Eq. 7."""
    labels = np.zeros(6, np.float32)
    losses = []
    for factor in (0.0, 0.5):
        model = randomized(AFM(schema, embedding_dim=3, attention_units=5, attention_l2=factor))
        model.compile()
        losses.append(float(model._total_loss((batch, labels), training=False)))
    kernel = model.pool.get_weights()[0]
    np.testing.assert_allclose(losses[1] - losses[0], 0.5 * (kernel**2).sum(), rtol=1e-4)
