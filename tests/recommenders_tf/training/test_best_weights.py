from __future__ import annotations

import csv

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.training import TrainingConfig, compile_model, prepare, train


@pytest.fixture(scope="module")
def parts(planted_log):
    events, validation, _ = planted_log.split("leave_last_out", validation=True)
    return rtf.data.encode(events), validation


class KilledError(Exception):
    pass


class Kill(tf.keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KilledError


def built(name, encoded, config, **hyper_parameters):
    with prepare(config).scope():
        model = rtf.registry.get(name)(encoded.schema, **hyper_parameters)
        compile_model(model, config)
    return model


@pytest.mark.parametrize(
    ("name", "metric", "arguments"),
    [
        ("mf", "NDCG@10", {"learning_rate": 0.05}),
        ("wide_deep", "auc", {"deep_learning_rate": 0.5, "hidden_units": (16,)}),
    ],
)
def test_training_ends_with_the_weights_of_the_best_epoch(name, metric, arguments, parts, tmp_path):
    encoded, validation = parts
    config = TrainingConfig(epochs=40, batch_size=256, patience=2)
    model = built(name, encoded, config, **arguments)
    history = train(model, encoded, config, tmp_path, validation).history[f"val_{metric}"]

    best = int(np.argmax(history))
    assert len(history) == best + 1 + 2 < 40
    kind = {"verbose": 0} if name == "wide_deep" else {}
    model.bind(encoded.tables)
    assert model.evaluate(validation, **kind)[metric] == pytest.approx(history[best], abs=1e-6)
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row[f"val_{metric}"]) for row in rows] == pytest.approx(history)


def test_a_killed_run_has_not_lost_its_best_weights_and_its_patience(parts, tmp_path):
    encoded, validation = parts
    config = TrainingConfig(epochs=40, batch_size=256, patience=2)
    arguments = {"learning_rate": 0.05}
    expected = built("mf", encoded, config, **arguments)
    history = train(expected, encoded, config, None, validation)
    stopped = len(history.epoch)
    with pytest.raises(KilledError):
        killed = built("mf", encoded, config, **arguments)
        train(killed, encoded, config, tmp_path, validation, [Kill(stopped - 1)])

    resumed = built("mf", encoded, config, **arguments)
    assert train(resumed, encoded, config, tmp_path, validation).epoch == [stopped - 1]
    for value, wanted in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_patience_and_validation_belong_together(parts):
    encoded, validation = parts
    model = built("mf", encoded, TrainingConfig())
    with pytest.raises(ValueError, match="both `patience` and `validation`"):
        train(model, encoded, TrainingConfig(patience=1))
    with pytest.raises(ValueError, match="both `patience` and `validation`"):
        train(model, encoded, TrainingConfig(), validation=validation)
