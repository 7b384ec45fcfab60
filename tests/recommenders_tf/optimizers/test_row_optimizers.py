"""Row optimizers, by the compiled kernel and by TensorFlow's own ops, against dense ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import optimizers
from recommenders_tf.native import ops
from recommenders_tf.optimizers import SGD, Adagrad, Ftrl, LazyAdam, RowwiseAdagrad
from tests.harness import precision

ROWS, DIM = 50, 5
keras = tf.keras.optimizers
MAKES = {
    "sgd": lambda **k: SGD(0.1, **k),
    "momentum": lambda **k: SGD(0.1, momentum=0.9, **k),
    "nesterov": lambda **k: SGD(0.1, momentum=0.9, nesterov=True, **k),
    "adagrad": lambda **k: Adagrad(0.1, initial_accumulator=0.1, **k),
    "rowwise_adagrad": lambda **k: RowwiseAdagrad(0.1, **k),
    "lazy_adam": lambda **k: LazyAdam(0.1, **k),
    "ftrl": lambda **k: Ftrl(0.1, l1=0.02, l2=0.01, beta=0.3, initial_accumulator=0.1, **k),
}
KERAS = {
    "sgd": lambda: keras.SGD(0.1),
    "momentum": lambda: keras.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda: keras.Adagrad(0.1, initial_accumulator_value=0.1),
    "lazy_adam": lambda: keras.Adam(0.1),
    "ftrl": lambda: keras.Ftrl(
        0.1,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.02,
        l2_regularization_strength=0.01,
        beta=0.3,
    ),
}
LETS_ROWS_REST = ("momentum", "nesterov", "lazy_adam", "ftrl")


def batches(steps: int, count: int = 40, seed: int = 0):
    """Yield the rows and gradients of some batches, many rows several times."""
    random = np.random.default_rng(seed)
    for _ in range(steps):
        rows = random.integers(0, ROWS // 2, count)
        yield rows, random.normal(size=(count, DIM)).astype(np.float32)


def slices(rows, values, dtype=np.int64) -> tf.IndexedSlices:
    shape = tf.constant([ROWS, DIM], tf.int64)
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows.astype(dtype)), shape)


def start() -> tf.Variable:
    return tf.Variable(np.linspace(-1, 1, ROWS * DIM, dtype=np.float32).reshape(ROWS, DIM))


def trained(optimizer, steps=5, whole=False, dtype=np.int64) -> np.ndarray:
    """Return a table after some steps; `whole` gives every row a gradient at each."""
    table = start()

    @tf.function(autograph=False)
    def step(gradient):
        optimizer.apply_gradients([(gradient, table)])

    for rows, values in batches(steps):
        if whole:
            rows = np.concatenate([rows, np.arange(ROWS)])
            values = np.concatenate([values, np.full((ROWS, DIM), 0.01, np.float32)])
        step(slices(rows, values, dtype))
    return table.numpy()


@pytest.fixture(params=["compiled", "stock"])
def native(request) -> bool:
    if request.param == "compiled" and ops("optimizers/row_update.cc") is None:
        pytest.fail("the kernel was not compiled")
    return request.param == "compiled"


@pytest.mark.parametrize("name", KERAS)
def test_agrees_with_the_dense_optimizer(name, native) -> None:
    whole = name in LETS_ROWS_REST  # or the dense one would move the other rows too
    expected = trained(KERAS[name](), whole=whole)
    actual = trained(MAKES[name](native=native), whole=whole)
    assert not np.allclose(expected, start().numpy())
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_rowwise_adagrad_is_its_equation(native) -> None:
    expected, total = start().numpy().astype(np.float64), np.full(ROWS, 1e-6)
    for rows, values in batches(5):
        gradient = np.zeros((ROWS, DIM))
        np.add.at(gradient, rows, values)
        total += (gradient**2).mean(axis=1)
        expected -= 0.1 * gradient / np.sqrt(total + 1e-7)[:, np.newaxis]
    np.testing.assert_allclose(
        trained(MAKES["rowwise_adagrad"](native=native)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", MAKES)
def test_rows_outside_of_the_batch_rest(name, native) -> None:
    after = trained(MAKES[name](native=native))
    used = np.unique(np.concatenate([rows for rows, _ in batches(5)]))
    rest = np.setdiff1d(np.arange(ROWS), used)
    np.testing.assert_array_equal(after[rest], start().numpy()[rest])
    assert (after[used] != start().numpy()[used]).any(axis=1).all()


@pytest.mark.parametrize("distinct", [3000, 200])
@pytest.mark.parametrize("name", MAKES)
def test_kernel_and_stock_ops_agree_on_large_batches(name, distinct) -> None:
    """Large enough for several threads, wider than a cache line, rows seldom met and often."""
    random = np.random.default_rng(1)
    rows, dim = random.integers(0, distinct, 5000), 37
    values = random.normal(size=(5000, dim)).astype(np.float32)
    tables = []
    for native in (True, False):
        table = tf.Variable(tf.ones([3000, dim]))
        optimizer = MAKES[name](native=native)
        for dtype in (np.int32, np.int64):
            gradient = tf.IndexedSlices(values, rows.astype(dtype), [3000, dim])
            optimizer.apply_gradients([(gradient, table)])
        tables.append([table.numpy(), *(v.numpy() for v in optimizer.variables[1:])])
    for compiled, stock in zip(*tables, strict=True):
        np.testing.assert_allclose(compiled, stock, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", MAKES)
def test_is_serializable(name) -> None:
    optimizer = MAKES[name]()
    config = optimizer.get_config()
    json.dumps(config)
    again = keras.deserialize(keras.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == config


@pytest.mark.parametrize("name", MAKES)
def test_dense_variables_are_updated_whole(name) -> None:
    kernel, bias = tf.Variable(tf.ones([3, 2])), tf.Variable(tf.ones([2]))
    optimizer = MAKES[name]()
    optimizer.apply_gradients([(tf.ones([3, 2]), kernel), (tf.ones([2]), bias)])
    assert (kernel.numpy() < 1).all()
    assert (bias.numpy() < 1).all()


def test_a_row_that_is_not_there_is_an_error() -> None:
    for row in (ROWS, -1):
        gradient = slices(np.array([row]), np.ones((1, DIM), np.float32))
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"Row {row} is outside"):
            SGD(0.1).apply_gradients([(gradient, start())])


def test_what_was_read_before_the_step_stays(native) -> None:
    table = start()
    before = table.read_value()
    copy = before.numpy().copy()
    for rows, values in batches(1):
        SGD(0.1, native=native).apply_gradients([(slices(rows, values), table)])
    np.testing.assert_array_equal(before, copy)
    assert (table.numpy() != copy).any()


def test_learning_rate_may_be_a_schedule(native) -> None:
    schedule = keras.schedules.PiecewiseConstantDecay([1], [1.0, 0.0])
    one = trained(SGD(schedule, native=native), steps=2)
    np.testing.assert_allclose(one, trained(SGD(1.0, native=native), steps=2), atol=50)
    stopped = trained(SGD(schedule, native=native), steps=5)
    np.testing.assert_array_equal(one, stopped)


def test_under_loss_scaling_a_bad_step_is_left_out(native) -> None:
    with precision("mixed_float16"):
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(
            LazyAdam(0.1, native=native), initial_scale=8.0
        )
    table = start()
    rows, values = next(batches(1))
    optimizer.apply_gradients([(slices(rows, values * np.inf), table)])
    np.testing.assert_array_equal(table, start())
    optimizer.apply_gradients([(slices(rows, values * 4), table)])
    plain, alone = start(), LazyAdam(0.1, native=native)
    alone.iterations.assign(1)  # Keras counts the step that was left out
    alone.apply_gradients([(slices(rows, values), plain)])
    np.testing.assert_allclose(table, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lazy_adam", "rowwise_adagrad"])
def test_two_replicas_give_what_one_does(name, native) -> None:
    """Each replica has half of the batch; the gradients are summed before the step."""
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    rows, values = next(batches(1))
    with strategy.scope():
        table, optimizer = start(), MAKES[name](native=native)
        optimizer.build([table])

    @tf.function(autograph=False)
    def step():
        def replica():
            half = tf.distribute.get_replica_context().replica_id_in_sync_group * 20
            gradient = tf.IndexedSlices(
                tf.slice(values, [half, 0], [20, DIM]),
                tf.slice(tf.constant(rows), [half], [20]),
                tf.constant([ROWS, DIM], tf.int64),
            )
            optimizer.apply_gradients([(gradient, table)])

        strategy.run(replica)

    step()
    one = start()
    MAKES[name](native=native).apply_gradients([(slices(rows, values), one)])
    for copy in strategy.experimental_local_results(table):
        np.testing.assert_allclose(copy, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MAKES)
def test_no_op_of_a_step_reads_or_writes_a_whole_table(name, native) -> None:
    optimizer, table = MAKES[name](native=native), tf.Variable(tf.zeros([1000, DIM]))
    optimizer.build([table])

    @tf.function(autograph=False)
    def step(gradient):
        optimizer.apply_gradients([(gradient, table)])

    graph = step.get_concrete_function(slices(*next(batches(1)))).graph
    inner = [node for f in graph.as_graph_def().library.function for node in f.node_def]
    assert not [node.name for node in inner if node.op == "ReadVariableOp" and "table" in node.name]
    whole = [
        op
        for op in graph.get_operations()
        if any(1000 in t.shape for t in op.outputs if t.shape.rank)
    ]
    assert not whole, [op.name for op in whole]


def test_by_name() -> None:
    assert set(optimizers.names()) == {"adagrad", "ftrl", "lazy_adam", "rowwise_adagrad", "sgd"}
    assert isinstance(optimizers.get("ftrl", l1=0.5), Ftrl)
    with pytest.raises(ValueError, match=r"no optimizer 'lazyadam'; .* did you mean 'lazy_adam'"):
        optimizers.get("lazyadam")
