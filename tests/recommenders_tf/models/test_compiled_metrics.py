"""Metrics that `compile` is given: what models hand them, in training and in validation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import metrics
from recommenders_tf.schema import FIRST_ID
from recommenders_tf.tasks.retrieval_task import in_batch_pairs


@pytest.fixture(scope="module")
def encoded():
    return rtf.data.encode(rtf.data.synthetic(num_users=40, num_items=30, num_events=600, seed=5))


def offline(labels, scores, k):
    """Return NDCG@k and HR@k of whole arrays."""
    relevance, number = metrics.relevance_by_rank(labels, scores, k), np.sum(labels, axis=1)
    return [
        float(np.mean(formula(relevance, number))) for formula in (metrics.ndcg, metrics.hit_rate)
    ]


def labels_and_probabilities(model, encoded):
    labels, scores = [], []
    for features, label in encoded.batches(128, shuffle=False):
        labels.append(np.ravel(label))
        scores.append(np.ravel(tf.sigmoid(model(features))))
    return np.concatenate(labels), np.concatenate(scores)


def test_a_ranker_gives_its_label_and_probability(encoded):
    model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
    model.compile(
        metrics=[
            metrics.CalibrationError(),
            tf.keras.metrics.MeanSquaredError("brier"),
            tf.keras.metrics.BinaryCrossentropy("log_loss"),
        ]
    )
    rows = encoded.batches(128, shuffle=False)
    history = model.fit(rows, validation_data=rows, epochs=1, verbose=0).history
    labels, probabilities = labels_and_probabilities(model, encoded)
    expected = {
        "calibration_error": metrics.calibration_error(labels, probabilities),
        "brier": metrics.rmse(labels, probabilities) ** 2,
        "log_loss": metrics.log_loss(labels, np.log(probabilities / (1 - probabilities))),
    }
    for name, value in expected.items():
        assert history[f"val_{name}"][0] == pytest.approx(value, abs=1e-5), name
        assert history[name][0] != pytest.approx(value, abs=1e-7), name  # of the weights on the way
    again = model.evaluate(encoded, verbose=0)
    assert again["brier"] == pytest.approx(expected["brier"], abs=1e-5)


def test_weighted_metrics_get_the_weights_of_the_examples(encoded):
    features, labels = next(iter(encoded.batches(64, shuffle=False)))
    weights = np.random.default_rng(0).random(64).astype(np.float32)
    model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
    model.compile(
        metrics=[tf.keras.metrics.MeanSquaredError("plain")],
        weighted_metrics=[tf.keras.metrics.MeanSquaredError("weighted")],
    )
    values = model.test_on_batch(features, labels, weights, return_dict=True)
    errors = (np.ravel(tf.sigmoid(model(features))) - np.ravel(labels)) ** 2
    assert values["plain"] == pytest.approx(errors.mean(), abs=1e-5)
    assert values["weighted"] == pytest.approx(np.average(errors, weights=weights), abs=1e-5)


class FixedNegatives(tf.keras.layers.Layer):
    """The first items of the catalogue, for every example."""

    def call(self, examples):
        ids = tf.range(FIRST_ID, FIRST_ID + 6, dtype=tf.int64)
        return tf.tile(ids[tf.newaxis], [tf.shape(examples)[0], 1])


@pytest.mark.parametrize("jit", [False, True])
def test_a_sampled_retriever_gives_the_event_and_its_negatives(encoded, jit):
    model = rtf.models.MF(encoded.schema, embedding_dim=4, num_negatives=6)
    model.negatives = FixedNegatives()
    model.compile(metrics=[metrics.NDCG(3), metrics.HitRate(3)], jit_compile=jit)
    rows = encoded.batches(120, shuffle=False)
    history = model.fit(rows, validation_data=rows, epochs=1, verbose=0).history
    scores = []
    for features, _ in rows:
        items = tf.concat(
            [features["item_id"][:, tf.newaxis], FixedNegatives()(features["item_id"])], 1
        )
        flat = model.encode_candidates({"item_id": tf.reshape(items, [-1])})
        listed = tf.reshape(flat, [len(items), 7, -1])
        scores.append(model.score_listed(model.encode_query(features), listed))
    scores = np.concatenate(scores)
    labels = np.zeros_like(scores)
    labels[:, 0] = 1
    found = [history["val_NDCG@3"][0], history["val_HR@3"][0]]
    np.testing.assert_allclose(found, offline(labels, scores, 3), atol=1e-5)
    assert 0 < history["NDCG@3"][0] < 1


def test_retrieval_within_a_batch_gives_each_query_the_items_of_the_batch(encoded):
    model = rtf.models.TwoTower(encoded.schema, embedding_dim=4)
    model.compile(metrics=[metrics.NDCG(5), metrics.HitRate(5)])
    rows = encoded.batches(100, shuffle=False)
    history = model.fit(rows, validation_data=rows, epochs=1, verbose=0).history
    values = []
    for features, _ in rows:
        scores = tf.matmul(
            model.encode_query(features), model.encode_candidates(features), transpose_b=True
        ).numpy()
        items = features["item_id"].numpy()
        for place, item in enumerate(items):
            wrong = scores[place, items != item]
            rank = 1 + np.count_nonzero(wrong >= scores[place, place])
            values.append((1 / np.log2(1 + rank), 1.0) if rank <= 5 else (0.0, 0.0))
    found = [history["val_NDCG@5"][0], history["val_HR@5"][0]]
    np.testing.assert_allclose(found, np.mean(values, axis=0), atol=1e-5)
    assert history["val_HR@5"][0] > history["val_NDCG@5"][0] > 0


def test_the_same_item_elsewhere_in_the_batch_is_not_wrong():
    scores = tf.constant([[1.0, 3.0, 2.0], [0.0, 1.0, 5.0], [9.0, 9.0, 1.0]])
    labels, kept = in_batch_pairs(scores, tf.constant([7, 7, 8]))
    assert labels.numpy().tolist() == np.eye(3).tolist()
    relevance = metrics.relevance_by_rank(labels, kept, 3).numpy()
    assert relevance.argmax(axis=1).tolist() == [1, 1, 2]


def test_micro_batches_count_every_example_once(encoded):
    values = []
    for parts in (1, 3):
        tf.keras.utils.set_random_seed(1)
        model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
        model.compile(micro_batches=parts, metrics=[tf.keras.metrics.MeanSquaredError("brier")])
        batch = next(iter(encoded.batches(90, shuffle=False)))
        values.append(model.train_on_batch(*batch, return_dict=True)["brier"])
    assert values[1] == pytest.approx(values[0], rel=1e-5)


def test_replicas_and_a_saved_model_keep_them(encoded, tmp_path):
    strategy = tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices("CPU")],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )
    with strategy.scope():
        model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
        model.compile(
            metrics=[metrics.CalibrationError(), tf.keras.metrics.MeanSquaredError("brier")]
        )
    rows = encoded.batches(128, shuffle=False)
    history = model.fit(rows, validation_data=rows, epochs=1, verbose=0).history
    labels, probabilities = labels_and_probabilities(model, encoded)
    expected = metrics.rmse(labels, probabilities) ** 2
    assert history["val_brier"][0] == pytest.approx(expected, abs=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = rtf.load_model(tmp_path / "model.keras")
    again = loaded.evaluate(rows, return_dict=True, verbose=0)
    assert again["brier"] == pytest.approx(expected, abs=1e-5)
    calibration = metrics.calibration_error(labels, probabilities)
    assert again["calibration_error"] == pytest.approx(calibration, abs=1e-5)


@pytest.mark.parametrize("name", ["popularity", "ease", "als", "autorec_user", "cdae"])
def test_metrics_that_would_stay_empty_are_refused(encoded, name):
    model = rtf.registry.get(name)(encoded.schema)
    solved = []
    if getattr(model, "is_solved", False):
        model.solve = solved.append  # which would take long
    model.compile(metrics=[metrics.NDCG(5)])
    with pytest.raises(ValueError, match=f"`{model.name}` hands no labels and scores .*leave"):
        model.fit(encoded, verbose=0)
    assert not solved


def test_metrics_that_hide_another_are_refused(encoded):
    model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(4,))
    model.compile(metrics=[tf.keras.metrics.AUC(curve="PR", name="auc")])
    with pytest.raises(ValueError, match=r"`wide_deep\w*` has a metric `auc` of its own"):
        model.fit(encoded, verbose=0)
