"""Requests that become batches: which run together, what each gets back, and when."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server import metrics
from serving.server.batch_arrays import merge
from serving.server.batch_options import read_queue_options, read_thread_pool
from serving.server.batching import BatchScheduler
from serving.server.errors import StatusError, invalid_argument
from serving.server.protos import BatchingParameters


def parameters(text: str = "") -> BatchingParameters:
    return text_format.Parse(text, BatchingParameters())


def value(name: str, number: int) -> str:
    return f"{name} {{ value: {number} }} "


class Model:
    """Doubles its input; holds every run until it is let go, and notes what was run."""

    def __init__(self, held: bool = False) -> None:
        self.batches: list[list[float]] = []
        self.deadlines: list[float | None] = []
        self.go = threading.Event()
        self.started = threading.Semaphore(0)
        if not held:
            self.go.set()

    def __call__(self, inputs, deadline):
        self.batches.append(inputs["x"].ravel().tolist())
        self.deadlines.append(deadline)
        self.started.release()
        assert self.go.wait(60)
        return {"y": inputs["x"] * 2}


@pytest.fixture
def pool():
    with ThreadPoolExecutor(64) as pool:
        yield pool


class Client:
    """Sends requests to a scheduler from threads."""

    def __init__(self, pool: ThreadPoolExecutor, text: str, model: Model) -> None:
        self.scheduler = BatchScheduler(parameters(text))
        self.model = model
        self._pool = pool

    def send(self, *rows: float, key: str = "m", **options: object) -> Future:
        """A request that is in a queue, or has failed, when this returns."""
        waiting = self.waiting()
        arguments = (key, {"x": np.array(rows, np.float32)}, self.model)
        future = self._pool.submit(self.scheduler.run, *arguments, **options)
        self._until(lambda: future.done() or self.waiting() > waiting)
        return future

    def start(self, *rows: float, **options: object) -> Future:
        """A request that runs, and takes a place until the model is let go."""
        arguments = ("m", {"x": np.array(rows, np.float32)}, self.model)
        future = self._pool.submit(self.scheduler.run, *arguments, **options)
        assert self.model.started.acquire(timeout=60)
        return future

    def waiting(self) -> int:
        queues = list(self.scheduler._queues.values())
        return sum(len(batch.tasks) for queue in queues for batch in queue)

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.001)


def answers(*futures: Future) -> list[list[float]]:
    return [future.result(60)["y"].tolist() for future in futures]


def error_of(future: Future) -> str:
    error = future.exception(60)
    assert isinstance(error, StatusError)
    return str(error)


ONE = value("num_batch_threads", 1)


def test_a_request_alone_runs_at_once_and_in_its_own_thread():
    scheduler = BatchScheduler(parameters(ONE))
    threads = []

    def execute(inputs, deadline):
        threads.append(threading.current_thread())
        return {"y": inputs["x"]}

    outputs = scheduler.run("m", {"x": np.float32([[1, 2]])}, execute)
    np.testing.assert_array_equal(outputs["y"], [[1, 2]])
    assert threads == [threading.current_thread()]


def test_requests_that_come_while_the_threads_are_busy_run_as_one(pool):
    client = Client(pool, ONE, Model(held=True))
    first = client.start(1)
    others = [client.send(2, 3), client.send(4), client.send(5, 6, 7)]
    client.model.go.set()
    assert answers(first, *others) == [[2], [4, 6], [8], [10, 12, 14]]
    assert client.model.batches == [[1], [2, 3, 4, 5, 6, 7]]
    assert not client.scheduler._queues


def test_as_many_batches_run_at_a_time_as_there_are_threads(pool):
    client = Client(pool, value("num_batch_threads", 2), Model(held=True))
    running = [client.start(1), client.start(2)]
    waiting = [client.send(3), client.send(4)]
    assert not client.model.started.acquire(timeout=0.1)
    client.model.go.set()
    assert answers(*running, *waiting) == [[2], [4], [6], [8]]
    assert client.model.batches[2:] == [[3, 4]]


def test_a_batch_has_at_most_the_largest_size(pool):
    client = Client(pool, ONE + value("max_batch_size", 3), Model(held=True))
    first = client.start(0)
    others = [client.send(1, 2), client.send(3, 4), client.send(5)]
    client.model.go.set()
    assert answers(first, *others) == [[0], [2, 4], [6, 8], [10]]
    assert client.model.batches == [[0], [1, 2], [3, 4, 5]]


def test_keys_and_dtypes_do_not_mix_and_take_turns(pool):
    client = Client(pool, ONE + value("max_batch_size", 1), Model(held=True))
    futures = [client.start(0)]
    futures += [client.send(1), client.send(2), client.send(3, key="n"), client.send(4, key="n")]
    client.model.go.set()
    answers(*futures)
    assert client.model.batches == [[0], [1], [3], [2], [4]]

    client = Client(pool, ONE, Model(held=True))
    first = client.start(0)
    right = client.send(1)
    wrong = pool.submit(client.scheduler.run, "m", {"x": np.int64([2])}, client.model)
    client._until(lambda: client.waiting() == 2)
    client.model.go.set()
    answers(first, wrong)
    assert right.result(60)["y"].dtype == np.float32
    assert client.model.batches == [[0], [1], [2]]


def test_a_batch_waits_for_others_until_it_is_full(pool):
    text = ONE + value("max_batch_size", 2) + value("batch_timeout_micros", 10**9)
    client = Client(pool, text, Model())
    assert answers(client.send(1), client.send(2)) == [[2], [4]]
    assert client.model.batches == [[1, 2]]


def test_a_batch_waits_for_others_until_it_is_due(pool):
    client = Client(pool, ONE + value("batch_timeout_micros", 200_000), Model())
    start = time.monotonic()
    assert answers(client.send(3)) == [[6]]
    assert time.monotonic() - start >= 0.2


def test_a_batch_that_is_due_before_its_thread_sleeps_runs(monkeypatch):
    """The thread of a request may be held up for longer than a batch waits for others."""
    sleeps = BatchScheduler._wait

    def held_up(self, task):
        time.sleep(0.05)
        sleeps(self, task)

    monkeypatch.setattr(BatchScheduler, "_wait", held_up)
    scheduler = BatchScheduler(parameters("batch_timeout_micros { value: 1000 }"))
    found = scheduler.run("key", {"x": np.ones(1)}, lambda inputs, _: inputs, deadline=5)
    assert found["x"].tolist() == [1]


def test_when_the_first_of_a_batch_gives_up_the_next_wakes_when_it_is_due(pool):
    client = Client(pool, ONE + value("batch_timeout_micros", 400_000), Model())
    first = client.send(1, deadline=0.1)
    second = client.send(2)
    assert "RESOURCE_EXHAUSTED" in error_of(first)
    assert answers(second) == [[4]]
    assert client.model.batches == [[2]]


def test_a_full_queue_refuses(pool):
    text = ONE + value("max_batch_size", 2) + value("max_enqueued_batches", 2)
    client = Client(pool, text, Model(held=True))
    futures = [client.start(0), client.send(1, 2), client.send(3)]
    refused = client.send(4, 5)
    fits = client.send(6)
    assert error_of(refused) == (
        "UNAVAILABLE: The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    client.model.go.set()
    answers(*futures, fits)
    assert client.model.batches == [[0], [1, 2], [3, 6]]


def test_a_request_larger_than_a_batch_is_refused_or_spread(pool):
    client = Client(pool, ONE + value("max_batch_size", 2), Model())
    assert error_of(client.send(1, 2, 3)) == (
        "INVALID_ARGUMENT: Task size 3 is larger than maximum input batch size 2"
    )
    text = ONE + value("max_batch_size", 6) + value("max_execution_batch_size", 2)
    text += value("max_enqueued_batches", 3) + "enable_large_batch_splitting { value: true }"
    client = Client(pool, text, Model(held=True))
    first = client.start(0)
    futures = [client.send(1), client.send(2, 3, 4, 5)]
    assert error_of(client.send(6, 7)) == (
        "UNAVAILABLE: The batch scheduling queue to which this task was submitted is full; task "
        "size is 2 but scheduling capacity is only 1 (num_enqueued_batches=3, "
        "max_enqueued_batches=3, open_batch_size=1, max_execution_batch_size=2)"
    )
    client.model.go.set()
    assert answers(first, *futures) == [[0], [2], [4, 6, 8, 10]]
    assert client.model.batches == [[0], [1, 2], [3, 4], [5]]


def test_batches_are_padded_to_an_allowed_size_and_the_padding_is_taken_off(pool):
    text = ONE + value("max_batch_size", 8) + "allowed_batch_sizes: [2, 4, 8]"
    client = Client(pool, text, Model(held=True))
    first = client.start(9)
    others = [client.send(1, 2), client.send(3)]
    client.model.go.set()
    assert answers(first, *others) == [[18], [2, 4], [6]]
    assert client.model.batches == [[9, 9], [1, 2, 3, 3]]


def test_a_request_whose_time_is_over_does_not_run(pool):
    client = Client(pool, ONE, Model(held=True))
    first = client.start(0)
    late, patient = client.send(1, deadline=0.05), client.send(2, deadline=60)
    assert error_of(late) == (
        "RESOURCE_EXHAUSTED: Run() timeout exceeded while waiting in batching queue"
    )
    client.model.go.set()
    assert answers(first, patient) == [[0], [4]]
    assert client.model.batches == [[0], [2]]


def test_a_batch_may_take_as_long_as_its_most_patient_request(pool):
    client = Client(pool, ONE, Model(held=True))
    futures = [client.start(0), client.send(1, deadline=20), client.send(2, deadline=50)]
    client.model.go.set()
    answers(*futures)
    assert client.model.deadlines[0] is None
    assert 20 < client.model.deadlines[1] <= 50


def test_a_request_that_gives_up_while_its_batch_runs_leaves_the_others_alone(pool):
    client = Client(pool, ONE, Model(held=True))
    first = client.start(0)
    patient, late = client.send(1), client.send(2, deadline=0.5)
    client.model.go.set()
    client.model.go = threading.Event()  # holds the second batch
    assert client.model.started.acquire(timeout=60)
    assert "DEADLINE_EXCEEDED" in error_of(late)
    client.model.go.set()
    assert answers(first, patient) == [[0], [2]]


def test_an_error_reaches_every_request_of_the_batch_and_no_other(pool):
    client = Client(pool, ONE + value("max_batch_size", 2), Model(held=True))
    futures = [client.start(0), client.send(1), client.send(2), client.send(3)]
    run = client.model.__call__

    class Failing(Model):
        def __call__(self, inputs, deadline):
            outputs = run(inputs, deadline)
            if 1 in inputs["x"]:
                raise invalid_argument("bad row")
            return outputs

    for queue in client.scheduler._queues.values():
        for batch in queue:
            batch.execute = Failing()
    client.model.go.set()
    assert [error_of(future) for future in futures[1:3]] == ["INVALID_ARGUMENT: bad row"] * 2
    assert futures[1].exception() is not futures[2].exception()
    assert answers(futures[0], futures[3]) == [[0], [6]]


def test_other_exceptions_have_a_status(pool):
    scheduler = BatchScheduler(parameters(ONE))

    def execute(inputs, deadline):
        raise RuntimeError("broken")

    for _ in range(2):  # the place is free again
        with pytest.raises(StatusError, match="RuntimeError: broken"):
            scheduler.run("m", {"x": np.float32([1])}, execute)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"x": np.float32(1)}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"x": np.zeros(2), "y": np.zeros(3)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_inputs_that_cannot_be_batched(inputs, message):
    with pytest.raises(StatusError) as error:
        BatchScheduler(parameters()).run("m", inputs, Model())
    assert str(error.value) == f"INVALID_ARGUMENT: {message}"


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (np.float32(1), "Batched output tensor has 0 dimensions"),
        (
            np.zeros(3),
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension "
            "sizes of the input tensors",
        ),
    ],
)
def test_outputs_that_cannot_be_split(outputs, message):
    with pytest.raises(StatusError) as error:
        BatchScheduler(parameters()).run(
            "m", {"x": np.zeros(2)}, lambda inputs, deadline: {"y": outputs}
        )
    assert str(error.value) == f"FAILED_PRECONDITION: {message}"


def test_a_request_without_rows_is_run_by_itself():
    outputs = BatchScheduler(parameters("allowed_batch_sizes: 1000")).run(
        "m", {"x": np.zeros([0, 2])}, Model()
    )
    assert outputs["y"].shape == (0, 2)


def test_different_shapes_fail_the_batch_unless_they_are_padded(pool):
    def run(text):
        client = Client(pool, ONE + text, Model(held=True))
        first = client.start(0)
        shapes = [(1, 2), (2, 3)]
        futures = []
        for index, shape in enumerate(shapes):
            array = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
            futures.append(pool.submit(client.scheduler.run, "n", {"x": array}, client.model))
            client._until(lambda count=index + 1: client.waiting() == count)
        client.model.go.set()
        answers(first)
        return futures

    for future in run(""):
        assert error_of(future) == (
            "FAILED_PRECONDITION: Tensors with name 'x' from different tasks have different shapes "
            "and padding is turned off.Set pad_variable_length_inputs to true, or ensure that all "
            "tensors with the same namehave equal dimensions starting with the first dim."
        )
    padded = run("pad_variable_length_inputs: true")
    assert answers(*padded) == [[[2, 4, 2]], [[2, 4, 6], [8, 10, 12]]]


def test_padding_of_strings_and_of_what_cannot_be_padded():
    strings = [{"x": np.array([[b"a"]], object)}, {"x": np.array([[b"b", b"c"]], object)}]
    assert merge(strings, 2, pad=True)["x"].tolist() == [[b"a", b"a"], [b"b", b"c"]]
    empty = [{"x": np.zeros([1, 0])}, {"x": np.zeros([1, 2])}]
    with pytest.raises(StatusError, match="Got empty tensor in batch of non-empty tensors"):
        merge(empty, 2, pad=True)
    deep = [{"x": np.zeros([1] * 7)}, {"x": np.zeros([1] * 6 + [2])}]
    with pytest.raises(StatusError, match="Only tensors with rank from 1 to 6 can be padded"):
        merge(deep, 2, pad=True)
    with pytest.raises(StatusError, match="have different shapes"):
        merge([{"x": np.zeros([1])}, {"x": np.zeros([1, 2])}], 2, pad=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (value("num_batch_threads", 0), "num_batch_threads must be positive; was 0"),
        (value("max_batch_size", 0), "max_batch_size must be positive; was 0"),
        (value("batch_timeout_micros", -1), "batch_timeout_micros must be non-negative; was -1"),
        (value("max_enqueued_batches", -1), "max_enqueued_batches must be non-negative; was -1"),
        (
            value("max_batch_size", 8) + "allowed_batch_sizes: [2, 4]",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; "
            "expected 8",
        ),
        (
            value("max_batch_size", 4) + "allowed_batch_sizes: [4, 2, 4]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            value("max_batch_size", 8)
            + value("max_execution_batch_size", 4)
            + "enable_large_batch_splitting { value: true } allowed_batch_sizes: [2, 8]",
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last "
            "entry was 8; expected 4",
        ),
    ],
)
def test_parameters_that_cannot_be(text, message):
    with pytest.raises(StatusError) as error:
        BatchScheduler(parameters(text))
    assert str(error.value) == f"INVALID_ARGUMENT: {message}"


def test_defaults_of_the_parameters():
    options = read_queue_options(parameters())
    assert (options.max_batch_size, options.batch_timeout_micros) == (1000, 0)
    assert options.max_enqueued_batches == 10
    assert not options.pad_variable_length_inputs and not options.enable_large_batch_splitting
    assert read_thread_pool(parameters()) == ("model_server_batch_threads", os.cpu_count())
    named = 'thread_pool_name { value: "p" } num_batch_threads { value: 3 }'
    assert read_thread_pool(parameters(named)) == ("p", 3)


def test_a_queue_may_have_options_of_its_own(pool):
    client = Client(pool, ONE, Model(held=True))
    own = read_queue_options(parameters(value("max_batch_size", 1)))
    first = client.start(0)
    futures = [client.send(1, key="n", options=own), client.send(2, key="n", options=own)]
    client.model.go.set()
    answers(first, *futures)
    assert client.model.batches == [[0], [1], [2]]


def test_metrics(pool):
    def counts() -> list[int]:
        page = metrics.render().splitlines()
        names = [
            "input_batch_size_count{}",
            "processed_batch_size_sum{}",
            'padding_size_count{execution_batch_size="64"}',
            'queuing_latency_count{thread_pool_name="test"}',
            "wrapped_run_count{}",
        ]
        prefix = ":tensorflow:serving:batching_session:"
        found = [[line for line in page if line.startswith(prefix + name)] for name in names]
        return [int(float(lines[0].split()[-1])) if lines else 0 for lines in found]

    text = 'thread_pool_name { value: "test" } allowed_batch_sizes: 64 ' + ONE
    client = Client(pool, text + value("max_batch_size", 64), Model(held=True))
    before = counts()
    futures = [client.start(0), client.send(1, 2), client.send(3)]
    client.model.go.set()
    answers(*futures)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [3, 128, 2, 3, 2]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.integers(1, 3), st.integers(1, 9), st.sampled_from([0, 300]), st.booleans(), st.booleans()
)
def test_every_request_gets_its_own_rows_whatever_the_parameters(
    threads, limit, timeout, splits, hurried
):
    """Many threads ask at the same time; each checks its own answers, and nothing is left over."""
    text = value("num_batch_threads", threads) + value("max_batch_size", 9)
    text += value("batch_timeout_micros", timeout) + value("max_enqueued_batches", 10**6)
    if splits:
        text += "enable_large_batch_splitting { value: true }"
        text += value("max_execution_batch_size", limit)
    scheduler = BatchScheduler(parameters(text))
    served = []

    def execute(inputs, deadline):
        assert len(inputs["x"]) <= (limit if splits else 9)
        served.append(len(inputs["x"]))
        return {"y": inputs["x"] + 1}

    def ask(seed):
        generator = np.random.default_rng(seed)
        for _ in range(20):
            rows = generator.random((generator.integers(1, 10), 2))
            deadline = generator.choice([1e-4, 10.0]) if hurried else None
            try:
                outputs = scheduler.run(f"m{generator.integers(2)}", {"x": rows}, execute, deadline)
            except StatusError as error:
                assert hurried and error.code.name in ("RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
            else:
                np.testing.assert_array_equal(outputs["y"], rows + 1)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(ask, range(12), timeout=120))
    assert served
    assert not scheduler._queues
    assert scheduler._running == 0
