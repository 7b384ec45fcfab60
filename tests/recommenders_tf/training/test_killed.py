"""A process that is killed in the middle of an epoch, and started again."""

from __future__ import annotations

import time

import numpy as np
import pytest

import recommenders_tf as rtf
from tests.recommenders_tf.training.processes import Process

# What has a state of its own: dropout, an optimizer that touches rows, noise, the count of steps.
MODELS = {
    "wide_deep": (
        *("--batch-size", "512", "--optimizer", "lazy_adam"),
        *("--set", "hidden_units=16", "--set", "dropout=0.4", "--set", "embedding_dim=4"),
    ),
    "mult_vae": (
        *("--batch-size", "10", "--set", "hidden_units=16,8", "--set", "anneal_steps=1000"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_killed_process_ends_with_the_weights_of_one_that_was_not(model, tmp_path):
    arguments = (
        *("--model", model, "--synthetic", "--epochs", "2", "--backup-steps", "10"),
        *MODELS[model],
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    first = Process(tmp_path / "first.log", [*arguments, "-o", str(parts)])
    try:
        end = time.monotonic() + 240
        while not list((parts / "backup").glob("*/ckpt-2.index")):
            assert time.monotonic() < end, first.log.read_text()
            time.sleep(0.01)
    finally:
        first.kill()
    assert not (parts / "history.csv").exists()  # no epoch is over
    again = Process(tmp_path / "again.log", [*arguments, "-o", str(parts)])
    assert again.wait() == 0
    assert Process(tmp_path / "whole.log", [*arguments, "-o", str(whole)]).wait() == 0

    assert "Going on in epoch 1 after " in again.log.read_text()
    resumed, expected = (rtf.load_model(path / "model.keras") for path in (parts, whole))
    for value, wanted in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert (parts / "history.csv").read_text() == (whole / "history.csv").read_text()
