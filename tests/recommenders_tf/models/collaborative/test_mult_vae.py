import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import models
from tests.recommenders_tf.models.collaborative.small_ratings import encoded, ids, set_at_random

MET = {"a": "pqr", "b": "ps", "c": "qr", "d": "sp"}


def fitted(**arguments):
    log = encoded()
    model = models.MultVAE(log.schema, hidden_units=[4, 2], **arguments)
    model.compile()
    model.fit(log, batch_size=2, epochs=3, verbose=0)
    return log, model


def dense(layer, inputs: np.ndarray) -> np.ndarray:
    return inputs @ layer.kernel.numpy() + layer.bias.numpy()


def test_equation_and_loss() -> None:
    log, model = fitted(anneal_steps=10, beta=0.25)
    set_at_random(model)
    model.annealing_step.assign(2)
    users = tf.constant(ids(log, "user", "abcd"))
    scores = model.encode_query({"user": users}).numpy()
    first, last = model.decoder.blocks[::2]
    likelihood = divergence = 0.0
    for row, letters in enumerate(MET.values()):
        items = ids(log, "item", letters)
        inputs = np.zeros(model.num_items)
        inputs[items] = 1 / np.sqrt(len(items))
        moments = dense(model.posterior.blocks[0], np.tanh(dense(model.encoder, inputs)))
        mean, log_variance = moments[:2], moments[2:]
        expected = dense(last, np.tanh(dense(first, mean)))  # no noise in an answer
        np.testing.assert_allclose(scores[row], expected, rtol=1e-4, atol=1e-5)
        shares = np.exp(expected) / np.exp(expected).sum()
        likelihood += sum(np.log(shares[item]) for item in items)
        for m, v in zip(mean, np.exp(log_variance), strict=True):
            divergence += 0.5 * (v + m * m - 1 - np.log(v))
    loss = float(model.compute_loss({"user": users}))
    np.testing.assert_allclose(loss, (0.2 * divergence - likelihood) / 4, rtol=1e-4)


def test_beta_grows_by_step_up_to_its_most() -> None:
    _, model = fitted(anneal_steps=10, beta=0.25)
    found = []
    for step in (0, 1, 2, 3, 100):
        model.annealing_step.assign(step)
        found.append(float(model.present_beta()))
    np.testing.assert_allclose(found, [0.0, 0.1, 0.2, 0.25, 0.25], rtol=1e-6)


def test_steps_are_counted_in_a_weight(tmp_path) -> None:
    _, model = fitted()
    assert int(model.annealing_step) == 6  # three epochs of two batches
    model.evaluate({"user": tf.constant([2, 3], tf.int64)}, verbose=0)
    assert int(model.annealing_step) == 6
    model.save_weights(str(tmp_path / "weights"))
    log = encoded()
    again = models.MultVAE(log.schema, hidden_units=[4, 2])
    again.training_rows(log)
    again({"user": tf.constant([2], tf.int64), "item": tf.constant([3], tf.int64)})
    again.load_weights(str(tmp_path / "weights")).expect_partial()
    assert int(again.annealing_step) == 6


def test_training_draws_the_code_around_its_mean() -> None:
    log, model = fitted(dropout=0.0)
    batch = {"user": tf.constant(ids(log, "user", "abcd"))}
    losses = {float(model.compute_loss(batch, training=True)) for _ in range(5)}
    assert len(losses) == 5
    assert len({float(model.compute_loss(batch)) for _ in range(5)}) == 1
    # Where the encoder is sure of the code, the noise is gone.
    bias = model.posterior.blocks[0].bias
    bias.assign(tf.concat([bias[:2], [-80.0, -80.0]], axis=0))
    model.annealing_step.assign(0)
    values = [float(model.compute_loss(batch, training=flag)) for flag in (True, False)]
    np.testing.assert_allclose(*values, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"hidden_units": [200]}, r"`hidden_units` must name a layer and the code.*\[200\]"),
        ({"anneal_steps": 0}, "`anneal_steps` must be at least 1; it is 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        models.MultVAE(encoded().schema, **arguments)
