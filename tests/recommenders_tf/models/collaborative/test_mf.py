import numpy as np
import pytest

import recommenders_tf as rtf
from recommenders_tf.schema import FIRST_ID


@pytest.fixture(scope="module")
def fitted(planted_log):
    train = rtf.data.encode(planted_log)
    model = rtf.models.MF(train.schema, embedding_dim=3)
    model.compile()
    model.fit(train, epochs=2, verbose=0)
    return train, model


def test_equation(fitted) -> None:
    """score = mean + b_u + b_i + p_u . q_i, from the weights alone."""
    train, model = fitted
    batch, _ = next(iter(train.batches(50, shuffle=False)))
    user, item = batch["user_id"].numpy(), batch["item_id"].numpy()
    p, q = (model.factors[side].weights[0].numpy() for side in ("user", "item"))
    bu, bi = (model.biases[side].weights[0].numpy()[:, 0] for side in ("user", "item"))
    expected = float(model.mean) + bu[user] + bi[item] + (p[user] * q[item]).sum(axis=1)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_weights(fitted) -> None:
    assert len(fitted[1].trainable_weights) == 5


def test_loss_is_the_mean_over_events_of_positive_and_negatives(fitted) -> None:
    train, _ = fitted
    model = rtf.models.MF(train.schema, num_negatives=5, init_stddev=0.0)
    batch = next(iter(train.batches(50, shuffle=False)))
    # With all weights at zero every logit is zero: six terms of log 2 for each event.
    np.testing.assert_allclose(model.compute_loss(batch), 6 * np.log(2), rtol=1e-5)


def test_an_unknown_user_gets_the_items_by_bias(fitted) -> None:
    _, model = fitted
    answer = model.recommend(["nobody"], k=5)
    bias = model.biases["item"].weights[0].numpy()[FIRST_ID:, 0]
    best = np.sort(bias)[::-1][:5] + float(model.mean)
    np.testing.assert_allclose(answer["score"], best, rtol=1e-4, atol=1e-5)
