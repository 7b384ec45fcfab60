"""Where the time of a training step goes: TensorFlow's trace, summed by kind of op."""

from __future__ import annotations

import pathlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from benchmarks.speed.case import BATCH, Case, cases
from benchmarks.speed.planted import examples
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import row
from benchmarks.speed.usage import Stopwatch

PRODUCTS = "matrix products"
LOOKUP = "lookup of embedding rows"
TABLES = "update of embedding rows"
DENSE = "optimizer of the other weights"
ELEMENTWISE = "element by element, and copies"
INPUT = "input, beside the step"
REST = "between the ops: Keras, the executor, waiting for input"
_GATHERS = ("GatherV2", "ResourceGather", "GatherNd")
_CONTAINERS = ("PartitionedCall", "StatefulPartitionedCall", "If", "While", "StatelessIf")


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the milliseconds of each kind of work in a step of DeepFM on one thread."""
    for vocabulary in (1000,) if quick else (10_000, 1_000_000):
        case = cases(vocabulary, 64 if quick else BATCH)["deepfm"]
        with Worker("profile", 1, case, steps=4 if quick else 80) as worker:
            traced = worker.ask("trace")
        for kind, milliseconds in traced["kinds"].items():
            yield row(
                f"a step of {case.model}: {kind}",
                "ms",
                ours=milliseconds,
                cpu_over_wall=traced["cpu_over_wall"],
                share_of_step=milliseconds / traced["step"],
                threads=1,
                vocabulary=vocabulary,
                ops=traced["ops"].get(kind),
            )


def start(case: Case, steps: int) -> Profile:
    return Profile(case, steps)


class Profile:
    """Traces the steps of our model.

    Args:
        case: What to train.
        steps: Steps to trace, and to take before.
    """

    def __init__(self, case: Case, steps: int) -> None:
        from benchmarks.speed import ours

        features, labels = examples(case, steps * case.batch_size, seed=1)
        self._contender = ours.build(case)
        self._feed = self._contender.feed(features, labels)
        self._steps = steps
        self._fit(epochs=1)

    def _fit(self, epochs: int) -> None:
        self._contender.model.fit(**self._feed, epochs=epochs, verbose=0)

    def trace(self) -> dict[str, Any]:
        """Return milliseconds a step of the whole, of each kind of op, and its longest ops.

        The whole is that of a run that is not traced, as tracing takes time between the ops, and of
        its later epochs, so that the start of a run does not count.
        """
        usages = []
        for epochs in (1, 3):
            watch = Stopwatch()
            self._fit(epochs)
            usages.append(watch.stop())
        usage = {key: usages[1][key] - usages[0][key] for key in ("seconds", "cpu")}
        options = tf.profiler.experimental.ProfilerOptions(python_tracer_level=0)
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder, options)
            self._fit(epochs=1)
            tf.profiler.experimental.stop()
            ops = _ops(next(pathlib.Path(folder).rglob("*.xplane.pb")))
        milliseconds = {name: value / self._steps for name, value in ops.items()}
        step = 1e3 * usage["seconds"] / (2 * self._steps)
        kinds: Counter[str] = Counter()
        longest: dict[str, Counter[str]] = {}
        for (kind, op), value in milliseconds.items():
            kinds[kind] += value
            longest.setdefault(kind, Counter())[op] += value
        kinds[REST] = max(0.0, step - sum(v for kind, v in kinds.items() if kind != INPUT))
        return {
            "step": step,
            "cpu_over_wall": usage["cpu"] / usage["seconds"],
            "kinds": dict(kinds.most_common()),
            "ops": {kind: dict(ops.most_common(3)) for kind, ops in longest.items()},
        }


def _ops(path: pathlib.Path) -> Counter[tuple[str, str]]:
    """Return the milliseconds of each kind and type of op in a trace of the host."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(path.read_bytes())
    total: Counter[tuple[str, str]] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name, _, op = plane.event_metadata[event.metadata_id].name.rpartition(":")
                # Ops are `name:Type`; calls of functions and C++ scopes have spaces or `::`.
                is_op = name and not name.endswith(":") and op.isidentifier()
                if is_op and op not in _CONTAINERS:
                    kind = INPUT if line.name.startswith("tf_data") else _kind(name, op)
                    total[kind, op] += event.duration_ps / 1e9
    return total


def _kind(name: str, op: str) -> str:
    if "MatMul" in op:
        return PRODUCTS
    if op.startswith("RecommendersTf"):
        return TABLES
    if "Adam/" in name:
        return DENSE
    return LOOKUP if op in _GATHERS else ELEMENTWISE
