import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import features
from recommenders_tf.data import ColumnarData
from recommenders_tf.schema import FIRST_ID, FeatureSchema

USERS, ITEMS, L2 = 7, 9, 0.3
SCHEMA = FeatureSchema.from_dict(
    {
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": USERS},
            "item": {"kind": "id", "role": "item", "vocabulary_size": ITEMS},
            "rating": {"kind": "label", "role": "label"},
        }
    }
)
RATINGS = {(2, 3): 3.5, (2, 5): 1.0, (2, 7): 5.0, (4, 3): 4.0, (6, 8): 2.0}


@pytest.fixture
def model():
    tf.keras.utils.set_random_seed(3)
    made = rtf.models.SVDpp(SCHEMA, embedding_dim=3, l2=L2, init_stddev=0.7)
    users, items = np.array([*RATINGS]).T
    ratings = np.array([*RATINGS.values()], np.float32)
    events = ColumnarData({"user": users, "item": items, "rating": ratings}, SCHEMA)
    made.rows = made.training_rows(events)
    random = np.random.default_rng(0)
    for table in (made.user_biases, made.item_biases):
        table[FIRST_ID:].assign(random.normal(size=(table.shape[0] - FIRST_ID, 1)))
    return made


def rating(model, user: int, item: int, met: list[int]) -> float:
    """Koren 2008, equation 15."""
    p, q, y = (
        table.numpy() for table in (model.user_factors, model.item_factors, model.implicit_factors)
    )
    implied = sum((y[j] for j in met), np.zeros(3)) / np.sqrt(max(len(met), 1))
    biases = model.user_biases[user, 0].numpy() + model.item_biases[item, 0].numpy()
    return np.mean([*RATINGS.values()]) + biases + q[item] @ (p[user] + implied)


def test_equation_and_loss(model) -> None:
    met = {user: [i for u, i in RATINGS if u == user] for user in (2, 4, 6)}
    users, items = np.array([*RATINGS]).T
    expected = [rating(model, u, i, met[u]) for u, i in RATINGS]
    batch = {"user": tf.constant(users), "item": tf.constant(items)}
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-5)
    p, q, y = (
        (table.numpy() ** 2).sum(axis=1)
        for table in (model.user_factors, model.item_factors, model.implicit_factors)
    )
    b, c = model.user_biases.numpy()[:, 0] ** 2, model.item_biases.numpy()[:, 0] ** 2
    loss = sum(
        (value - guess) ** 2 + L2 * (p[u] + q[i] + b[u] + c[i] + sum(y[j] for j in met[u]))
        for ((u, i), value), guess in zip(RATINGS.items(), expected, strict=True)
    )
    (rows,) = model.rows.batches(99)
    np.testing.assert_allclose(model.compute_loss(rows), loss / len(RATINGS), rtol=1e-5)


def test_gradient_of_the_implicit_factors(model) -> None:
    (rows,) = model.rows.batches(99)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(rows)
    found = tf.convert_to_tensor(tape.gradient(loss, model.implicit_factors)).numpy()
    values, step = model.implicit_factors.numpy(), 1e-2
    for place in [(3, 0), (7, 2), (8, 1), (4, 1)]:
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[place] += sign * step
            model.implicit_factors.assign(moved)
            ends.append(float(model.compute_loss(rows)))
        np.testing.assert_allclose(found[place], (ends[0] - ends[1]) / (2 * step), atol=2e-3)
    assert found[4].any() == 0
    assert found[3].any()


def test_a_new_user_is_read_from_the_request(model) -> None:
    """Each item counts once, rated or not, and unknown ones do not."""
    history = tf.ragged.constant([[3, 8, 3, 1], []], dtype=tf.int64)
    request = {
        "user": tf.constant([1, 1], tf.int64),
        "item": tf.constant([5, 5], tf.int64),
        features.INTERACTION_ITEMS: history,
    }
    expected = [rating(model, 1, 5, met) for met in ([3, 8], [])]
    np.testing.assert_allclose(model(request)[:, 0], expected, rtol=1e-5)
    assert abs(expected[0] - expected[1]) > 0.01


def test_the_history_in_a_request_changes_the_answer(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.SVDpp(train.schema, embedding_dim=8, learning_rate=0.02)
    model.compile()
    model.fit(train, epochs=15, batch_size=256, verbose=0)
    items = train.log.items["item_id"].tolist()
    answer = model.serving_graph().recommend(
        user_id=tf.constant(["nobody", "nobody"]),
        history=tf.constant([items[0:60:6], items[1:61:6]]),  # of the first group, the second
        k=tf.constant(10),
    )
    for group, found in enumerate(answer["item_id"].numpy()):
        own = [items.index(item.decode()) % 6 == group for item in found]
        assert np.mean(own) > 0.5
