"""The limit: the same SavedModel called in the process, in a session, with no server at all.

`python -m benchmarks.serving.in_process` takes requests as lines of JSON and answers with figures.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import numpy as np
import tensorflow as tf

from benchmarks.serving.models import Served, served

v1 = tf.compat.v1


class Session:
    """A signature as a callable, made once."""

    def __init__(self, model: Served) -> None:
        definition = model.definition()
        self._inputs = sorted(definition.inputs)
        session = v1.Session(graph=tf.Graph())
        with session.graph.as_default():
            v1.saved_model.load(session, ["serve"], str(model.version))
        self._call = session.make_callable(
            [info.name for info in definition.outputs.values()],
            [definition.inputs[name].name for name in self._inputs],
        )

    def bound(self, inputs: dict[str, np.ndarray]):
        """Return the call for some inputs."""
        values = [inputs[name] for name in self._inputs]
        return lambda: self._call(*values)


def drive(call, seconds: float, threads: int) -> dict[str, float]:
    """Call from some threads for some seconds; the figures of `load.drive`."""
    took: list[list[float]] = [[] for _ in range(threads)]
    start = time.perf_counter()

    def loop(own: list[float]) -> None:
        while (begun := time.perf_counter()) < start + seconds:
            call()
            own.append(time.perf_counter() - begun)

    workers = [threading.Thread(target=loop, args=(own,)) for own in took]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    elapsed = time.perf_counter() - start
    together = np.concatenate(took)
    p50, p99 = np.percentile(together, [50, 99]) * 1e3
    return {"rate": len(together) / elapsed, "p50": float(p50), "p99": float(p99), "failed": 0.0}


def main() -> None:
    model = served(sys.argv[1])
    session = Session(model)
    calls: dict[int, object] = {}
    for line in sys.stdin:
        batch, seconds, threads = json.loads(line)
        if batch not in calls:
            calls[batch] = session.bound(model.inputs(batch))
            calls[batch]()
        print(json.dumps(drive(calls[batch], seconds, threads)), flush=True)


if __name__ == "__main__":
    main()
