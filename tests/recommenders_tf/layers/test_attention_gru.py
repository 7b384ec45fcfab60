import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import AttentionGRU
from recommenders_tf.native import ops
from tests.harness import run_layer_test

BATCH, LENGTH, DIM, UNITS = 4, 5, 3, 2
MASK = np.arange(LENGTH) < np.array([[0], [2], [4], [5]])


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def recurrence(layer, inputs, attention):
    """Zhou et al. 2019, eq. 2 to 5 and 12 to 16, for one list without padding."""
    wu, wr, wh = np.split(layer.kernel.numpy(), 3, axis=1)
    uu, ur, uh = np.split(layer.recurrent_kernel.numpy(), 3, axis=1)
    bu, br, bh = np.split(layer.bias.numpy(), 3)
    state = np.zeros(len(uu))
    for i, a in zip(inputs, attention, strict=True):
        if layer.kind == "aigru":
            i = a * i
        update = sigmoid(i @ wu + state @ uu + bu)
        reset = sigmoid(i @ wr + state @ ur + br)
        candidate = np.tanh(i @ wh + reset * (state @ uh) + bh)
        gate = {"gru": update, "aigru": update, "agru": a, "augru": a * update}[layer.kind]
        state = (1 - gate) * state + gate * candidate
    return state


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=[BATCH, LENGTH, DIM]).astype(np.float32)


@pytest.fixture
def attention():
    return np.random.default_rng(1).uniform(0, 1, [BATCH, LENGTH]).astype(np.float32)


def arguments(kind, inputs, attention):
    given = (tf.constant(inputs), tf.constant(MASK))
    return given if kind == "gru" else (*given, tf.constant(attention))


@pytest.mark.parametrize("kind", ["augru", "agru", "aigru", "gru"])
def test_contract(kind, inputs, attention) -> None:
    run_layer_test(
        lambda: AttentionGRU(UNITS, kind),
        arguments(kind, inputs, attention),
        (BATCH, LENGTH, UNITS),
        3,
    )


def filled(layer, *given):
    layer(*given)
    random = np.random.default_rng(2)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", ["augru", "agru", "aigru", "gru"])
def test_equations_and_padding(kind, compiled, inputs, attention) -> None:
    given = arguments(kind, inputs, attention)
    layer = filled(AttentionGRU(UNITS, kind), *given)
    states = layer(*given, training=compiled).numpy()
    for row, length in enumerate(MASK.sum(axis=1)):
        for t in range(LENGTH):
            real = slice(0, min(t + 1, length))
            expected = recurrence(layer, inputs[row, real], attention[row, real])
            np.testing.assert_allclose(states[row, t], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_padding_before_the_list_is_no_step_either(compiled, inputs, attention) -> None:
    """A gap anywhere leaves the state as it is."""
    layer = AttentionGRU(UNITS, "augru")
    gap = np.array([False, True, True, False, True])
    given = (tf.constant(inputs), tf.constant(np.tile(gap, [BATCH, 1])), tf.constant(attention))
    states = layer(*given, training=compiled).numpy()
    for row in range(BATCH):
        expected = recurrence(layer, inputs[row, gap], attention[row, gap])
        np.testing.assert_allclose(states[row, -1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", ["augru", "agru", "aigru", "gru"])
def test_kernel_has_the_gradients_of_the_stock_ops(kind, every) -> None:
    """Over more lists than a block of the kernel takes, with gaps, not in order of length."""
    assert ops("layers/attention_gru.cc") is not None
    random = np.random.default_rng(3)
    inputs = tf.constant(random.normal(size=[150, 6, DIM]), tf.float32)
    attention = tf.constant(random.uniform(0, 1, [150, 6]), tf.float32)
    mask = tf.constant(random.uniform(size=[150, 6]) < random.uniform(size=[150, 1]))
    starts = tf.constant(random.uniform(size=[150, 6]) < 0.2)
    given = (inputs, mask, None if kind == "gru" else attention, starts)
    layer = filled(AttentionGRU(5, kind, return_sequences=every), *given)
    layer.native = True
    results = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            tape.watch([inputs, attention])
            states = layer(*given, training=training)
            loss = tf.reduce_sum(states**2 * tf.range(1, 6, dtype=tf.float32))
        scores = [] if kind == "gru" else [attention]
        sources = [inputs, *scores, *layer.trainable_weights]
        results.append([states, *tape.gradient(loss, sources)])
    for stock, kernel in zip(*results, strict=True):
        np.testing.assert_allclose(kernel, stock, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
def test_lists_in_one_row_are_as_each_alone(compiled, inputs, attention) -> None:
    layer = AttentionGRU(UNITS, "augru")
    mask = np.array([[True, True, False, True, True]] * BATCH)
    starts = np.array([[True, False, False, True, False]] * BATCH)
    given = [tf.constant(part) for part in (inputs, mask, attention, starts)]
    states = filled(layer, *given)(*given, training=compiled).numpy()
    for row in range(BATCH):
        for start, end in ((0, 2), (3, 5)):
            expected = recurrence(layer, inputs[row, start:end], attention[row, start:end])
            np.testing.assert_allclose(states[row, end - 1], expected, rtol=1e-4, atol=1e-5)


def test_last_state_alone(inputs, attention) -> None:
    given = arguments("augru", inputs, attention)
    every, last = (filled(AttentionGRU(UNITS, return_sequences=r), *given) for r in (True, False))
    for training in (False, True):
        expected = every(*given)[:, -1]
        np.testing.assert_allclose(last(*given, training=training), expected, rtol=1e-5)


def test_compiles_with_its_gradient(inputs, attention) -> None:
    layer = AttentionGRU(UNITS, "augru")
    given = arguments("augru", inputs, attention)
    layer(*given)

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(*given)[:, -1] ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    for plain, compiled in zip(
        gradients(), tf.function(gradients, jit_compile=True)(), strict=True
    ):
        np.testing.assert_allclose(plain, compiled, rtol=1e-4, atol=1e-5)


def test_bad_arguments_are_named(inputs, attention) -> None:
    with pytest.raises(ValueError, match="`kind` is `lstm`; it must be one of augru, agru"):
        AttentionGRU(2, "lstm")
    with pytest.raises(ValueError, match="`augru` needs `attention`"):
        AttentionGRU(2)(tf.constant(inputs), tf.constant(MASK))
    with pytest.raises(ValueError, match="`gru` takes no `attention`"):
        AttentionGRU(2, "gru")(tf.constant(inputs), tf.constant(MASK), tf.constant(attention))
