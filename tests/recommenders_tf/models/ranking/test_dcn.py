import numpy as np

from recommenders_tf.models import DCN


def test_equation(schema, batch, randomized) -> None:
    """Wang et al. 2017, eq. 3 to 5: crosses and network side by side under one weight."""
    model = randomized(DCN(schema, 3, cross_layers=3, hidden_units=(5,), batch_norm=False))
    start = model.embed(batch).numpy()
    x = start
    for w, b in zip(model.cross.kernel.numpy().T, model.cross.bias.numpy().T, strict=True):
        x = start * (x @ w)[:, np.newaxis] + b + x
    w1, b1, w2, b2 = model.deep.get_weights()
    outputs = np.concatenate([x, np.maximum(start @ w1 + b1, 0)], axis=1)
    weight = np.concatenate([model.cross_logit.get_weights()[0], w2])
    np.testing.assert_allclose(model(batch), outputs @ weight + b2, rtol=1e-3)


def test_input_is_every_column_but_crosses(schema, batch, randomized, column_vectors) -> None:
    model = randomized(DCN(schema, 3))
    columns = column_vectors(model.embed).values()
    expected = np.sort(np.concatenate(list(columns), axis=1), axis=1)
    np.testing.assert_allclose(np.sort(model.embed(batch), axis=1), expected, rtol=1e-5)
    assert "age_x_category" not in model.embed.columns
