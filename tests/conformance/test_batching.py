"""Batching across requests, on a server that batches."""

from __future__ import annotations

import concurrent.futures

import numpy as np

from tests.conformance.rows import BY_ID, check
from tests.conformance.target import SECONDS, Process, predict_request, refusal, values

HALF = "half_plus_two"


def _ask_at_once(server: Process, *requests) -> list:
    calls = [server.prediction.Predict.future(request, SECONDS) for request in requests]
    for call in calls:
        call.exception()
    return calls


def _half(value: float):
    return predict_request(HALF, {"x": np.float32([[value]])})


def _processed(server: Process) -> tuple[float, float]:
    """How many batches were run, and how many rows they had."""
    metrics = server.metrics()
    return tuple(
        sum(value for name, value in metrics.items() if f":processed_batch_size_{what}" in name)
        for what in ("count", "sum")
    )


@check("batch-joined")
def test_requests_that_wait_together_run_as_one(batching: Process):
    server = batching
    server.predict(HALF, {"x": np.float32([[0.0]] * 4)})
    batches, rows = _processed(server)
    calls = _ask_at_once(server, *map(_half, (1.0, 2.0, 3.0, 4.0)))
    assert [values(call.result().outputs["y"]) for call in calls] == [[2.5], [3.0], [3.5], [4.0]]
    assert _processed(server) == (batches + 1, rows + 4)


@check("batch-allowed-sizes")
def test_padding_up_to_an_allowed_size(batching: Process):
    server = batching
    server.predict(HALF, {"x": np.float32([[0.0]] * 4)})
    batches, rows = _processed(server)
    answer = server.predict(HALF, {"x": np.float32([[1.0], [2.0], [3.0]])})
    assert values(answer.outputs["y"]) == [2.5, 3.0, 3.5]
    assert _processed(server) == (batches + 1, rows + 4)


@check("batch-other-shapes")
def test_other_shapes_in_one_batch(batching: Process):
    shapes = (np.ones([1, 3, 2], np.float32), np.ones([1, 5, 2], np.float32))
    calls = _ask_at_once(
        batching, *(predict_request("many", {"matrix": m}, "matrices") for m in shapes)
    )
    row = BY_ID["batch-other-shapes"]
    for call in calls:
        code, message = refusal(call.result)
        assert code == row.code
        assert row.matches(message), message


@check("batch-padded-lists")
def test_lists_are_padded(start, model_folder):
    (model_folder / "padding.config").write_text(
        "max_batch_size { value: 2 } batch_timeout_micros { value: 5000000 } "
        "num_batch_threads { value: 1 } pad_variable_length_inputs: true"
    )
    server = start(
        f"--model_base_path={model_folder}/many",
        "--model_name=many",
        "--enable_batching",
        f"--batching_parameters_file={model_folder}/padding.config",
    )
    server.wait_until_ready("many")
    shapes = (np.ones([1, 3, 2], np.float32), np.ones([1, 5, 2], np.float32))
    calls = _ask_at_once(
        server, *(predict_request("many", {"matrix": m}, "matrices") for m in shapes)
    )
    # The padding of a list is the first value of its own tensor, here a one: five rows each.
    assert [values(call.result().outputs["total"]) for call in calls] == [[10.0], [10.0]]


@check("batch-queue-full", "rest-503")
def test_a_full_queue(batching: Process):
    """One batch runs, two wait, all of the slow signature: what comes then is refused."""

    def slow(_: int):
        body = {"signature_name": "slow_rows", "instances": [1.5, 1.5, 1.5, 1.5]}
        return batching.post("many:predict", body)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(slow, range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200 and codes[-1] == 503, [answer.text for answer in answers]
    assert set(codes) == {200, 503}


@check("batch-last-size")
def test_the_last_allowed_size(start, model_folder):
    (model_folder / "sizes.config").write_text(
        "max_batch_size { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 4"
    )
    server = start(
        f"--model_base_path={model_folder}/half_plus_two",
        "--max_num_load_retries=0",
        "--enable_batching",
        f"--batching_parameters_file={model_folder}/sizes.config",
    )
    assert server.process.wait(SECONDS) == 255
    assert "Failed to start server. Error: " in server.output()
    assert "max_batch_size" in server.output()
