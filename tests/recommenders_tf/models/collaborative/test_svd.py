import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data import ColumnarData
from recommenders_tf.schema import FIRST_ID, FeatureSchema, SchemaError

USERS, ITEMS, L2 = 7, 9, 0.3
COLUMNS = {
    "user": {"kind": "id", "role": "user", "vocabulary_size": USERS},
    "item": {"kind": "id", "role": "item", "vocabulary_size": ITEMS},
    "rating": {"kind": "label", "role": "label"},
}
SCHEMA = FeatureSchema.from_dict({"columns": COLUMNS})
EVENTS = {
    "user": np.array([2, 2, 2, 4, 6, 1]),
    "item": np.array([3, 3, 5, 3, 8, 3]),
    "rating": np.array([5.0, 2.0, 1.0, 4.0, 2.0, 1.0], np.float32),
}
RATINGS = {(2, 3): 3.5, (2, 5): 1.0, (4, 3): 4.0, (6, 8): 2.0}
"""Two ratings of a pair are their mean, and those of unknown users are none."""


@pytest.fixture
def model():
    tf.keras.utils.set_random_seed(3)
    made = rtf.models.SVD(SCHEMA, embedding_dim=3, l2=L2, init_stddev=0.7)
    made.rows = made.training_rows(ColumnarData(EVENTS, SCHEMA))
    random = np.random.default_rng(0)
    for table in (made.user_biases, made.item_biases):
        table[FIRST_ID:].assign(random.normal(size=(table.shape[0] - FIRST_ID, 1)))
    return made


def parts(model):
    p, q = model.user_factors.numpy(), model.item_factors.numpy()
    return p, q, model.user_biases.numpy()[:, 0], model.item_biases.numpy()[:, 0]


def test_equation_and_loss_of_every_rating(model) -> None:
    p, q, b, c = parts(model)
    mean = np.mean([*RATINGS.values()])
    users, items = np.array([*RATINGS]).T
    expected = mean + b[users] + c[items] + (p[users] * q[items]).sum(axis=1)
    batch = {"user": tf.constant(users), "item": tf.constant(items)}
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-5)
    loss = 0.0
    for (u, i), rating in RATINGS.items():
        error = rating - (mean + b[u] + c[i] + p[u] @ q[i])
        loss += error**2 + L2 * (p[u] @ p[u] + q[i] @ q[i] + b[u] ** 2 + c[i] ** 2)
    (rows,) = model.rows.batches(99)
    np.testing.assert_allclose(model.compute_loss(rows), loss / len(RATINGS), rtol=1e-5)


def test_what_training_has_not_seen_adds_nothing(model) -> None:
    _, _, b, c = parts(model)
    batch = {"user": tf.constant([1, 1, 4], tf.int64), "item": tf.constant([1, 5, 1], tf.int64)}
    mean = np.mean([*RATINGS.values()])
    expected = [mean, mean + c[5], mean + b[4]]
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-5)


def test_events_as_validation_data(model) -> None:
    """A batch of events brings its ratings as labels, as the rows of training do."""
    model.compile(metrics=[tf.keras.metrics.RootMeanSquaredError(name="rmse")])
    data = ColumnarData(EVENTS, SCHEMA).batches(3)
    history = model.fit(model.rows, validation_data=data, verbose=0).history
    predictions = model.predict({k: EVENTS[k] for k in ("user", "item")}, verbose=0)[:, 0]
    rmse = np.sqrt(np.mean((predictions - EVENTS["rating"]) ** 2))
    np.testing.assert_allclose(history["val_rmse"][0], rmse, rtol=1e-4)


def test_errors_of_held_out_ratings(planted_log) -> None:
    stars = dataclasses.replace(planted_log.schema["rating"], positive_from=None)
    log = dataclasses.replace(planted_log, schema=planted_log.schema.replace([stars]))
    train, test = log.split("leave_last_out")
    encoded = rtf.data.encode(train)
    model = rtf.models.SVD(encoded.schema, embedding_dim=8, learning_rate=0.02)
    model.compile()
    model.fit(encoded, epochs=20, batch_size=256, verbose=0)
    found = model.evaluate(test)
    error = model.score(test.events) - test.events["rating"].to_numpy()
    np.testing.assert_allclose(found["RMSE"], np.sqrt(np.mean(error**2)), rtol=1e-4)
    np.testing.assert_allclose(found["MAE"], np.mean(np.abs(error)), rtol=1e-4)
    assert found["RMSE"] < 0.8 * test.events["rating"].std()
    assert found["HR@10"] > 0


def test_a_schema_without_ratings_is_refused() -> None:
    ids = {name: COLUMNS[name] for name in ("user", "item")}
    with pytest.raises(SchemaError, match="has no label: `SVD` learns"):
        rtf.models.SVD(FeatureSchema.from_dict({"columns": ids}))
