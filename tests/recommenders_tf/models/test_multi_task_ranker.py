"""What all rankers of several tasks share: labels, losses, metrics, answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data import EncodedLog, EventLog
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError
from tests.harness import ask, assert_only_stock_ops

NAMES = ("shared_bottom", "mmoe", "ple", "esmm")
LOVED = Column("loved", Kind.LABEL, Role.LABEL, source="rating", positive_from=5.0)


@pytest.fixture(scope="module")
def log(planted_log) -> EventLog:
    """The planted log, in which every second user loves what they like."""
    rating = planted_log.events["rating"]
    loves = planted_log.events["user_id"].str[1:].astype(int) % 2 == 0
    return dataclasses.replace(
        planted_log,
        events=planted_log.events.assign(rating=rating.where(loves | (rating < 5), 4.0)),
        schema=FeatureSchema([*planted_log.schema.columns.values(), LOVED], "planted"),
    )


@pytest.fixture(scope="module")
def encoded(log) -> EncodedLog:
    return rtf.data.encode(log)


@pytest.fixture(scope="module")
def batch(encoded):
    return next(iter(encoded.batches(32, shuffle=False)))


@pytest.fixture(scope="module", params=NAMES)
def cls(request):
    return rtf.registry.get(request.param)


def log_loss(labels: tf.Tensor, logits: tf.Tensor) -> float:
    """The mean logistic loss, in float64 by NumPy."""
    p = 1 / (1 + np.exp(-logits.numpy().astype(np.float64)))
    y = labels.numpy()
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@pytest.mark.parametrize("weights", [None, (0.5, 2.0)])
def test_the_loss_is_the_weighted_sum_of_the_tasks(cls, encoded, batch, weights) -> None:
    model = cls(encoded.schema, task_weights=weights)
    features, labels = batch
    logits = model.task_logits(features)
    parts = [log_loss(labels[name], logits[:, i]) for i, name in enumerate(("rating", "loved"))]
    expected = np.dot(weights or (1, 1), parts)
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-4)
    swapped = (features, {"loved": labels["loved"], "rating": labels["rating"]})
    assert float(model.compute_loss(swapped)) == pytest.approx(expected, rel=1e-4)


def test_both_tasks_are_learned_measured_saved_and_served(log, encoded, batch, tmp_path) -> None:
    model = rtf.models.ESMM(encoded.schema)
    model.compile()
    history = model.fit(encoded, epochs=10, batch_size=256, verbose=0).history
    assert min(history["auc"][-1], history["auc_loved"][-1]) > 0.8
    assert model.evaluate(log, verbose=0).keys() >= {"loss", "auc", "auc_loved"}

    features, _ = batch
    logits = model.task_logits(features)
    np.testing.assert_allclose(model(features), logits[:, :1], rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = rtf.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.task_logits(features), logits, rtol=1e-4, atol=1e-5)

    path = model.export(tmp_path / "1")
    assert_only_stock_ops(path)
    signatures = tf.saved_model.load(str(path)).signatures
    pairs = log.events.head(32)
    answer = ask(
        signatures["score"],
        **{name: tf.constant(pairs[name].to_numpy(object)) for name in ("user_id", "item_id")},
        device=tf.constant(pairs["device"].to_numpy(object)),
    )
    assert answer.keys() == {"score", "rating", "loved"}
    np.testing.assert_allclose(answer["score"], model.score(pairs), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(answer["score"], answer["rating"])
    assert (answer["loved"].numpy() < answer["rating"].numpy()).all()
    even = pairs["user_id"].str[1:].astype(int).to_numpy() % 2 == 0
    loved = answer["loved"].numpy()
    assert loved[even].mean() > 2 * loved[~even].mean()


def test_examples_are_answered_with_all_tasks_and_give_all_labels(encoded, tmp_path) -> None:
    model = rtf.models.SharedBottom(encoded.schema)
    model.bind(encoded.tables)
    signatures = tf.saved_model.load(str(model.export(tmp_path / "1"))).signatures
    example = tf.train.Example()
    example.features.feature["rating"].float_list.value.append(4.0)
    serialized = tf.constant([example.SerializeToString()])
    assert signatures["serving_default"](serialized).keys() == {"score", "rating", "loved"}
    labels = {name: float(value) for name, value in signatures["labels"](serialized).items()}
    assert labels == {"rating": 1.0, "loved": 0.0}


def test_a_ranker_of_one_task_learns_the_first_of_two_labels(encoded, batch) -> None:
    model = rtf.models.WideDeep(encoded.schema)
    features, labels = batch
    loss = model.compute_loss(batch)
    assert float(loss) == pytest.approx(log_loss(labels["rating"], model(features)[:, 0]), rel=1e-4)
    np.testing.assert_array_equal(model.compute_loss((features, labels["rating"])), loss)


def test_metrics_of_compile_get_the_first_label_and_its_probability(cls, encoded, batch) -> None:
    model = cls(encoded.schema)
    model.compile(metrics=[tf.keras.metrics.MeanSquaredError("brier")])
    features, labels = batch
    found = model.test_on_batch(features, labels, return_dict=True)["brier"]
    errors = tf.sigmoid(model(features))[:, 0] - labels["rating"]
    assert found == pytest.approx(np.mean(np.square(errors)), abs=1e-6)


def test_gradients_reach_every_weight(cls, encoded, batch) -> None:
    model = cls(encoded.schema)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert gradient is not None, weight.name
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_what_does_not_fit_is_named(cls, encoded, batch) -> None:
    with pytest.raises(ValueError, match=r"has 3 weights and schema `planted` the labels rating, "):
        cls(encoded.schema, task_weights=(1.0, 1.0, 1.0))
    features, labels = batch
    with pytest.raises(SchemaError, match="lacks the label `loved`; it has rating"):
        cls(encoded.schema).compute_loss((features, {"rating": labels["rating"]}))
