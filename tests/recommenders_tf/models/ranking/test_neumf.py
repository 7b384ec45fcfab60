"""The models of Neural Collaborative Filtering: scores, catalogue, negatives, pre-training."""

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.models import GMF, NCFMLP, NeuMF
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import Column, SchemaError

MODELS = (GMF, NCFMLP, NeuMF)


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture(params=MODELS, ids=lambda cls: cls.__name__)
def model(request, schema, randomized):
    return randomized(request.param(schema))


def product(branch, user, item):
    p, q = branch.user.table("user_id").numpy()[user], branch.item.table("item_id").numpy()[item]
    return (p * q) @ branch.output_weights.numpy()


def network(branch, user, item):
    p, q = branch.user.table("user_id").numpy()[user], branch.item.table("item_id").numpy()[item]
    hidden = np.concatenate([p, q], axis=1)
    weights = [branch.kernel.numpy(), branch.bias.numpy(), *branch.tower.get_weights()]
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    kernel, bias = branch.output_layer.get_weights()
    return hidden @ kernel + bias


EQUATIONS = {"product": product, "network": network}


def test_equation(model, batch) -> None:
    """He et al. 2017, eq. 9 to 12: hᵀ of p ⊙ q, of a tower over [p; q], or of both."""
    expected = sum(
        EQUATIONS[branch.name](branch, batch["user_id"].numpy(), batch["item_id"].numpy())
        for branch in model.branches
    )
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)


def test_a_catalogue_is_scored_as_its_pairs_are(model, batch) -> None:
    items = tf.range(9, dtype=tf.int64)
    scores = model.score_candidates(
        model.encode_query(batch), model.encode_candidates({"item_id": items})
    )
    assert scores.shape == (6, 9)
    for user in range(6):
        pairs = {"user_id": tf.repeat(batch["user_id"][user], 9), "item_id": items}
        np.testing.assert_allclose(scores[user], model(pairs)[:, 0], rtol=1e-4)


def test_loss_is_the_mean_over_events_of_positive_and_negatives(model, batch) -> None:
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_allclose(model.compute_loss((batch,)), 5 * np.log(2), rtol=1e-5)


def test_negatives_are_drawn_anew(model, batch) -> None:
    assert float(model.compute_loss((batch,))) != float(model.compute_loss((batch,)))


@pytest.mark.parametrize("cls", MODELS)
def test_negatives_are_items_that_the_user_has_not_met(cls, train) -> None:
    """He et al. 2017, section 3.1.1: drawn from the unobserved pairs."""
    model = cls(train.schema, num_negatives=50)
    model.training_rows(train)
    events = train.columns(["user_id", "item_id"])
    met = set(zip(events["user_id"].tolist(), events["item_id"].tolist(), strict=True))
    users = np.unique(events["user_id"])
    features = {"user_id": tf.constant(users), "item_id": tf.constant(users)}
    items, counts = (part.numpy() for part in model.draw_negatives(features))
    drawn = {(u, i) for u, row, ok in zip(users, items, counts, strict=True) for i in row[ok]}
    assert not drawn & met
    assert counts.mean() > 0.99
    assert len(drawn) > 0.3 * (
        len(users) * train.schema.vocabulary_size(train.schema.item_id) - len(met)
    )


def test_a_negative_that_does_not_count_has_no_part_in_the_loss(schema, batch) -> None:
    model = GMF(schema)
    model.draw_negatives = lambda features: (
        tf.fill([6, 4], tf.constant(3, tf.int64)),
        tf.constant([[True, False, False, False]] * 6),
    )
    model(batch)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_allclose(model.compute_loss((batch,)), 2 * np.log(2), rtol=1e-5)


@pytest.mark.parametrize("cls", MODELS)
def test_vectors_start_small(cls, schema, batch) -> None:
    model = cls(schema)
    model(batch)
    for branch in model.branches:
        for vectors in (branch.user.table("user_id"), branch.item.table("item_id")):
            assert 0.005 < np.std(vectors[2:]) < 0.015


def test_pretraining_starts_from_the_mixture_of_both(train) -> None:
    """He et al. 2017, eq. 13: with a step of nothing, α of one logit and 1 − α of the other."""
    tf.keras.utils.set_random_seed(1)
    model = NeuMF(train.schema, pretrain_epochs=(6, 4), alpha=0.25, learning_rate=0.0)
    model.compile()
    found = []
    take_over = model.take_over
    model.take_over = lambda stages: (found.extend(stages), take_over(stages))
    model.fit(train, epochs=1, batch_size=64, verbose=0)
    steps = [int(stage.optimizer.iterations) for stage in found]
    assert steps[0] * 4 == steps[1] * 6 > 0
    batch, _ = next(iter(train.batches(64, shuffle=False)))
    logits = [stage(batch).numpy() for stage in found]
    assert all(np.ptp(values) > 0.01 for values in logits)
    np.testing.assert_allclose(model(batch), 0.25 * logits[0] + 0.75 * logits[1], atol=1e-5)


def test_optimizers(schema) -> None:
    assert isinstance(NeuMF(schema).default_optimizer(), LazyAdam)
    assert isinstance(NeuMF(schema, pretrain_epochs=1).default_optimizer(), tf.keras.optimizers.SGD)


@pytest.mark.parametrize("cls", MODELS)
def test_bad_arguments_are_named(cls, schema) -> None:
    with pytest.raises(ValueError, match="`num_negatives` must be at least 1; it is 0"):
        cls(schema, num_negatives=0)
    if cls is NeuMF:
        with pytest.raises(ValueError, match=r"`pretrain_epochs` must be .*; it is \(1, 2, 3\)"):
            cls(schema, pretrain_epochs=(1, 2, 3))
    growing = {"kind": "id", "role": "item", "growing": True, "vocabulary_size": 9}
    with pytest.raises(SchemaError, match="`item_id` grows"):
        cls(schema.replace([Column.from_dict("item_id", growing)]))


def test_a_tower_has_layers(schema) -> None:
    with pytest.raises(ValueError, match=r"`hidden_units` must name .* it is empty"):
        NCFMLP(schema, hidden_units=())
