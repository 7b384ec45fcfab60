"""A server process with --enable_batching: what runs together, and what is refused."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import requests

from tests.serving.server.rest.conftest import Rest

PARAMETERS = """
max_batch_size { value: 4 }
num_batch_threads { value: 1 }
max_enqueued_batches { value: 1 }
allowed_batch_sizes: [2, 4]
"""
BATCHING = "batching_session:"


@pytest.fixture(scope="module")
def batched(start_rest: Callable[..., Rest], tmp_path_factory: pytest.TempPathFactory) -> Rest:
    folder = tmp_path_factory.mktemp("batching")
    (folder / "batching.txt").write_text(PARAMETERS)
    (folder / "monitoring.txt").write_text('prometheus_config { enable: true path: "/metrics" }')
    return start_rest(
        "--enable_batching",
        f"--batching_parameters_file={folder / 'batching.txt'}",
        f"--monitoring_config_file={folder / 'monitoring.txt'}",
        "--rest_api_num_threads=8",
    )


@pytest.fixture
def send(
    batched: Rest, tmp_path: pathlib.Path, eventually: Callable[..., None]
) -> Iterator[Callable[[object], Future]]:
    """Sends requests that wait for a first one, which `send.go()` lets end."""
    with ThreadPoolExecutor() as pool:

        def post(body: object) -> Future:
            return pool.submit(
                requests.post, f"{batched.url}/v1/models/toy:predict", json=body, timeout=60
            )

        path = tmp_path / "go"
        runs = batched.metric(f"{BATCHING}wrapped_run_count")
        first = post({"signature_name": "hold", "inputs": [str(path)]})
        eventually(lambda: batched.metric(f"{BATCHING}wrapped_run_count") == runs + 1)
        post.go = path.touch
        yield post
        path.touch()
        assert first.result().status_code == 200


def test_requests_that_come_together_run_as_one(batched, send, eventually):
    arrived = batched.metric(f"{BATCHING}input_batch_size_sum")
    padded = batched.metric(f"{BATCHING}padding_size_sum", execution_batch_size="4")
    answers = [send({"instances": [1.0, 2.0]}), send({"instances": [3.0]})]
    eventually(lambda: batched.metric(f"{BATCHING}input_batch_size_sum") >= arrived + 3)
    runs = batched.metric(f"{BATCHING}wrapped_run_count")
    send.go()
    assert [answer.result().json() for answer in answers] == [
        {"predictions": [2.5, 3.0]},
        {"predictions": [3.5]},
    ]
    assert batched.metric(f"{BATCHING}wrapped_run_count") == runs + 1
    assert batched.metric(f"{BATCHING}padding_size_sum", execution_batch_size="4") == padded + 1


def test_a_full_queue_answers_503(batched, send, eventually):
    arrived = batched.metric(f"{BATCHING}input_batch_size_sum")
    waiting = send({"instances": [1.0, 2.0, 3.0]})
    eventually(lambda: batched.metric(f"{BATCHING}input_batch_size_sum") >= arrived + 3)
    refused = send({"instances": [4.0, 5.0]}).result()
    assert refused.status_code == 503
    assert refused.json() == {
        "error": "The batch scheduling queue to which this task was submitted is full; currently 1 "
        "batches enqueued and max_enqueued_batches is 1"
    }
    send.go()
    assert waiting.result().json() == {"predictions": [2.5, 3.0, 3.5]}


def test_inputs_need_rows_and_no_more_than_a_batch_has(batched):
    answer = batched.post("/v1/models/toy:predict", {"inputs": 1.0})
    assert answer.status_code == 400
    assert "Batching Run() input tensors must have at least one dimension" in answer.text
    answer = batched.post("/v1/models/toy:predict", {"instances": [1.0] * 5})
    assert answer.status_code == 400
    assert "Task size 5 is larger than maximum input batch size 4" in answer.text


def test_classify_and_regress_are_batched_too(batched):
    runs = batched.metric(f"{BATCHING}wrapped_run_count")
    body = {"signature_name": "regress", "examples": [{"x": 1.0}]}
    assert batched.post("/v1/models/toy:regress", body).json() == {"results": [2.0]}
    assert batched.metric(f"{BATCHING}wrapped_run_count") == runs + 1


def test_parameters_of_a_model_and_parameters_that_cannot_be(
    model_path, start_server, start_rest, tmp_path
):
    for name, text in [("own", "max_batch_size { value: 2 }"), ("none", None)]:
        path = shutil.copytree(model_path, tmp_path / name)
        if text:
            (path / "123" / "batching_params.pbtxt").write_text(text)
    flags = ("--enable_batching", "--enable_per_model_batching_parameters")
    rest = start_rest(*flags, f"--model_base_path={tmp_path / 'own'}")
    answer = rest.post("/v1/models/toy:predict", {"instances": [1.0] * 3})
    assert "larger than maximum input batch size 2" in answer.text
    rest.server.stop()
    rest = start_rest(*flags, f"--model_base_path={tmp_path / 'none'}")
    assert rest.post("/v1/models/toy:predict", {"inputs": 1.0}).json() == {"outputs": 2.5}
    rest.server.stop()

    wrong = tmp_path / "wrong.txt"
    wrong.write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    server = start_server(model_path, "--enable_batching", f"--batching_parameters_file={wrong}")
    assert server.process.wait(120) == 255
    assert (
        "Failed to start server. Error: INVALID_ARGUMENT: Last entry in allowed_batch_sizes must "
        "match max_batch_size; last entry was 4; expected 8" in server.log()
    )
