import itertools

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import CustomizedGateControl
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
TASKS, OWN, SHARED, UNITS, DIM, BATCH = 2, 3, 2, 4, 5, 6
SHAPES = [(BATCH, DIM), (BATCH, TASKS + 1, DIM)]


def make(shared_gate: bool = True) -> CustomizedGateControl:
    return CustomizedGateControl(TASKS, OWN, SHARED, [UNITS], shared_gate)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shared_gate", [False, True])
def test_contract(shape, shared_gate) -> None:
    outputs = TASKS + shared_gate
    inputs = tf.constant(RANDOM.normal(size=shape), tf.float32)
    run_layer_test(
        lambda: make(shared_gate), (inputs,), (BATCH, outputs, UNITS), 3 + int(shared_gate)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_equation(shape) -> None:
    """Tang et al. 2020, equations 1 to 3 and 5, with the experts of each task in a list."""
    inputs = RANDOM.normal(size=shape).astype(np.float32)
    layer = make()
    layer(inputs)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    kernel, bias = (w.numpy() for w in layer.experts.weights)
    (task_gates,), (all_gate,) = layer.task_gates.get_weights(), layer.all_gate.get_weights()
    parts = inputs.transpose(1, 0, 2) if inputs.ndim == 3 else [inputs] * (TASKS + 1)

    def expert(number: int, x: np.ndarray) -> np.ndarray:
        return np.maximum(x @ kernel[:, number] + bias[number], 0)

    def mixed(x: np.ndarray, gate: np.ndarray, experts: list[np.ndarray]) -> np.ndarray:
        scores = np.exp(x @ gate)
        shares = scores / scores.sum(axis=1, keepdims=True)
        return sum(shares[:, [i]] * output for i, output in enumerate(experts))

    own = [[expert(task * OWN + i, parts[task]) for i in range(OWN)] for task in range(TASKS)]
    shared = [expert(TASKS * OWN + i, parts[TASKS]) for i in range(SHARED)]
    for task in range(TASKS):
        expected = mixed(parts[task], task_gates[:, task], [*own[task], *shared])
        np.testing.assert_allclose(layer(inputs)[:, task], expected, rtol=1e-4, atol=1e-5)
    expected = mixed(parts[TASKS], all_gate[:, 0], [*itertools.chain(*own), *shared])
    np.testing.assert_allclose(layer(inputs)[:, TASKS], expected, rtol=1e-4, atol=1e-5)


def test_a_task_does_not_look_at_the_experts_of_another() -> None:
    inputs = tf.constant(RANDOM.normal(size=(BATCH, TASKS + 1, DIM)), tf.float32)
    layer = make()
    before = layer(inputs)
    changed = layer(inputs + tf.constant([[[1.0], [0.0], [0.0]]]))
    np.testing.assert_allclose(changed[:, 1], before[:, 1], rtol=1e-6)
    assert not np.allclose(changed[:, 0], before[:, 0])
    assert not np.allclose(changed[:, TASKS], before[:, TASKS])
