"""Bfloat16 beside float32: how much faster a model trains, and whether it learns as much."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.case import BATCH, Case, cases
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import row
from benchmarks.speed.turns import Plan, turns

POLICIES = {"bfloat16": "mixed_bfloat16", "float32": "float32"}
SEEDS = (1, 2, 3)
_EPOCHS = 2
_BLOCKS = Plan(steps=30, total_steps=0)


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the speed of DeepFM in both precisions, then its quality on MovieLens 1M."""
    plan = Plan(2, 1, 0, 0) if quick else _BLOCKS
    case = cases(10_000, 64 if quick else BATCH)["deepfm"]
    for threads in (1,) if quick else sorted({1, os.cpu_count() or 1}):
        yield _speed(case, threads, plan)
    yield _quality("synthetic" if quick else "movielens-1m", SEEDS[:2] if quick else SEEDS)


def _speed(case: Case, threads: int, plan: Plan) -> dict[str, Any]:
    workers = {
        name: Worker("ours", threads, case, steps=plan.most_steps, precision=policy)
        for name, policy in POLICIES.items()
    }
    machine = Worker("machine", threads, case)
    measured = turns(workers, machine, plan, dtype="bfloat16")
    rates = {name: measured.rate(name) for name in POLICIES}
    return row(
        f"train {case.model} in bfloat16",
        "examples/s",
        ours=rates["bfloat16"],
        peer="float32",
        peer_value=rates["float32"],
        limit=measured.limit("limit"),
        cpu_over_wall=measured.cpu_over_wall("bfloat16"),
        product_limit=measured.limit("products"),
        threads=threads,
        vocabulary=case.vocabulary,
        batch_size=case.batch_size,
    )


def _quality(dataset: str, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Return the AUC of both precisions, for each seed trained on the same examples."""
    with Worker("precision", os.cpu_count() or 1, dataset=dataset) as worker:
        aucs = {
            name: [worker.ask("auc", policy=policy, seed=seed) for seed in seeds]
            for name, policy in POLICIES.items()
        }
    return row(
        f"AUC of deepfm in bfloat16 on {dataset}, leave one out, {_EPOCHS} epochs",
        "AUC",
        ours=statistics.mean(aucs["bfloat16"]),
        peer="float32",
        peer_value=statistics.mean(aucs["float32"]),
        seeds=list(seeds),
        deviation={name: float(np.std(values, ddof=1)) for name, values in aucs.items()},
    )


def start(dataset: str) -> Quality:
    return Quality(dataset)


class Quality:
    """Trains DeepFM on a data set that is known by name."""

    def __init__(self, dataset: str) -> None:
        import recommenders_tf as rtf

        train, self._test = rtf.data.load(dataset).split("leave_last_out")
        self._train = rtf.data.encode(train)

    def auc(self, policy: str, seed: int) -> float:
        """Return the AUC on the held-out events."""
        import recommenders_tf as rtf

        tf.keras.mixed_precision.set_global_policy(policy)
        tf.keras.utils.set_random_seed(seed)
        model = rtf.registry.get("deepfm")(self._train.schema)
        model.compile()
        model.fit(self._train, epochs=_EPOCHS, batch_size=BATCH, verbose=0)
        return float(model.evaluate(self._test, verbose=0)["auc"])
