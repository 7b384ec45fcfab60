"""The benchmark of the model server, but for the load itself."""

from __future__ import annotations

import time

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from benchmarks.serving import in_process, load, measure, render

FIGURES = {
    "ours": {"rate": 1000.0, "p50": 1.0, "p99": 2.0, "failed": 0.0},
    "ours, processes": {"rate": 1500.0, "p50": 0.9, "p99": 2.0, "failed": 0.0},
    "trivial": {"rate": 500.0, "p50": 2.0, "p99": 4.0, "failed": 0.0},
    "in process": {"rate": 2000.0, "p50": 0.5, "p99": 0.7, "failed": 0.0},
}


class Fixed:
    """A contender of fixed figures that keeps what it was asked."""

    def __init__(self, name: str, asked: list) -> None:
        self._name, self._asked = name, asked

    def measure(self, batch, seconds, in_flight, rate=0):
        self._asked.append((self._name, batch, in_flight, rate))
        return FIGURES[self._name]


@pytest.fixture
def asked(monkeypatch) -> list:
    """What contenders are asked; no process is started, and there is no row yet."""
    import contextlib

    asked: list = []
    fixed = {name: Fixed(name, asked) for name in FIGURES}
    monkeypatch.setattr(measure, "contenders", lambda model, address: contextlib.nullcontext(fixed))
    monkeypatch.setattr(measure, "served", lambda name: name)
    monkeypatch.setattr(measure, "read", lambda path: [])
    return asked


def test_rows(asked):
    plan = measure.Plan(seconds=1.0, rounds=2, address="", again=False)
    rows = {row["work"]: row for row in measure.measure("deepfm", plan)}
    assert len(rows) == len(measure.BATCHES) * (len(measure.IN_FLIGHT) + 1)
    closed = rows["serve deepfm, batch 8, 32 in flight"]
    assert (closed["ratio"], closed["share_of_limit"]) == (2.0, 0.5)
    assert closed["ms"]["ours"] == {"p50": 1.0, "p99": 2.0}
    opened = rows["serve deepfm, batch 8, open loop at 70%"]
    assert opened["offered"] == 700.0 and opened["limit"] is None
    # By turns, and no open loop without a server.
    first = [(name, 1, 1, 0) for name in FIGURES] * 2
    assert asked[: len(first)] == first
    assert ("in process", 8, 32, 700.0) not in asked


def test_what_this_commit_has_is_not_measured_again(asked, monkeypatch):
    monkeypatch.setattr(measure, "commit", lambda: "abc")
    done = [measure.closed("deepfm", b, f) for b in measure.BATCHES for f in measure.IN_FLIGHT]
    done += [measure.open_loop("deepfm", b) for b in measure.BATCHES]
    missing = measure.closed("deepfm", 8, 1)
    kept = [{"work": work, "commit": "abc"} for work in done if work != missing]
    monkeypatch.setattr(measure, "read", lambda path: kept)
    plan = measure.Plan(1.0, 1, "", again=False)
    assert [row["work"] for row in measure.measure("deepfm", plan)] == [missing]
    again = measure.Plan(1.0, 1, "", again=True)
    assert len(list(measure.measure("deepfm", again))) == len(done)


def test_the_api_for_ghz_is_whole():
    packed = descriptor_pb2.FileDescriptorSet.FromString(load._protoset())
    pool = descriptor_pool.DescriptorPool()
    for file in packed.file:
        pool.Add(file)  # Fails where what it imports is not there yet.
    assert pool.FindMethodByName(load.PREDICT).input_type.name == "PredictRequest"


def test_calls_in_process_are_timed():
    figures = in_process.drive(lambda: time.sleep(0.01), seconds=0.3, threads=2)
    assert 10 <= figures["p50"] <= figures["p99"]
    assert figures["rate"] <= 200


def test_the_section(asked):
    rows = list(measure.measure("deepfm", measure.Plan(1.0, 1, "", again=False)))
    text = "\n".join(render.section([*rows, {"work": "train deepfm"}]))
    line = (
        "| deepfm, batch 8, 32 in flight | 1,000 (1, 2) | 1,500 (0.9, 2) | 500 (2, 4) "
        "| 2,000 (0.5, 0.7) | **2.00**, **3.00** | **50%**, **75%** |"
    )
    assert line in text and "train deepfm" not in text
    assert render.section([{"work": "train deepfm"}]) == []
