"""Lists, weights and masks mean the same in every deep ranker."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import registry
from recommenders_tf.schema import FIRST_ID

NAMES = (
    "afm",
    "autoint",
    "dcn",
    "dcn_v2",
    "deep_crossing",
    "deepfm",
    "dien",
    "din",
    "din_base",
    "dlrm",
    "esmm",
    "ffm",
    "fibinet",
    "final_mlp",
    "fm",
    "fnn",
    "ipnn",
    "lr",
    "masknet",
    "mmoe",
    "nfm",
    "opnn",
    "ple",
    "pnn",
    "shared_bottom",
    "xdeepfm",
)
ARGUMENTS = {
    "fnn": {"embedding_dim": 3, "activation": "relu"},  # large random weights saturate its tanh
    "lr": {},
}


@pytest.fixture(scope="module", params=NAMES)
def model(request, schema, randomized):
    arguments = ARGUMENTS.get(request.param, {"embedding_dim": 3})
    return randomized(registry.get(request.param)(schema, **arguments))


def test_only_the_proportions_of_weights_count(model, batch) -> None:
    doubled = model(batch | {"tags_weights": 2 * batch["tags_weights"]})
    np.testing.assert_allclose(model(batch), doubled, rtol=1e-5)
    others = model(batch | {"tags_weights": 1 / batch["tags_weights"]})
    assert not np.allclose(model(batch), others, rtol=1e-5)


def test_a_weight_of_zero_leaves_an_id_out(model, batch) -> None:
    first = np.arange(3) == 0
    kept = tf.where(first, 0.0, batch["tags_weights"])
    masked = batch["tags_mask"] & ~first
    np.testing.assert_allclose(
        model(batch | {"tags_weights": kept}), model(batch | {"tags_mask": masked}), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["history", "categories", "tags"])
def test_padding_is_not_looked_at(model, batch, name) -> None:
    ids = tf.where(batch[f"{name}_mask"], batch[name], tf.constant(FIRST_ID, tf.int64))
    np.testing.assert_allclose(model(batch | {name: ids}), model(batch), rtol=1e-5)
    real = tf.where(batch[f"{name}_mask"], FIRST_ID + (batch[name] - 1) % 4, batch[name])
    assert not np.allclose(model(batch | {name: real}), model(batch), rtol=1e-5)


@pytest.mark.parametrize("name", ["age", "similar", "price"])
def test_every_column_counts(model, batch, name) -> None:
    other = tf.roll(batch[name], 1, axis=0)
    assert not np.allclose(model(batch | {name: other}), model(batch), rtol=1e-5)
