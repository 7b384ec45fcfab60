from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.training import TrainingConfig, prepare
from recommenders_tf.training.feed import feed


@pytest.fixture
def gpus(monkeypatch):
    """Two graphics cards that TensorFlow seems to see, and what is asked of them."""
    found = [types.SimpleNamespace(name=f"GPU:{number}") for number in range(2)]
    asked = {"visible": found, "growth": {}}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: found)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: asked["visible"])
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda chosen, kind: asked.update(visible=chosen)
    )
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda gpu, grows: asked["growth"].update({gpu.name: grows}),
    )
    return asked


@pytest.mark.parametrize(
    ("devices", "visible"),
    [("auto", ["GPU:0", "GPU:1"]), ("cpu", []), ("1", ["GPU:1"]), ("0,1", ["GPU:0", "GPU:1"])],
)
def test_devices_are_those_of_the_config(devices, visible, gpus):
    prepare(TrainingConfig(devices=devices))
    assert [gpu.name for gpu in gpus["visible"]] == visible
    assert gpus["growth"] == dict.fromkeys(visible, True)


def test_memory_is_taken_at_once_if_the_config_says_so(gpus):
    prepare(TrainingConfig(memory_growth=False))
    assert gpus["growth"] == {"GPU:0": False, "GPU:1": False}


def test_a_gpu_that_is_not_there_is_told(gpus):
    with pytest.raises(ValueError, match="`devices` names GPU 2; this machine has 2"):
        prepare(TrainingConfig(devices="0,2"))


def test_devices_come_too_late(gpus, monkeypatch):
    def fail(*_):
        raise RuntimeError("initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", fail)
    with pytest.raises(ValueError, match="already computes on other GPUs: call `prepare` before"):
        prepare(TrainingConfig(devices="cpu"))
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", fail)
    with pytest.warns(UserWarning, match="`memory_growth` of GPU:0 stays as it is"):
        prepare(TrainingConfig())


def test_replicas_share_every_batch_in_turn():
    encoded = rtf.data.encode(rtf.data.synthetic(num_users=20, num_items=30, num_events=100))
    config = TrainingConfig(batch_size=16, seed=4)

    class Workers:
        """Two machines of two devices; this is the second."""

        def distribute_datasets_from_function(self, make):
            return make(tf.distribute.InputContext(2, 1, 4))

    batches = iter(feed(Workers(), encoded, config, start=6).take(4))
    parts = [next(batches)[1].numpy() for _ in range(4)]
    whole = iter(encoded.stream(16, seed=4, start=6))
    for step in (0, 2):
        labels = next(whole)[1].numpy()
        own = np.concatenate(parts[step : step + 2])
        np.testing.assert_array_equal(own, labels[len(labels) // 2 :])


def test_an_unknown_optimizer_is_refused_before_the_data_is_encoded():
    with pytest.raises(ValueError, match=r"no optimizer 'adam_lazy'; there are .*lazy_adam"):
        prepare(TrainingConfig(optimizer="adam_lazy"))
