import numpy as np

from recommenders_tf.models import DeepCrossing
from recommenders_tf.schema import Column, Kind


def relu(values):
    return np.maximum(values, 0)


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Shan et al. 2016, eq. 1, 2 and 4: rectified rows, numbers as they are, residual units."""
    model = randomized(DeepCrossing(schema, embedding_dim=3, residual_units=(5, 4)))
    bias = model.rectify.get_weights()[0] - 0.4
    model.rectify.set_weights([bias])
    rows = np.concatenate(list(column_vectors(model.embed).values()), axis=1)
    order = model.embed(batch).numpy()
    np.testing.assert_allclose(np.sort(rows), np.sort(order), rtol=1e-5)
    hidden = relu(order + bias)
    assert (hidden == 0).any()
    hidden = np.concatenate([hidden, batch["price"].numpy()[:, np.newaxis]], axis=1)
    for unit in model.units:
        w0, b0, w1, b1 = unit.get_weights()
        hidden = relu(hidden + relu(hidden @ w0 + b0) @ w1 + b1)
    weights, offset = model.scoring.get_weights()
    np.testing.assert_allclose(model(batch), hidden @ weights + offset, rtol=1e-4)


def test_columns_of_other_widths(schema, batch) -> None:
    column = Column.from_dict("category", schema["category"].to_dict() | {"embedding_dim": 4})
    plain, wide = (
        DeepCrossing(s, embedding_dim=3, residual_units=(5,))
        for s in (schema, schema.replace([column]))
    )
    assert plain(batch).shape == wide(batch).shape
    # The category and the past categories, which share its table, are one wider each.
    assert wide.rectify.bias.shape[0] == plain.rectify.bias.shape[0] + 2


def test_without_numbers(schema, batch) -> None:
    numbers = [c.name for c in schema.features if c.kind is Kind.NUMERIC and c.is_numeric]
    ids = type(schema)([c for c in schema.columns.values() if c.name not in numbers])
    assert DeepCrossing(ids, embedding_dim=3, residual_units=(5,))(batch).shape == (6, 1)
