"""The Prometheus exposition: names, labels and buckets."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tensorflow_serving.apis import regression_pb2

from tests.conformance import models
from tests.conformance.rows import check
from tests.conformance.target import SECONDS, Target, examples, refusal, sample

HALF = "half_plus_two"
PREFIX = ":tensorflow:serving:"
X = np.float32([[1.0], [2.0], [3.0]])


@pytest.fixture(scope="module")
def asked(target: Target) -> Target:
    """A server that has answered over both entry points, and refused."""
    target.predict(HALF, {"x": X})
    target.post(f"{HALF}:predict", {"instances": [[1.0]]})
    refusal(lambda: target.predict(HALF, {}))
    return target


@check("metrics-content-type")
def test_content_type(asked: Target):
    answer = asked.get(asked.metrics_path)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert f"# TYPE {PREFIX}request_count counter" in answer.text
    assert f"# TYPE {PREFIX}request_latency histogram" in answer.text
    assert "# HELP" not in answer.text
    for name in re.findall(r"^# TYPE (\S+)", answer.text, re.MULTILINE):
        assert re.fullmatch(r"[A-Za-z0-9_:]+", name)


@check("request_count")
def test_request_count(asked: Target):
    name = sample(f"{PREFIX}request_count", model_name=HALF, status="OK")
    before = asked.metrics()[name]
    asked.predict(HALF, {"x": X})
    asked.post(f"{HALF}:predict", {"instances": [[1.0]]})
    assert asked.metrics()[name] == before + 2
    refused = sample(f"{PREFIX}request_count", model_name=HALF, status="INVALID_ARGUMENT")
    assert asked.metrics()[refused] >= 1


@check("request_count-not-found")
def test_unknown_models_are_counted(asked: Target):
    refusal(lambda: asked.predict("unheard_of", {"x": X}))
    name = sample(f"{PREFIX}request_count", model_name="unheard_of", status="NOT_FOUND")
    assert asked.metrics()[name] == 1


def _latency(metrics: dict[str, float], suffix: str, **labels: str) -> float:
    return metrics[sample(f"{PREFIX}request_latency_{suffix}", model_name=HALF, **labels)]


@check("request_latency")
def test_request_latency(asked: Target):
    grpc = {"API": "Predict", "entrypoint": "GRPC"}
    rest = {"API": "predict", "entrypoint": "REST"}
    for labels in (grpc, rest):
        before = _latency(asked.metrics(), "count", **labels)
        if labels is grpc:
            asked.predict(HALF, {"x": X})
        else:
            asked.post(f"{HALF}:predict", {"instances": [[1.0]]})
        after = asked.metrics()
        assert _latency(after, "count", **labels) == before + 1
        assert _latency(after, "sum", **labels) > 0
        assert _latency(after, "bucket", **labels, le="+Inf") == before + 1


@check("request_latency-buckets")
def test_latency_buckets(asked: Target):
    text = asked.get(asked.metrics_path).text
    wanted = re.compile(rf'{PREFIX}request_latency_bucket{{(.*?)le="([^"]+)"}}')
    series: dict[str, list[float]] = {}
    for labels, bound in wanted.findall(text):
        series.setdefault(labels, []).append(float(bound))
    for bounds in series.values():
        assert bounds[-1] == np.inf
        np.testing.assert_allclose(bounds[:-1], 10 * 1.8 ** np.arange(33), rtol=1e-4)


@check("request_latency-successes")
def test_refusals_have_no_latency(asked: Target):
    labels = {"API": "Predict", "entrypoint": "GRPC"}
    before = _latency(asked.metrics(), "count", **labels)
    refusal(lambda: asked.predict(HALF, {}))
    assert _latency(asked.metrics(), "count", **labels) == before


@check("runtime_latency")
def test_runtime_latency(asked: Target):
    labels = {"model_name": HALF, "API": "Predict", "runtime": "TF1"}
    assert asked.metrics()[sample(f"{PREFIX}runtime_latency_count", **labels)] > 0


def _regress_three(target: Target) -> None:
    """tf.Examples are what is counted, so Predict is not."""
    request = regression_pb2.RegressionRequest(input=examples(1.0, 2.0, 3.0))
    request.model_spec.name, request.model_spec.signature_name = HALF, "regress_x_to_y"
    target.prediction.Regress(request, SECONDS)


@check("request_example_counts")
def test_example_counts(asked: Target):
    metrics = asked.metrics()
    before = metrics.get(sample(f"{PREFIX}request_example_counts_count", model=HALF), 0)
    _regress_three(asked)
    metrics = asked.metrics()
    assert metrics[sample(f"{PREFIX}request_example_counts_count", model=HALF)] == before + 1
    bounds = [
        float(bound)
        for bound in re.findall(
            rf'{PREFIX}request_example_counts_bucket{{[^}}]*{HALF}[^}}]*le="([0-9.e+]+)"',
            asked.get(asked.metrics_path).text,
        )
    ]
    assert bounds == [2.0**i for i in range(15)]


@check("request_example_count_total")
def test_example_count_total(asked: Target):
    name = sample(f"{PREFIX}request_example_count_total", model=HALF)
    before = asked.metrics().get(name, 0)
    _regress_three(asked)
    assert asked.metrics()[name] == before + 3


@check("request_log_count")
def test_request_log_count(asked: Target):
    text = asked.get(asked.metrics_path).text
    assert f"# TYPE {PREFIX}request_log_count counter" in text


@check("model_warmup_latency", "model_warmup_records_read")
def test_warm_up(asked: Target, reload, warm_model):
    path = warm_model("warm_metrics", 3)
    reload(models.model("warm_metrics", asked.server_folder))
    metrics = asked.metrics()
    labels = {"model_path": path, "status": "OK"}
    assert metrics[sample(f"{PREFIX}model_warmup_latency_count", **labels)] >= 1
    assert metrics[sample(f"{PREFIX}model_warmup_records_read", **labels)] == 3


@check("mlmd_map")
def test_mlmd_map(asked: Target, reload):
    version = asked.folder / "traced" / "1"
    version.parent.mkdir()
    hidden = version.with_name("hidden")
    models.half_plus(hidden)
    (hidden / "assets.extra").mkdir()
    (hidden / "assets.extra" / "mlmd_uuid").write_text("0123-abcd")
    hidden.rename(version)
    reload(models.model("traced", asked.server_folder))
    lines = asked.get(asked.metrics_path).text.splitlines()
    found = [line for line in lines if line.startswith(f"{PREFIX}mlmd_map{{")]
    assert any("0123-abcd" in line and 'model_name="traced"' in line for line in found)
    assert any('version="1"' in line for line in found)


@check("batching-queuing_latency", "batching-wrapped_run_count", "batching-sizes")
def test_batching(batching: Target):
    batching.predict(HALF, {"x": X})
    names = {name.partition("{")[0] for name in batching.metrics()}
    session = f"{PREFIX}batching_session:"
    assert f"{session}queuing_latency_count" in names
    assert f"{session}wrapped_run_count" in names
    for size in ("padding_size", "input_batch_size", "processed_batch_size"):
        assert any(name.endswith(f":{size}_count") for name in names), size


@check("metrics-path")
def test_another_path(batching: Target):
    assert f"{PREFIX}request_count" in batching.get("/elsewhere").text
    assert batching.get("/monitoring/prometheus/metrics").status_code == 404
