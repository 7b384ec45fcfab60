from __future__ import annotations

import subprocess
import sys

import pytest

from recommenders_tf.training import TrainingConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "`epochs` must be at least 1; it is 0"),
        ({"micro_batches": -1}, "`micro_batches` must be at least 1; it is -1"),
        ({"patience": 0}, "`patience` must be at least 1; it is 0"),
        ({"clip_norm": 0.0}, "`clip_norm` must be above 0; it is 0.0"),
        ({"optimizer": "sgd", "learning_rate": -1.0}, "`learning_rate` must be above 0"),
        ({"learning_rate": -0.1}, "`learning_rate` must be above 0; it is -0.1"),
        ({"seed": -1}, "`seed` must be at least 0; it is -1"),
        ({"embedding_l2": -0.1}, "`embedding_l2` must be at least 0; it is -0.1"),
        ({"precision": "float16"}, "`precision` is `float16`; it must be one of float32, mixed_b"),
        ({"devices": "gpu"}, "`devices` is `gpu`; it must be `auto`, `cpu` or numbers"),
        ({"devices": "0,"}, "`devices` is `0,`; it must be"),
    ],
)
def test_a_value_out_of_range_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**values)


def test_gpus_by_their_numbers():
    assert TrainingConfig(devices="0, 2").gpus == [0, 2]
    assert TrainingConfig().gpus == TrainingConfig(devices="cpu").gpus == []


def test_it_is_read_without_tensorflow():
    program = (
        "import sys; from recommenders_tf.training import Cluster, TrainingConfig; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
