"""Updates of an embedding table: beside Keras' optimizers, beside the memory, at any size."""

from __future__ import annotations

import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.memory import update_loop
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import row

IDS = 4096 * 8
DISTINCT = 8192
_BATCHES = 8
_ROUNDS = 7


@dataclasses.dataclass(frozen=True)
class Rule:
    """An optimizer of ours, the one of Keras that it is held to, and how much it touches.

    Args:
        ours: Class of `recommenders_tf.optimizers`.
        keras: Class of `tf.keras.optimizers`.
        copies: Floats that it reads and writes for each weight: the weight and its state.
        options: Arguments of both.
    """

    ours: str
    keras: str
    copies: int
    options: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in the record."""
        return self.ours + ("" if not self.options else " with momentum")


RULES = [
    Rule("SGD", "SGD", 1),
    Rule("SGD", "SGD", 2, {"momentum": 0.9}),
    Rule("RowwiseAdagrad", "Adagrad", 1),
    Rule("Adagrad", "Adagrad", 2),
    Rule("LazyAdam", "Adam", 3),
    Rule("Ftrl", "Ftrl", 3),
]


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield, for each optimizer and number of threads, its speed, its rate and its flatness."""
    small, middle, large = (10_000, 20_000, 30_000) if quick else (10_000, 1_000_000, 10_000_000)
    for threads in (1,) if quick else sorted({1, os.cpu_count() or 1}):
        for rule in RULES[-2:] if quick else RULES:
            with Worker("optimizers", threads, rule=dataclasses.asdict(rule)) as worker:
                speed = worker.ask("against_keras", rows=middle, width=32)
                yield row(
                    f"{rule.name}, steps on a table of {middle:,} x 32, {IDS:,} ids each",
                    "steps/s",
                    ours=1 / speed["ours"],
                    peer=f"Keras {rule.keras}",
                    peer_value=1 / speed["keras"],
                    threads=threads,
                )
                rate = worker.ask("against_memory", rows=middle, width=64)
                yield row(
                    f"{rule.name}, rows updated of {middle:,} x 64",
                    "million rows/s",
                    ours=IDS / rate["ours"] / 1e6,
                    limit=rate["limit"] / 1e6,
                    threads=threads,
                )
                for spread in (False, True):
                    growth = worker.ask("growth", small=small, large=large, spread=spread)
                    ids = "drawn from all rows" if spread else f"of {DISTINCT:,} rows a step"
                    yield row(
                        f"{rule.name}, step time at {large:,} x 32 over {small:,} x 32, ids {ids}",
                        "times",
                        ours=growth["ours"],
                        peer="bare C loop over the same rows",
                        peer_value=growth["memory"],
                        threads=threads,
                    )


def start(rule: dict[str, Any]) -> Updates:
    return Updates(Rule(**rule))


class Updates:
    """Times the updates of one rule, whatever they are compared with in turns."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def against_keras(self, rows: int, width: int) -> dict[str, float]:
        """Return the seconds of a step, ours and Keras'."""
        ids = _batches(rows, spread=True)
        return _medians(
            {
                "ours": _step(self._ours(), rows, width, ids),
                "keras": _step(self._keras(), rows, width, ids),
            }
        )

    def against_memory(self, rows: int, width: int) -> dict[str, float]:
        """Return the seconds of our step, and the rows a second that the memory allows."""
        ids = _batches(rows, spread=True)
        seconds = _medians(
            {
                "ours": _step(self._ours(), rows, width, ids),
                "memory": self._bare_loop(rows, width, ids),
            }
        )
        return {"ours": seconds["ours"], "limit": IDS / seconds["memory"]}

    def growth(self, small: int, large: int, spread: bool) -> dict[str, float]:
        """Return the time on a large table over that on a small one, ours and the bare loop's."""
        steps = {}
        for rows in (small, large):
            ids = _batches(rows, spread)
            steps[f"ours {rows}"] = _step(self._ours(), rows, 32, ids)
            steps[f"memory {rows}"] = self._bare_loop(rows, 32, ids)
        seconds = _medians(steps)
        return {n: seconds[f"{n} {large}"] / seconds[f"{n} {small}"] for n in ("ours", "memory")}

    def _bare_loop(self, rows: int, width: int, ids: list[np.ndarray]) -> Callable[[], None]:
        """Return a C loop over rows in which weight and state lie side by side."""
        table = np.ones([rows, width * self._rule.copies], np.float32)
        every = np.concatenate(ids)
        threads = tf.config.threading.get_intra_op_parallelism_threads()
        return update_loop(table, every, threads, self._rule.copies)

    def _ours(self) -> Any:
        import recommenders_tf as rtf

        return getattr(rtf.optimizers, self._rule.ours)(**self._rule.options)

    def _keras(self) -> Any:
        return getattr(tf.keras.optimizers, self._rule.keras)(**self._rule.options)


def _step(optimizer: Any, rows: int, width: int, ids: list[np.ndarray]) -> Callable[[], None]:
    """Return what updates a table of its own, a batch after another."""
    table = tf.Variable(tf.ones([rows, width]), name="table")
    optimizer.build([table])
    values = tf.random.stateless_normal([IDS, width], [1, 2])

    indices = [tf.constant(batch) for batch in ids]

    @tf.function
    def steps() -> None:
        for index in indices:  # in one graph, as in training: the call from Python is no update
            optimizer.apply_gradients([(tf.IndexedSlices(values, index, table.shape), table)])

    steps()
    return steps


def _batches(rows: int, spread: bool) -> list[np.ndarray]:
    """Return the ids of some steps: of all rows, or of as many rows in any table."""
    random = np.random.default_rng(0)
    batches = []
    for _ in range(_BATCHES):
        if spread:
            batches.append(random.integers(0, rows, IDS))
        else:
            # Drawn with repetition and not from a permutation, which large tables would make slow.
            some = np.unique(random.integers(0, rows, 16 * DISTINCT))
            some = random.permutation(some)[:DISTINCT]
            batches.append(some[random.integers(0, len(some), IDS)])
    return batches


def _medians(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the median seconds of each, measured by turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(_ROUNDS):
        for name, work in steps.items():
            seconds[name].append(_seconds(work))
    return {name: statistics.median(values) for name, values in seconds.items()}


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / _BATCHES
