import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import TimeAwareLSTM
from tests.harness import run_layer_test

BATCH, LENGTH, DIM, UNITS = 4, 5, 3, 2
MASK = np.arange(LENGTH) < np.array([[0], [2], [4], [5]])
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=[BATCH, LENGTH, DIM]).astype(np.float32)
INTERVALS, AGES = RANDOM.normal(size=[2, BATCH, LENGTH]).astype(np.float32)
GIVEN = tuple(tf.constant(part) for part in (INPUTS, INTERVALS, AGES, MASK))


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def recurrence(layer, inputs, intervals, ages):
    """The states of one list without padding, equation by equation and step by step."""
    wi, wf, wo, wc, wd, ws = np.split(layer.kernel.numpy(), 6, axis=1)
    ui, uf, uo, uc = np.split(layer.recurrent_kernel.numpy(), 4, axis=1)
    bi, bf, bo, bc, bd, bs = np.split(layer.bias.numpy(), 6)
    vo_interval, vd = np.split(layer.interval_kernel.numpy(), 2, axis=1)
    vo_age, vs = np.split(layer.age_kernel.numpy(), 2, axis=1)
    (w_interval, w_age), (b_interval, b_age) = layer.time_kernel.numpy(), layer.time_bias.numpy()
    cell, state, states = np.zeros(UNITS), np.zeros(UNITS), []
    for x, interval, age in zip(inputs, intervals, ages, strict=True):
        d, s = np.tanh(w_interval * interval + b_interval), np.tanh(w_age * age + b_age)
        keep, add = sigmoid(x @ wd + d @ vd + bd), sigmoid(x @ ws + s @ vs + bs)
        entry, forget = sigmoid(x @ wi + state @ ui + bi), sigmoid(x @ wf + state @ uf + bf)
        output = sigmoid(x @ wo + state @ uo + d @ vo_interval + s @ vo_age + bo)
        cell = forget * keep * cell + entry * add * np.tanh(x @ wc + state @ uc + bc)
        state = output * np.tanh(cell)
        states.append(state)
    return states


@pytest.fixture
def layer():
    made = TimeAwareLSTM(UNITS)
    made(*GIVEN)
    random = np.random.default_rng(1)
    made.set_weights([random.normal(size=w.shape) for w in made.get_weights()])
    return made


def test_contract() -> None:
    run_layer_test(lambda: TimeAwareLSTM(UNITS), GIVEN, (BATCH, LENGTH, UNITS), 7)


def test_equations_and_padding(layer) -> None:
    states = layer(*GIVEN).numpy()
    for row, length in enumerate(MASK.sum(axis=1)):
        real = recurrence(layer, *(part[row, :length] for part in (INPUTS, INTERVALS, AGES)))
        kept = real[-1] if length else np.zeros(UNITS)
        expected = [*real, *[kept] * (LENGTH - length)]
        np.testing.assert_allclose(states[row], expected, rtol=1e-4, atol=1e-5)


def test_padding_between_steps_is_none(layer) -> None:
    places = [0, 1, 3, 4]
    gap = tf.constant(np.arange(LENGTH) != 2)[tf.newaxis]
    wide = layer(*(part[3:] for part in GIVEN[:3]), gap)
    dense = recurrence(layer, *(part[3, places] for part in (INPUTS, INTERVALS, AGES)))
    np.testing.assert_allclose(wide[0].numpy()[places], dense, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_differences(layer) -> None:
    def total(kernel):
        layer.recurrent_kernel.assign(kernel)
        return tf.reduce_sum(layer(*GIVEN) ** 2)

    kernel = layer.recurrent_kernel.numpy()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(*GIVEN) ** 2)
    gradient = tape.gradient(loss, layer.recurrent_kernel)
    for place in ((0, 0), (1, 5), (0, 7)):
        step = np.zeros_like(kernel)
        step[place] = 1e-2
        difference = (total(kernel + step) - total(kernel - step)) / 2e-2
        np.testing.assert_allclose(gradient[place], difference, rtol=2e-2, atol=1e-3)


def test_a_new_layer_keeps_what_it_knows() -> None:
    made = TimeAwareLSTM(UNITS)
    made(*GIVEN)
    assert made.bias.numpy().tolist() == [0, 0, 1, 1, *[0] * 8]
