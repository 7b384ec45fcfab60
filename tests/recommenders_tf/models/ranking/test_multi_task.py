"""The four rankers of several tasks against their papers' equations."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models import ESMM, PLE, MMoE, SharedBottom
from recommenders_tf.models.ranking.esmm import both
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role

SMALL = {"embedding_dim": 3, "tower_units": (4,)}


@pytest.fixture(scope="module")
def two(schema) -> FeatureSchema:
    """The toy schema with a second label."""
    return FeatureSchema([*schema.columns.values(), Column("buy", Kind.LABEL, Role.LABEL)], "toy")


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def tower(model, task: int, x: np.ndarray) -> np.ndarray:
    w1, b1, w2, b2 = model.towers.get_weights()
    return (relu(x @ w1[:, task] + b1[task]) @ w2[:, task] + b2[task])[:, 0]


def assert_logits(model, batch, expected: list[np.ndarray]) -> None:
    logits = model.task_logits(batch)
    assert not np.allclose(logits[:, 0], logits[:, 1])
    np.testing.assert_allclose(logits, np.stack(expected, axis=1), rtol=1e-4)


def test_shared_bottom(two, batch, randomized) -> None:
    """Ma et al. 2018 (MMoE), eq. 1."""
    model = randomized(SharedBottom(two, bottom_units=(5,), **SMALL))
    w, b = model.bottom.get_weights()
    hidden = relu(model.embed(batch).numpy() @ w + b)
    assert_logits(model, batch, [tower(model, task, hidden) for task in range(2)])


def test_mmoe(two, batch, randomized) -> None:
    """Ma et al. 2018 (MMoE), eq. 5 to 7."""
    model = randomized(MMoE(two, num_experts=3, expert_units=(5,), **SMALL))
    flat = model.embed(batch).numpy()
    w, b = model.experts.get_weights()
    experts = [relu(flat @ w[:, i] + b[i]) for i in range(3)]
    (gates,) = model.mix.get_weights()
    expected = []
    for task in range(2):
        shares = softmax(flat @ gates[:, task])
        mixed = sum(shares[:, [i]] * expert for i, expert in enumerate(experts))
        expected.append(tower(model, task, mixed))
    assert_logits(model, batch, expected)


def test_ple(two, batch, randomized) -> None:
    """Tang et al. 2020, eq. 5 and 6: two levels, the first of which has a gate for the shared."""
    model = randomized(PLE(two, experts=(2, 1), expert_units=(5,), **SMALL))
    inputs = [model.embed(batch).numpy()] * 3  # of the tasks, of the shared experts
    for level in model.extract:
        w, b = level.experts.get_weights()
        # Two experts of each task, then the shared one.
        owners = (0, 0, 1, 1, 2)
        experts = [relu(inputs[owner] @ w[:, i] + b[i]) for i, owner in enumerate(owners)]
        (gates,) = level.task_gates.get_weights()
        kernels = [gates[:, 0], gates[:, 1]]
        if level.all_gate:
            kernels.append(level.all_gate.get_weights()[0][:, 0])
        looks = ((0, 1, 4), (2, 3, 4), range(5))
        inputs = [
            sum(share[:, np.newaxis] * experts[i] for i, share in zip(look, shares.T, strict=True))
            for look, shares in (
                (look, softmax(x @ kernel))
                for look, x, kernel in zip(looks, inputs, kernels, strict=False)
            )
        ]
    assert_logits(model, batch, [tower(model, task, inputs[task]) for task in range(2)])


def test_levels_of_ple(two) -> None:
    assert [level.shared_gate for level in PLE(two, levels=3).extract] == [True, True, False]
    with pytest.raises(ValueError, match="`levels` is 0; give 1 or more"):
        PLE(two, levels=0)


def test_esmm(two, batch, randomized) -> None:
    """Ma et al. 2018 (ESMM), eq. 1: the second probability is the product of two towers'."""
    model = randomized(ESMM(two, **SMALL))
    flat = model.embed(batch).numpy()
    click, conversion = (1 / (1 + np.exp(-tower(model, task, flat))) for task in range(2))
    probabilities = tf.sigmoid(model.task_logits(batch)).numpy()
    np.testing.assert_allclose(probabilities[:, 0], click, rtol=1e-4)
    np.testing.assert_allclose(probabilities[:, 1], click * conversion, rtol=1e-4)


def test_the_product_of_probabilities_keeps_its_precision() -> None:
    """log σ(both(a, b)) = log σ(a) + log σ(b), also where σ is rounded to 0 or 1."""
    values = np.array([-200.0, -30.0, -1.0, 0.0, 1.0, 30.0, 200.0])
    a, b = (tf.constant(part.ravel(), tf.float32) for part in np.meshgrid(values, values))
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        joint = both(a, b)
        log_p, log_not = tf.math.log_sigmoid(joint), tf.math.log_sigmoid(-joint)
    expected = -np.logaddexp(0, -a.numpy().astype(float)) - np.logaddexp(
        0, -b.numpy().astype(float)
    )
    np.testing.assert_allclose(log_p, expected, rtol=1e-5, atol=1e-30)
    # Of two sure things, the odds against both are those against either.
    np.testing.assert_allclose(log_not[(a == 30) & (b == 30)], [np.log(2) - 30], rtol=1e-6)
    assert all(np.isfinite(g).all() for g in tape.gradient(joint, [a, b]))


def test_no_loss_is_taken_on_the_conversion_alone(two, batch) -> None:
    """Without a click the tower of the conversion learns through the product alone."""
    model = ESMM(two, **SMALL)
    labels = {"label": tf.zeros(6), "buy": tf.zeros(6)}
    a, b = tf.unstack(model.tower_logits(batch), axis=1)
    loss = model.compute_loss((batch, labels))
    p, q = tf.sigmoid(a), tf.sigmoid(b)
    expected = -tf.reduce_mean(tf.math.log(1 - p) + tf.math.log(1 - p * q))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_one_label_is_one_tower(schema, batch) -> None:
    model = ESMM(schema, **SMALL)
    np.testing.assert_array_equal(model.task_logits(batch), model.tower_logits(batch))
    assert model.towers.count == 1
