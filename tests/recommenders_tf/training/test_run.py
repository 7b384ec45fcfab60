from __future__ import annotations

import csv
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.training import TrainingConfig, compile_model, prepare, train


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
        compile_model(model, config)
    return model


def history_of(folder):
    with (pathlib.Path(folder) / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    # Keras leaves room for validation metrics, whether there are any or not.
    return [{k: float(value) for k, value in row.items() if value != "NA"} for row in rows]


def assert_same_weights(model, expected):
    for value, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)


class KilledError(Exception):
    pass


class KillAt(tf.keras.callbacks.Callback):
    """Ends training before a step of an epoch."""

    def __init__(self, epoch, batch=0):
        super().__init__()
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KilledError


# Its optimizer is made of two, each with a state to be restored; its dropout draws at every step.
DROPPING = ("wide_deep", {"hidden_units": (16,), "dropout": 0.5})


@pytest.mark.parametrize("at", [(2, 0), (1, 4)])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(at, encoded, tmp_path, capsys):
    name, hyper_parameters = DROPPING
    config = TrainingConfig(epochs=4, batch_size=64, backup_steps=3)
    expected = built(name, encoded, config, **hyper_parameters)
    train(expected, encoded, config, tmp_path / "whole")
    killed = built(name, encoded, config, **hyper_parameters)
    with pytest.raises(KilledError):
        train(killed, encoded, config, tmp_path / "parts", callbacks=[KillAt(*at)])

    resumed = built(name, encoded, config, **hyper_parameters)
    history = train(resumed, encoded, config, tmp_path / "parts")

    assert history.epoch == list(range(at[0], 4))
    assert (
        f"Going on in epoch {at[0] + 1} after {3 * (at[1] // 3)} steps" in capsys.readouterr().err
    )
    assert_same_weights(resumed, expected)
    assert history_of(tmp_path / "parts") == history_of(tmp_path / "whole")
    assert not (tmp_path / "parts" / "backup").exists()


def test_several_steps_an_execution_are_the_same_steps(encoded, tmp_path):
    name, hyper_parameters = DROPPING
    one, several = (
        TrainingConfig(epochs=3, batch_size=64, backup_steps=3, steps_per_execution=n)
        for n in (1, 3)  # 3 does not divide the steps of an epoch
    )
    expected = built(name, encoded, one, **hyper_parameters)
    train(expected, encoded, one, tmp_path / "one")
    killed = built(name, encoded, several, **hyper_parameters)
    with pytest.raises(KilledError):
        train(killed, encoded, several, tmp_path / "several", callbacks=[KillAt(1, 6)])
    resumed = built(name, encoded, several, **hyper_parameters)
    assert train(resumed, encoded, several, tmp_path / "several").epoch == [1, 2]
    assert_same_weights(resumed, expected)
    assert history_of(tmp_path / "several") == history_of(tmp_path / "one")


def test_sampled_negatives_go_on_too(encoded, tmp_path):
    config = TrainingConfig(epochs=2, batch_size=64, backup_steps=5)
    expected = built("mf", encoded, config)
    train(expected, encoded, config)
    with pytest.raises(KilledError):
        killed = built("mf", encoded, config)
        train(killed, encoded, config, tmp_path, callbacks=[KillAt(0, 7)])
    resumed = built("mf", encoded, config)
    train(resumed, encoded, config, tmp_path)
    assert_same_weights(resumed, expected)


def test_a_dataset_goes_on_after_its_last_whole_epoch(encoded, tmp_path):
    batches = encoded.batches(256, shuffle=False)
    config = TrainingConfig(epochs=3)
    expected = built("wide_deep", encoded, config)
    train(expected, batches, config)
    with pytest.raises(KilledError):
        killed = built("wide_deep", encoded, config)
        train(killed, batches, config, tmp_path, callbacks=[KillAt(1, 2)])
    resumed = built("wide_deep", encoded, config)
    assert train(resumed, batches, config, tmp_path).epoch == [1, 2]
    assert_same_weights(resumed, expected)
    with pytest.raises(ValueError, match=r"`backup_steps` is 5, but a \w+ cannot begin in"):
        train(resumed, batches, TrainingConfig(backup_steps=5))


def test_a_run_with_no_epoch_left_keeps_what_it_learned(encoded, tmp_path):
    long, short = (TrainingConfig(epochs=n) for n in (3, 1))
    killed = built("mf", encoded, long)
    with pytest.raises(KilledError):
        train(killed, encoded, long, tmp_path, callbacks=[KillAt(1)])
    resumed = built("mf", encoded, short)
    assert train(resumed, encoded, short, tmp_path).epoch == []
    for value, wanted in zip(resumed.trainable_weights, killed.trainable_weights, strict=True):
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"batch_size": 64},
        {"clip_norm": 1.0},
        {"embedding_l2": 0.1},
        {"embedding_dim": 4},
    ],
)
def test_another_run_in_the_folder_starts_over(change, encoded, tmp_path):
    hyper_parameters = {"embedding_dim": 8}
    first = TrainingConfig(epochs=2)
    with pytest.raises(KilledError):
        model = built("mf", encoded, first, **hyper_parameters)
        train(model, encoded, first, tmp_path, callbacks=[KillAt(1)])
    settings = {key: value for key, value in change.items() if key != "embedding_dim"}
    second = TrainingConfig(epochs=2, **settings)
    model = built("mf", encoded, second, **(change if not settings else hyper_parameters))

    assert train(model, encoded, second, tmp_path).epoch == [0, 1]
    assert [row["epoch"] for row in history_of(tmp_path)] == [0, 1]


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
    config = TrainingConfig(epochs=1)
    history = train(built("mf", encoded, config), encoded, config, tmp_path)
    (file,) = (tmp_path / "tensorboard").rglob("*tfevents*")
    values = {
        value.tag: tf.make_ndarray(value.tensor)
        for record in tf.data.TFRecordDataset(str(file))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    np.testing.assert_allclose(values["epoch_loss"], history.history["loss"][0], rtol=1e-6)
