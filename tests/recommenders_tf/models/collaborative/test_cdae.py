import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import models
from recommenders_tf.schema import FIRST_ID
from tests.recommenders_tf.models.collaborative.small_ratings import (
    encoded,
    ids,
    known_ratings,
    set_at_random,
)


def fitted(**arguments):
    log = encoded()
    model = models.CDAE(log.schema, hidden_dim=3, **arguments)
    model.compile()
    model.fit(log, batch_size=2, epochs=1, verbose=0)
    set_at_random(model)
    return log, model


def test_equation() -> None:
    log, model = fitted()
    users = ids(log, "user", "abcd")
    scores = model.encode_query({"user": tf.constant(users)}).numpy()
    table = model.user.table("user").numpy()
    for row, user in enumerate(users):
        total = model.encoder.bias.numpy() + table[user]
        # A rating or none, an item that was met was met.
        for item in {i for u, i in known_ratings(log) if u == user} | extra(log, user):
            total = total + model.encoder.kernel.numpy()[item]
        hidden = 1 / (1 + np.exp(-total))
        expected = hidden @ model.decoder.kernel.numpy() + model.decoder.bias.numpy()
        np.testing.assert_allclose(scores[row], expected, rtol=1e-4)


def extra(log, user: int) -> set[int]:
    """Return the item that user `d` met without a rating."""
    return set(ids(log, "item", "p")) if user == ids(log, "user", "d")[0] else set()


@pytest.mark.parametrize("objective", ["logistic", "square"])
def test_loss_is_that_of_the_items_met_and_drawn(objective: str, monkeypatch) -> None:
    log, model = fitted(objective=objective, l2=0.3, corruption=0.0, num_negatives=2)
    users = ids(log, "user", "ab")
    met = [set(ids(log, "item", letters)) for letters in ("pqr", "ps")]
    t, p = int(ids(log, "item", "t")[0]), int(ids(log, "item", "p")[0])
    # For each of the five pairs one item nobody met and one that both did, which counts nothing.
    monkeypatch.setattr(
        model, "negatives", lambda pairs: tf.constant([[t, p]] * 5, tf.int64), raising=True
    )
    scores = model.encode_query({"user": tf.constant(users)}).numpy().astype(np.float64)
    total = 0.0
    for row, own in enumerate(met):
        for item in [*own, *[t] * len(own)]:
            score, label = scores[row, item], float(item in own)
            logistic = np.log1p(np.exp(score)) - label * score
            total += logistic if objective == "logistic" else 0.5 * (label - score) ** 2
    vectors = (model.user.table("user").numpy()[users] ** 2).sum() / 2
    others = [*model.encoder.weights, *model.decoder.weights]
    squares = sum((weight.numpy() ** 2).sum() for weight in others) / model.num_users
    expected = total / 2 + 0.3 / 2 * (vectors + squares)
    loss = float(model.compute_loss({"user": tf.constant(users)}, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_negatives_are_drawn_from_the_whole_catalogue() -> None:
    log, model = fitted(num_negatives=200)
    _, known = model.read({"user": tf.constant(ids(log, "user", "ab"))})
    drawn = model._drawn(known).numpy()
    assert drawn.sum(axis=1).tolist() == [600, 400]
    assert (drawn[:, :FIRST_ID] == 0).all()
    assert (drawn[:, FIRST_ID:] > 30).all()


def test_a_new_user_is_answered_without_a_vector() -> None:
    log = encoded()
    model = models.CDAE(log.schema, hidden_dim=3)
    model.compile()
    model.fit(log, batch_size=2, epochs=3, verbose=0)
    table = model.user.table("user").numpy()
    assert (table[:FIRST_ID] == 0).all()
    assert (table[FIRST_ID:] != 0).all()


def test_a_wrong_objective_is_named() -> None:
    with pytest.raises(ValueError, match="`objective` is `hinge`; it must be one of logistic, squ"):
        models.CDAE(encoded().schema, objective="hinge")
