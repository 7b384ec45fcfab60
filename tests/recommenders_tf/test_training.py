from __future__ import annotations

import csv
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.training import TrainingConfig, prepare, train


@pytest.fixture(scope="module")
def encoded():
    return rtf.data.encode(rtf.data.synthetic(num_users=40, num_items=60, num_events=800, seed=2))


@pytest.fixture(autouse=True)
def policy_of_before():
    before = tf.keras.mixed_precision.global_policy()
    yield
    tf.keras.mixed_precision.set_global_policy(before)


def built(name, encoded, config, **hyper_parameters):
    with prepare(config).scope():
        model = rtf.registry.get(name)(encoded.schema, **hyper_parameters)
        model.compile()
    return model


def epochs_in(folder):
    with (pathlib.Path(folder) / "history.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


class KilledError(Exception):
    pass


class KillAfter(tf.keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KilledError


def test_a_killed_run_goes_on_as_if_nothing_had_happened(encoded, tmp_path, capsys):
    name = "wide_deep"  # its optimizer is made of two, each with a state to be restored
    batches = encoded.batches(256, shuffle=False)
    whole = TrainingConfig(epochs=4, folder=tmp_path / "whole")
    parts = TrainingConfig(epochs=4, folder=tmp_path / "parts")
    expected = built(name, encoded, whole)
    train(expected, batches, whole)
    with pytest.raises(KilledError):
        train(built(name, encoded, parts), batches, parts, callbacks=[KillAfter(2)])

    resumed = built(name, encoded, parts)
    history = train(resumed, batches, parts)

    assert history.epoch == [2, 3]
    assert epochs_in(tmp_path / "parts") == [0, 1, 2, 3]
    assert "Going on after epoch 2" in capsys.readouterr().err
    for value, wanted in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)
    assert not (tmp_path / "parts" / "backup").exists()


def test_a_run_with_no_epoch_left_keeps_what_it_learned(encoded, tmp_path):
    long, short = (TrainingConfig(epochs=n, folder=tmp_path) for n in (3, 1))
    killed = built("mf", encoded, long)
    with pytest.raises(KilledError):
        train(killed, encoded, long, callbacks=[KillAfter(1)])
    resumed = built("mf", encoded, short)
    assert train(resumed, encoded, short).epoch == []
    for value, wanted in zip(resumed.trainable_weights, killed.trainable_weights, strict=True):
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.parametrize("change", [{"seed": 1}, {"batch_size": 64}, {"embedding_dim": 4}])
def test_another_run_in_the_folder_starts_over(change, encoded, tmp_path):
    hyper_parameters = {"embedding_dim": 8}
    first = TrainingConfig(epochs=2, folder=tmp_path)
    with pytest.raises(KilledError):
        model = built("mf", encoded, first, **hyper_parameters)
        train(model, encoded, first, callbacks=[KillAfter(1)])
    settings = {key: value for key, value in change.items() if key != "embedding_dim"}
    second = TrainingConfig(epochs=2, folder=tmp_path, **settings)
    model = built("mf", encoded, second, **(change if not settings else hyper_parameters))

    assert train(model, encoded, second).epoch == [0, 1]
    assert epochs_in(tmp_path) == [0, 1]


def test_a_seed_makes_the_same_run_again(encoded):
    def trained(seed):
        config = TrainingConfig(epochs=1, batch_size=128, seed=seed)
        model = built("mf", encoded, config)
        train(model, encoded, config)
        return model.get_weights()

    first, second, other = trained(7), trained(7), trained(8)
    for value, wanted in zip(second, first, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)
    assert not all(np.allclose(a, b) for a, b in zip(first, other, strict=True))


def test_precision_is_that_of_the_config(encoded):
    config = TrainingConfig(epochs=1, precision="mixed_bfloat16")
    model = built("two_tower", encoded, config)
    train(model, encoded, config)
    batch = next(iter(encoded.batches(8)))[0]
    assert model.encode_query(batch).dtype == tf.bfloat16
    assert all(w.dtype == tf.float32 for w in model.trainable_weights)


def test_several_devices_train_one_model_together(encoded, monkeypatch):
    processors = tf.config.list_logical_devices("CPU")
    assert len(processors) == 2
    # Processors stand in for the graphics cards that the machine of the tests lacks.
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: processors)
    config = TrainingConfig(epochs=3, batch_size=64)
    model = built("mf", encoded, config)
    assert model.distribute_strategy.num_replicas_in_sync == 2

    losses = train(model, encoded, config).history["loss"]

    assert losses[-1] < losses[0]
    first, second = model.distribute_strategy.experimental_local_results(model.trainable_weights[0])
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_progress_goes_to_stderr_and_nothing_to_stdout(encoded, capsys):
    config = TrainingConfig(epochs=2)
    history = train(built("mf", encoded, config), encoded, config)
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.splitlines() if line.startswith("Epoch")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert f"loss {history.history['loss'][1]:.4f}" in lines[1]


def test_logs_are_for_tensorboard_too(encoded, tmp_path):
    config = TrainingConfig(epochs=1, folder=tmp_path)
    history = train(built("mf", encoded, config), encoded, config)
    (file,) = (tmp_path / "tensorboard").rglob("*tfevents*")
    values = {
        value.tag: tf.make_ndarray(value.tensor)
        for record in tf.data.TFRecordDataset(str(file))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    np.testing.assert_allclose(values["epoch_loss"], history.history["loss"][0], rtol=1e-6)
