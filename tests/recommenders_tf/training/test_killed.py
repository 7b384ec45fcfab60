"""A process that is killed in the middle of an epoch, and started again."""

from __future__ import annotations

import time

import numpy as np
import pytest

import recommenders_tf as rtf
from tests.recommenders_tf.training.processes import Process

# Dropout, and an optimizer that touches rows: both have a state of their own.
ARGUMENTS = (
    *("--model", "wide_deep", "--synthetic", "--epochs", "2", "--batch-size", "512"),
    *("--backup-steps", "10", "--optimizer", "lazy_adam"),
    *("--set", "hidden_units=16", "--set", "dropout=0.4", "--set", "embedding_dim=4"),
)


@pytest.mark.slow
def test_a_killed_process_ends_with_the_weights_of_one_that_was_not(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    first = Process(tmp_path / "first.log", [*ARGUMENTS, "-o", str(parts)])
    try:
        end = time.monotonic() + 240
        while not list((parts / "backup").glob("*/ckpt-2.index")):
            assert time.monotonic() < end, first.log.read_text()
            time.sleep(0.01)
    finally:
        first.kill()
    assert not (parts / "history.csv").exists()  # no epoch is over
    again = Process(tmp_path / "again.log", [*ARGUMENTS, "-o", str(parts)])
    assert again.wait() == 0
    assert Process(tmp_path / "whole.log", [*ARGUMENTS, "-o", str(whole)]).wait() == 0

    assert "Going on in epoch 1 after " in again.log.read_text()
    resumed, expected = (rtf.load_model(path / "model.keras") for path in (parts, whole))
    for value, wanted in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert (parts / "history.csv").read_text() == (whole / "history.csv").read_text()
