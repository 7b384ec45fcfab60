import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import models
from tests.recommenders_tf.models.collaborative.small_ratings import encoded, ids, set_at_random

MET = {"a": "pqr", "b": "ps", "c": "qr", "d": "sp"}


def fitted(**arguments):
    log = encoded()
    model = models.MultDAE(log.schema, **arguments)
    model.compile()
    model.fit(log, batch_size=2, epochs=1, verbose=0)
    set_at_random(model)
    return log, model


def rebuilt(model, log, letters: str) -> np.ndarray:
    """Return the scores for a user who met some items, by the equation."""
    length = np.sqrt(len(letters))
    layers = [model.encoder, *model.decoder.blocks[::2]]
    inputs = np.zeros(model.num_items)
    inputs[ids(log, "item", letters)] = 1 / length
    for place, layer in enumerate(layers):
        inputs = inputs @ layer.kernel.numpy() + layer.bias.numpy()
        if place < len(layers) - 1:
            inputs = np.tanh(inputs)
    return inputs


@pytest.mark.parametrize("hidden_units", [[3], [4, 2]])
def test_equation_and_loss(hidden_units: list[int]) -> None:
    log, model = fitted(hidden_units=hidden_units, dropout=0.0, l2=0.01)
    users = tf.constant(ids(log, "user", "abcd"))
    scores = model.encode_query({"user": users}).numpy()
    total = 0.0
    for row, letters in enumerate(MET.values()):
        expected = rebuilt(model, log, letters)
        np.testing.assert_allclose(scores[row], expected, rtol=1e-4, atol=1e-5)
        shares = np.exp(expected) / np.exp(expected).sum()
        total -= sum(np.log(shares[item]) for item in ids(log, "item", letters))
    layers = [model.encoder, *model.decoder.blocks[::2]]
    penalty = 0.01 * sum((layer.kernel.numpy() ** 2).sum() for layer in layers)
    loss = float(model.compute_loss({"user": users}, training=True))
    np.testing.assert_allclose(loss, total / 4 + penalty, rtol=1e-4)


def test_widths_go_down_to_the_code_and_back_up() -> None:
    _, model = fitted(hidden_units=[5, 4, 2])
    widths = [layer.kernel.shape[1] for layer in (model.encoder, *model.decoder.blocks[::2])]
    assert widths == [5, 4, 2, 4, 5, model.num_items]


def test_a_new_user_is_answered_from_a_request_as_a_known_one() -> None:
    log, model = fitted(hidden_units=[3])
    model.bind(log.tables)

    def ask(user: str, history: list[str]) -> dict:
        return model.serving_graph().recommend(
            user_id=tf.constant([user]),
            history=tf.constant([history], tf.string, shape=[1, len(history)]),
            candidates=tf.zeros([0, 0], tf.string),
            k=tf.constant(5),
            exclude_seen=tf.constant(False),
        )

    known, new, other = ask("c", []), ask("nobody", ["q", "r"]), ask("nobody", ["p"])
    assert known["item_id"].numpy().tolist() == new["item_id"].numpy().tolist()
    np.testing.assert_allclose(known["score"], new["score"], rtol=1e-5)
    assert np.abs(new["score"].numpy() - other["score"].numpy()).max() > 0.01


def test_no_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="`hidden_units` must name"):
        models.MultDAE(encoded().schema, hidden_units=[])
