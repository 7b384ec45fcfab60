import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import features
from recommenders_tf.data import ColumnarData
from recommenders_tf.schema import FIRST_ID, FeatureSchema, SchemaError

USERS, ITEMS, DIM = 14, 11, 4
L2, ALPHA, POWER = 0.3, 0.2, 0.7
COLUMNS = {
    "user": {"kind": "id", "role": "user", "vocabulary_size": USERS},
    "item": {"kind": "id", "role": "item", "vocabulary_size": ITEMS},
    "rating": {"kind": "label", "role": "label"},
}
SCHEMA = FeatureSchema.from_dict({"columns": COLUMNS})


@pytest.fixture(scope="module")
def source() -> ColumnarData:
    """Events some of which repeat a pair; the last user and the last item have none."""
    random = np.random.default_rng(1)
    return ColumnarData(
        {
            "user": random.integers(FIRST_ID, USERS - 1, 60),
            "item": random.integers(FIRST_ID, ITEMS - 1, 60),
            "rating": random.integers(1, 6, 60).astype(np.float32),
        },
        SCHEMA,
    )


def fitted(source: ColumnarData, **kwargs):
    tf.keras.utils.set_random_seed(5)
    arguments = {"l2": L2, "unobserved_weight": ALPHA, "frequency_exponent": POWER, "cg_steps": 0}
    model = rtf.models.ALS(SCHEMA, embedding_dim=DIM, **{**arguments, **kwargs})
    model.compile()
    history = model.fit(source, verbose=0)
    return model, history.history["loss"][0]


def pairs(source: ColumnarData) -> dict[tuple[int, int], list[float]]:
    columns = source.columns(["user", "item", "rating"])
    found: dict[tuple[int, int], list[float]] = {}
    for user, item, rating in zip(*columns.values(), strict=True):
        found.setdefault((int(user), int(item)), []).append(float(rating))
    return found


def terms(source, explicit):
    """Return weight and target of every pair, the mean and what every other pair counts."""
    found = pairs(source)
    if not explicit:
        return {pair: (len(values), 1.0) for pair, values in found.items()}, 0.0, ALPHA
    ratings = {pair: float(np.mean(values)) for pair, values in found.items()}
    mean = float(np.mean([*ratings.values()]))
    return {pair: (1.0, value - mean) for pair, value in ratings.items()}, mean, 0.0


def penalty(count, others, unobserved) -> float:
    return L2 * (count + unobserved * others) ** POWER


