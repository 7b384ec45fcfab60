import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data import ColumnarData
from recommenders_tf.native import ops
from recommenders_tf.optimizers import SGD
from recommenders_tf.schema import FIRST_ID, FeatureSchema

USERS, ITEMS, DIM = 8, 9, 19
RATE, L2 = 0.1, 0.05
SCHEMA = FeatureSchema.from_dict(
    {
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": USERS},
            "item": {"kind": "id", "role": "item", "vocabulary_size": ITEMS},
        }
    }
)


@pytest.fixture(params=["compiled", "stock"])
def native(request) -> bool:
    if request.param == "compiled" and ops("models/bpr_triples.cc") is None:
        pytest.fail("the kernel was not compiled")
    return request.param == "compiled"


def all_but_one() -> tuple[np.ndarray, dict[int, int]]:
    """Return pairs of users who have met all items but one, and which one: no negative is left."""
    missing = {user: FIRST_ID + user % 5 for user in range(FIRST_ID, USERS)}
    pairs = [(u, i) for u in missing for i in range(FIRST_ID, ITEMS) if i != missing[u]]
    return np.random.default_rng(2).permutation(pairs), missing


def new(pairs: np.ndarray, **kwargs):
    tf.keras.utils.set_random_seed(4)
    model = rtf.models.BPR(SCHEMA, embedding_dim=DIM, l2=L2, init_stddev=0.5, **kwargs)
    model.negatives.tries = 200  # so that the one item left is found
    rows = model.training_rows(ColumnarData({"user": pairs[:, 0], "item": pairs[:, 1]}, SCHEMA))
    return model, rows


def objective(p, q, b, triples) -> float:
    """BPR-Opt of Rendle et al. 2009, section 4.1, for triples with replacement."""
    total = 0.0
    for u, i, j in triples:
        x = p[u] @ (q[i] - q[j]) + b[i] - b[j]
        squares = sum(np.sum(part**2) for part in (p[u], q[i], q[j], b[i], b[j]))
        total += np.log1p(np.exp(-x)) + L2 / 2 * squares
    return total


def difference(p, q, b, triples):
    """Return the gradient of the objective by finite differences."""
    gradients = []
    for values in (p, q, b):
        gradient = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            before = values[place]
            ends = []
            for step in (1e-5, -1e-5):
                values[place] = before + step
                ends.append(objective(p, q, b, triples))
            values[place] = before
            gradient[place] = (ends[0] - ends[1]) / 2e-5
        gradients.append(gradient)
    return gradients


def weights(model) -> list[np.ndarray]:
    tables = (model.user_factors, model.item_factors, model.item_biases)
    p, q, b = (table.numpy().astype(np.float64) for table in tables)
    return [p, q, b[:, 0]]


def test_steps_follow_the_gradient(native) -> None:
    """Compiled: a step for every triple in turn. Stock: one step along the sum over the batch."""
    pairs, missing = all_but_one()
    pairs = pairs[:5]
    model, _ = new(all_but_one()[0])
    model.compile(SGD(RATE, native=native))
    expected = weights(model)
    triples = [(u, i, missing[u]) for u, i in pairs]
    start = objective(*expected, triples)
    for step in [[triple] for triple in triples] if native else [triples]:
        for values, gradient in zip(expected, difference(*expected, step), strict=True):
            values -= RATE * gradient
    batch = {"user": tf.constant(pairs[:, 0]), "item": tf.constant(pairs[:, 1])}
    loss = model.train_step(batch)["loss"]
    for found, wanted in zip(weights(model), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)
    if not native:  # the compiled loss is that before each step, without the penalty
        np.testing.assert_allclose(loss, start / len(pairs), rtol=1e-4)
    assert int(model.optimizer.iterations) == 1


def test_what_a_user_met_is_never_the_lesser(native) -> None:
    """An item that all have met is no one's negative: steps for other items leave it alone."""
    random = np.random.default_rng(0)
    others = [(u, i) for u in range(FIRST_ID, USERS) for i in random.choice(range(3, ITEMS), 3)]
    model, _ = new(np.array([*others, *((u, FIRST_ID) for u in range(FIRST_ID, USERS))]))
    model.compile(SGD(RATE, native=native))
    users, items = np.array(others * 5).T
    before = weights(model)[1]
    model.train_step({"user": tf.constant(users), "item": tf.constant(items)})
    _, factors, biases = weights(model)
    assert biases[FIRST_ID] == 0
    assert (factors[FIRST_ID] == before[FIRST_ID]).all()
    assert (factors[3:] != before[3:]).any(axis=1).all()
    assert biases.min() < 0


def test_a_user_who_met_everything_teaches_nothing(native) -> None:
    pairs = np.array([(u, i) for u in (2, 3) for i in range(FIRST_ID, ITEMS)])
    model, rows = new(pairs)
    model.compile(SGD(RATE, native=native))
    before = weights(model)
    history = model.fit(rows, verbose=0)
    for found, wanted in zip(weights(model), before, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert history.history["loss"] == [0.0]


def test_the_kernel_is_used_only_where_it_does_the_same() -> None:
    model, _ = new(all_but_one()[0])
    for optimizer, arguments, is_used in (
        (None, {}, True),
        ("adam", {}, False),
        (SGD(0.1, momentum=0.9), {}, False),
        (SGD(0.1, native=False), {}, False),
        (None, {"clip_norm": 1.0}, False),
        (None, {"micro_batches": 2}, False),
        (None, {"jit_compile": True}, False),
    ):
        model.compile(optimizer, **arguments)
        assert (model._kernel() is not None) == is_used, (optimizer, arguments)


def test_a_schedule_sets_the_steps() -> None:
    pairs, _ = all_but_one()
    moved = []
    for rate in (0.1, tf.keras.optimizers.schedules.PolynomialDecay(0.1, 1, 0.0)):
        model, rows = new(pairs)
        model.compile(SGD(rate))
        model.fit(rows, batch_size=1000, epochs=1, verbose=0)
        first = weights(model)[0]
        model.fit(rows, batch_size=1000, epochs=1, verbose=0)
        moved.append(np.abs(weights(model)[0] - first).max())
    assert moved[0] > 0.01
    assert moved[1] == 0.0


def test_wrong_ids_are_an_error_and_no_crash() -> None:
    model, _ = new(all_but_one()[0])
    model.compile()
    with pytest.raises(tf.errors.InvalidArgumentError, match="User 99"):
        model.train_step({"user": tf.constant([99], tf.int64), "item": tf.constant([3], tf.int64)})


def test_an_unknown_user_gets_the_items_by_bias(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.BPR(train.schema, embedding_dim=4)
    model.compile()
    model.fit(train, epochs=2, verbose=0)
    answer = model.recommend(["nobody"], k=5)
    best = np.sort(model.item_biases.numpy()[FIRST_ID:, 0])[::-1][:5]
    np.testing.assert_allclose(answer["score"], best, rtol=1e-5)
