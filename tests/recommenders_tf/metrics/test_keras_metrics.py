"""The Keras metrics, fed in batches, against the formulas on the whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import metrics
from tests.harness import PRECISIONS, precision

PAIRS = [
    (metrics.HitRate, metrics.hit_rate),
    (metrics.Recall, metrics.recall),
    (metrics.Precision, metrics.precision),
    (metrics.NDCG, metrics.ndcg),
    (metrics.MAP, metrics.average_precision),
    (metrics.MRR, metrics.reciprocal_rank),
]


def ranked_rows(rows=50):
    """Return labels, scores with ties and weights; some rows have no relevant candidate."""
    random = np.random.default_rng(0)
    labels = (random.random([rows, 9]) < 0.2).astype(np.float32)
    assert (labels.sum(axis=1) == 0).any()
    scores = random.integers(0, 4, [rows, 9]).astype(np.float32)
    return labels, scores, random.random(rows).astype(np.float32)


def offline(formula, labels, scores, k, weights=None):
    number = labels.sum(axis=1)
    values = formula(metrics.relevance_by_rank(labels, scores, k), number)
    counted = (number > 0) * (1 if weights is None else weights)
    return np.average(values, weights=counted)


@pytest.mark.parametrize(("metric_class", "formula"), PAIRS)
@pytest.mark.parametrize("k", [3, 20])
def test_batches_give_what_the_whole_gives(metric_class, formula, k):
    labels, scores, weights = ranked_rows()
    plain, weighted = metric_class(k), metric_class(k, name="weighted")

    @tf.function
    def update(labels, scores, weights):
        weighted.update_state(labels, scores, sample_weight=weights)

    for rows in np.array_split(np.arange(50), 4):
        plain.update_state(labels[rows], scores[rows])
        update(labels[rows], scores[rows], weights[rows, np.newaxis])
    assert float(plain.result()) == pytest.approx(offline(formula, labels, scores, k), abs=1e-6)
    expected = offline(formula, labels, scores, k, weights)
    assert float(weighted.result()) == pytest.approx(expected, abs=1e-6)
    plain.reset_state()
    assert float(plain.result()) == 0.0


def test_calibration_error_in_batches_with_weights():
    random = np.random.default_rng(1)
    labels, probabilities = random.integers(0, 2, [60, 1]), random.random([60, 1])
    times = random.integers(1, 4, 60)
    metric, weighted = metrics.CalibrationError(bins=7), metrics.CalibrationError(bins=7)
    for rows in np.array_split(np.arange(60), 4):
        metric.update_state(labels[rows], probabilities[rows])
        weighted.update_state(labels[rows], probabilities[rows], times[rows])
    flat = labels.ravel(), probabilities.ravel()
    expected = metrics.calibration_error(*flat, bins=7)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    repeated = metrics.calibration_error(*(np.repeat(values, times) for values in flat), bins=7)
    assert float(weighted.result()) == pytest.approx(repeated, abs=1e-6)
    metric.reset_state()
    metric.update_state([1.0], [0.25])
    assert float(metric.result()) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "metric", [*(cls(5) for cls, _ in PAIRS), metrics.CalibrationError(4)], ids=lambda m: m.name
)
def test_saved_and_made_again_it_is_the_same(metric):
    again = tf.keras.metrics.deserialize(json.loads(json.dumps(tf.keras.metrics.serialize(metric))))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    size = "k" if hasattr(metric, "k") else "bins"
    assert getattr(again, size) == getattr(metric, size)


@pytest.mark.parametrize("policy", PRECISIONS)
def test_state_is_float32_under_mixed_precision(policy):
    with precision(policy):
        made = [cls() for cls, _ in PAIRS] + [metrics.CalibrationError()]
    assert {variable.dtype for metric in made for variable in metric.variables} == {tf.float32}


def test_replicas_add_up():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    assert len(devices) == 2
    strategy = tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    labels, scores, _ = ranked_rows()
    probabilities = scores / 4
    with strategy.scope():
        ndcg, calibration = metrics.NDCG(3), metrics.CalibrationError()
    data = tf.data.Dataset.from_tensor_slices((labels, scores, probabilities)).batch(20)

    @tf.function
    def step(labels, scores, probabilities):
        ndcg.update_state(labels, scores)
        calibration.update_state(labels, probabilities)

    for _ in range(2):  # the second time from the start
        ndcg.reset_state()
        calibration.reset_state()
        for batch in strategy.experimental_distribute_dataset(data):
            strategy.run(step, batch)
    expected = offline(metrics.ndcg, labels, scores, 3)
    assert float(ndcg.result()) == pytest.approx(expected, abs=1e-6)
    expected = metrics.calibration_error(labels.ravel(), probabilities.ravel())
    assert float(calibration.result()) == pytest.approx(expected, abs=1e-6)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="`k` must be at least 1; it is 0"):
        metrics.NDCG(0)
    labels, scores, _ = ranked_rows()
    with pytest.raises(ValueError, match=r"`sample_weight` of MRR@2 .* it is \(50, 9\)"):
        metrics.MRR(2).update_state(labels, scores, scores)
