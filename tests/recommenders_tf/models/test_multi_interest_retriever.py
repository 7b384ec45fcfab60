"""What models of several interests keep: the best one answers, and is told what to tell."""

import numpy as np
import pytest

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING, TARGETS


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


def made(encoded, name, **arguments):
    model = rtf.registry.get(name)(encoded.schema, embedding_dim=6, interests=3, **arguments)
    batch = next(iter(model.training_rows(encoded).batches(4)))
    model.compute_loss(batch)
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(random.normal(0, 0.3, weight.shape))
    return model, batch


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("comirec", {}), ("comirec", {"extractor": "routing"}), ("mind", {"power": 2.0})],
)
def test_training_and_answers_read_interests_as_they_should(encoded, name, arguments) -> None:
    model, batch = made(encoded, name, **arguments)
    states = model.states(batch, batch[REMAINING])
    told = model.read_out(states, batch[TARGETS]).numpy()
    table = model.table().numpy()
    interests = states.numpy().reshape(*states.shape[:2], 3, 6)
    for row, t in list(zip(*np.nonzero(batch[REMAINING].numpy()), strict=True))[::7]:
        scores = interests[row, t] @ table[batch[TARGETS].numpy()[row, t]]
        if name == "comirec":  # eq. 8
            expected = interests[row, t, np.argmax(scores)]
        else:  # Li et al. 2019, eq. 8 and 9
            weights = np.exp(np.sign(scores) * np.abs(scores) ** 2)
            expected = weights / weights.sum() @ interests[row, t]
        np.testing.assert_allclose(told[row, t], expected, rtol=1e-3, atol=1e-4)

    features = next(iter(encoded.batches(5, shuffle=False)))[0]
    candidates = model.encode_candidates(features)
    query = model.encode_query(features)
    scores = model.score_candidates(query, candidates).numpy()
    vectors = query.numpy()[:, :-1].reshape(5, 3, 6) @ candidates.numpy()[:, :-1].T
    expected = vectors.max(axis=1) + query.numpy()[:, -1:] * candidates.numpy()[:, -1]
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model(features)[:, 0], np.diag(expected), rtol=1e-3, atol=1e-4)


def test_bad_arguments_are_named(encoded) -> None:
    with pytest.raises(ValueError, match="`extractor` is `mean`; it must be one of attention, rou"):
        rtf.models.ComiRec(encoded.schema, extractor="mean")
    with pytest.raises(ValueError, match="`power` must be at least 0; it is -1"):
        rtf.models.MIND(encoded.schema, power=-1.0)