@pytest.mark.parametrize("explicit", [False, True])
def test_every_item_is_solved_for_given_the_users(source, explicit) -> None:
    model, _ = fitted(source, sweeps=3, explicit=explicit)
    known, _, unobserved = terms(source, explicit)
    p = model.user_factors.numpy().astype(np.float64)
    met = sorted({user for user, _ in known})
    for item in sorted({item for _, item in known}):
        own = [(user, *term) for (user, other), term in known.items() if other == item]
        matrix = sum(unobserved * np.outer(p[u], p[u]) for u in met)
        matrix = matrix + penalty(len(own), USERS, unobserved) * np.eye(DIM)
        matrix += sum(w * np.outer(p[u], p[u]) for u, w, _ in own)
        right = sum(w * y * p[u] for u, w, y in own)
        solution = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(model.item_factors[item], solution, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("cg_steps", [0, 1])
def test_an_item_that_nobody_met_is_zero(source, cg_steps) -> None:
    model, _ = fitted(source, sweeps=1, cg_steps=cg_steps)
    empty = [0, 1, ITEMS - 1]
    np.testing.assert_array_equal(model.item_factors.numpy()[empty], np.zeros([len(empty), DIM]))
    assert np.all(model.item_factors.numpy()[2] != 0)


@pytest.mark.parametrize("explicit", [False, True])
def test_the_loss_is_the_objective(source, explicit) -> None:
    model, loss = fitted(source, sweeps=2, explicit=explicit)
    known, _, unobserved = terms(source, explicit)
    p, q = (part.numpy().astype(np.float64) for part in (model.user_factors, model.item_factors))
    met = sorted({user for user, _ in known})
    total = sum(w * (y - p[u] @ q[i]) ** 2 for (u, i), (w, y) in known.items())
    total += unobserved * sum((p[u] @ q[i]) ** 2 for u in met for i in range(ITEMS))
    for u in met:
        total += penalty(sum(v == u for v, _ in known), ITEMS, unobserved) * p[u] @ p[u]
    of_users = total
    for i in sorted({item for _, item in known}):
        total += penalty(sum(v == i for _, v in known), USERS, unobserved) * q[i] @ q[i]
    np.testing.assert_allclose(loss, total / len(met), rtol=1e-4)
    # The loss of a batch of users leaves the penalty of the items out.
    batch = {"user": tf.constant(met, tf.int64)}
    np.testing.assert_allclose(model.compute_loss(batch), of_users / len(met), rtol=1e-4)


def test_sweeps_and_steps_lower_the_loss(source) -> None:
    losses = [fitted(source, sweeps=sweeps)[1] for sweeps in (1, 2, 8)]
    assert losses[0] > losses[1] > losses[2]
    few, many, exact = (fitted(source, sweeps=30, cg_steps=steps)[1] for steps in (1, 3, 0))
    assert few == pytest.approx(exact, rel=0.05)
    assert many == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("explicit", [False, True])
def test_a_new_user_is_solved_for_in_the_request(source, explicit) -> None:
    model, _ = fitted(source, explicit=explicit)
    _, mean, unobserved = terms(source, explicit)
    q = model.item_factors.numpy().astype(np.float64)
    history, ratings = [3, 5, 3, 1], [5.0, 1.0, 3.0, 4.0]  # 3 twice, and one that is unknown
    request = {
        "user": tf.constant([1, USERS - 1], tf.int64),
        features.INTERACTION_ITEMS: tf.ragged.constant([history, []], dtype=tf.int64),
        features.INTERACTION_LABELS: tf.ragged.constant([ratings, []]),
    }
    own = [(3, 1.0, 4.0 - mean), (5, 1.0, 1.0 - mean)] if explicit else [(3, 2, 1), (5, 1, 1)]
    matrix = unobserved * q.T @ q + penalty(2, ITEMS, unobserved) * np.eye(DIM)
    matrix += sum(w * np.outer(q[i], q[i]) for i, w, _ in own)
    p = np.linalg.solve(matrix, sum(w * y * q[i] for i, w, y in own))
    query = model.encode_query(request).numpy()
    np.testing.assert_allclose(query[0], [*p, mean], rtol=2e-3, atol=1e-4)
    known = sorted({user for user, _ in pairs(source)})
    average = model.user_factors.numpy()[known].mean(axis=0)
    np.testing.assert_allclose(query[1], [*average, mean], rtol=1e-4, atol=1e-5)


def test_a_user_with_the_history_of_training_is_answered_as_trained(source) -> None:
    model, _ = fitted(source)
    user = 4
    history = [item for other, item in pairs(source) if other == user]
    for items, is_same in ((history, True), ([*history, 2], 2 in history), (history[:1], False)):
        request = {
            "user": tf.constant([user], tf.int64),
            features.INTERACTION_ITEMS: tf.ragged.constant([items], dtype=tf.int64),
        }
        query = model.encode_query(request)[0, :-1].numpy()
        assert (query == model.user_factors[user].numpy()).all() == is_same


def test_ratings_have_errors_and_events_none(planted_log) -> None:
    stars = dataclasses.replace(planted_log.schema["rating"], positive_from=None)
    log = dataclasses.replace(planted_log, schema=planted_log.schema.replace([stars]))
    train, test = log.split("leave_last_out")
    encoded = rtf.data.encode(train)
    found = {}
    for explicit in (False, True):
        model = rtf.models.ALS(encoded.schema, 4, l2=0.1, explicit=explicit)
        model.compile()
        model.fit(encoded, verbose=0)
        found[explicit] = model.evaluate(test)
    assert "RMSE" not in found[False]
    assert found[True]["RMSE"] < test.events["rating"].std()


def test_what_it_cannot_solve_is_said() -> None:
    with pytest.raises(ValueError, match="`l2` must be positive"):
        rtf.models.ALS(SCHEMA, l2=0.0)
    ids = {name: COLUMNS[name] for name in ("user", "item")}
    with pytest.raises(SchemaError, match="no label"):
        rtf.models.ALS(FeatureSchema.from_dict({"columns": ids}), explicit=True)
