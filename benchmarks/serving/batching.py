"""Requests per second with batching and without, on a small model, in one process.

    python -m benchmarks.serving.batching --in-flight=32 --seconds=5

Threads ask one after another without a pause, each with one row of a model with two dense layers;
no network takes part, so what is seen is what the scheduler gives and costs. The ways take turns,
and the best of the rounds is printed for each.
"""

import argparse
import itertools
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import text_format

from serving.server.batch_arrays import Arrays
from serving.server.batching import BatchScheduler
from serving.server.model_batching import ModelBatching
from serving.server.options import ServerOptions
from serving.server.protos import BatchingParameters
from serving.server.servable import Servable

WIDTH = 64
WAYS = {
    "one by one": None,
    "batches, no wait": "",
    "batches, wait 1 ms": "batch_timeout_micros { value: 1000 }",
}


class Ranker(tf.Module):
    """64 numbers in, two dense layers of `hidden` units, a score out."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        sizes = [WIDTH, hidden, hidden, 1]
        generator = tf.random.Generator.from_seed(1)
        self.weights = [
            tf.Variable(generator.normal(shape) * 0.1) for shape in itertools.pairwise(sizes)
        ]

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="x")])
    def serving_default(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The scores of a batch."""
        for weight in self.weights[:-1]:
            x = tf.nn.relu(x @ weight)
        return {"score": x @ self.weights[-1]}


def requests_per_second(ask: Callable[[], object], in_flight: int, seconds: float) -> float:
    """How many calls a second end while so many threads call without a pause."""
    counts = [0] * in_flight
    start = threading.Barrier(in_flight + 1)
    over = threading.Event()

    def call(index: int) -> None:
        start.wait()
        while not over.is_set():
            ask()
            counts[index] += 1

    threads = [threading.Thread(target=call, args=(index,)) for index in range(in_flight)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(seconds)
    done = sum(counts)
    elapsed = time.perf_counter() - began
    over.set()
    for thread in threads:
        thread.join()
    return done / elapsed


def measure(servable: Servable, in_flight: int, seconds: float, rounds: int) -> dict[str, float]:
    """The best rate of each way to run requests of one row."""
    row = {"x": np.random.default_rng(1).random((1, WIDTH), np.float32)}
    asks: dict[str, Callable[[], object]] = {}
    for name, text in WAYS.items():
        if text is None:
            asks[name] = lambda: servable.run("serving_default", row, ("score",))
        else:
            scheduler = BatchScheduler(text_format.Parse(text, BatchingParameters()))
            asks[name] = lambda scheduler=scheduler: scheduler.run(
                "ranker", row, lambda inputs, deadline: _run(servable, inputs)
            )
    best = dict.fromkeys(asks, 0.0)
    for _ in range(rounds):
        for name, ask in asks.items():
            ask()
            best[name] = max(best[name], requests_per_second(ask, in_flight, seconds))
    return best


def _run(servable: Servable, inputs: Arrays) -> Mapping[str, np.ndarray]:
    (score,) = servable.run("serving_default", inputs, ("score",))
    return {"score": score}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 32], help="threads")
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 2048], help="units a layer")
    parser.add_argument("--seconds", type=float, default=3, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each way")
    options = parser.parse_args()
    print(f"{'hidden':>6}  {'in flight':>9}  {'way':20} requests/s   of one by one")
    for hidden in options.hidden:
        with tempfile.TemporaryDirectory() as folder:
            path = str(pathlib.Path(folder) / "1")
            tf.saved_model.save(Ranker(hidden), path)
            servable = Servable(path, ServerOptions(), ModelBatching(ServerOptions()))
        for in_flight in options.in_flight:
            rates = measure(servable, in_flight, options.seconds, options.rounds)
            for name, rate in rates.items():
                share = rate / rates["one by one"]
                print(f"{hidden:6}  {in_flight:9}  {name:20} {rate:10,.0f}   {share:.2f}")


if __name__ == "__main__":
    main()
