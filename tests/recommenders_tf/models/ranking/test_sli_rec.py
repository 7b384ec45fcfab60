import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models import SLiRec
from recommenders_tf.schema import FeatureSchema, Kind, SchemaError
from tests.recommenders_tf.layers.test_time_aware_lstm import recurrence, sigmoid

SMALL = {"embedding_dim": 3, "attention_units": (4,), "hidden_units": (5,), "time_unit": 60}


def relu(values):
    return np.maximum(values, 0)


def softmax(values):
    return np.exp(values) / np.exp(values).sum()


@pytest.fixture(scope="module")
def timed(schema):
    return schema.replace([dataclasses.replace(schema["history"], timed=True)])


@pytest.fixture(scope="module")
def inputs(batch):
    mask = batch["history_mask"].numpy()
    gaps = np.random.default_rng(2).integers(1, 500, mask.shape)
    ages = np.cumsum(gaps[:, ::-1], axis=1)[:, ::-1]
    return batch | {"history_ages": tf.constant(np.where(mask, ages, 0), tf.int64)}


@pytest.fixture
def model(timed, inputs):
    made = SLiRec(timed, **SMALL)
    made(inputs)
    random = np.random.default_rng(1)
    made.set_weights([random.uniform(-0.5, 0.5, w.shape) for w in made.get_weights()])
    return made


def test_equation(model, inputs, column_vectors, monkeypatch) -> None:
    """Yu et al. 2019, figure 2: lasting taste, time-aware memory, attention, adaptive fusion."""
    monkeypatch.setattr("tests.recommenders_tf.layers.test_time_aware_lstm.UNITS", 6)
    vectors = column_vectors(model.embed)
    candidates = np.concatenate([vectors["item_id"], vectors["category"]], axis=1)
    parts = (("history", "item_id"), ("categories", "category"))
    rows = [model.embed.table(source).numpy()[inputs[past].numpy()] for past, source in parts]
    behaviours = np.concatenate(rows, axis=2)
    ages = inputs["history_ages"].numpy()
    users = np.zeros_like(candidates)
    kernels = {layer: layer.get_weights() for layer in (model.attend, model.blend, model.deep)}
    for row, length in enumerate(inputs["history_mask"].numpy().sum(axis=1)):
        x, long, short, pause = behaviours[row, :length], np.zeros(6), np.zeros(6), 0.0
        if length:
            old = ages[row, :length]
            times = [np.concatenate([[0], old[:-1] - old[1:]]), old]
            times = [np.log(np.maximum(part / 60, 0.5)) for part in times]
            pause = times[1][-1]
            long = softmax(x @ model.lasting.kernel.numpy()[:, 0]) @ x
            h = np.stack(recurrence(model.recur, x, *times))
            k, q = h @ model.project.kernel.numpy(), np.broadcast_to(candidates[row], h.shape)
            w1, b1, w2, b2 = kernels[model.attend]
            fits = relu(np.concatenate([q, k, q - k, q * k], axis=1) @ w1 + b1) @ w2 + b2
            short = softmax(fits[:, 0]) @ h
        w1, b1, w2, b2 = kernels[model.blend]
        told = np.concatenate([candidates[row], long, short, [pause]])
        share = sigmoid(relu(told @ w1 + b1) @ w2 + b2)
        users[row] = share * long + (1 - share) * short
    w1, b1, w2, b2 = kernels[model.deep]
    hidden = np.concatenate([*vectors.values(), users], axis=1)
    np.testing.assert_allclose(
        model(inputs), relu(hidden @ w1 + b1) @ w2 + b2, rtol=1e-4, atol=1e-5
    )


def test_how_long_ago_and_how_far_apart_the_past_is_matters(model, inputs) -> None:
    ages, mask = inputs["history_ages"], inputs["history_mask"]
    long = mask.numpy().sum(axis=1) > 1
    plain = model(inputs).numpy()
    older = model(inputs | {"history_ages": tf.where(mask, ages + 10_000, 0)}).numpy()
    closer = tf.where(mask, tf.reduce_min(tf.where(mask, ages, 1000), axis=1)[:, tf.newaxis], 0)
    together = model(inputs | {"history_ages": closer}).numpy()
    for other in (older, together):
        assert (np.abs(plain - other)[long] > 1e-6).all()
    assert long.any()


def test_what_it_needs_is_named(schema, timed, inputs) -> None:
    with pytest.raises(SchemaError, match="give `history` the entry `timed: true`"):
        SLiRec(schema)
    columns = [c for c in timed.columns.values() if c.kind is not Kind.SEQUENCE]
    with pytest.raises(SchemaError, match="has no column of kind `sequence`: SLiRec follows"):
        SLiRec(FeatureSchema(columns))
    with pytest.raises(ValueError, match="`time_unit` must be at least 1 second; it is 0"):
        SLiRec(timed, time_unit=0)
    without = {name: value for name, value in inputs.items() if name != "history_ages"}
    with pytest.raises(SchemaError, match="lacks the column `history_ages`"):
        SLiRec(timed, **SMALL)(without)
