"""How soon a sequence model is as good as RecBole's after a given time of training."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.quality import datasets
from benchmarks.speed.matrix import by_turns
from benchmarks.speed.pairs import Pairs
from benchmarks.speed.processes import MATRIX_PEERS_PYTHON, Worker
from benchmarks.speed.results import row
from benchmarks.speed.usage import is_disturbed

DATASET = "sequential-ml-1m"
LENGTH = 200
_BATCH = {"train_batch_size": 256}
"""RecBole's default of 2,048 takes it minutes a step here: smaller ones take it further."""

SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sasrec": (
        {"embedding_dim": 64, "heads": 2, "objective": "softmax", "num_negatives": 0},
        {"hidden_dropout_prob": 0.2, "attn_dropout_prob": 0.2, **_BATCH},
    ),
    "gru4rec": ({"embedding_dim": 128}, {"embedding_size": 128, "hidden_size": 128, **_BATCH}),
    "bert4rec": ({"embedding_dim": 64, "dropout": 0.2}, _BATCH),
}
"""Of ours, and of RecBole's configuration where it is not its own default."""

_LOOKS = 8
"""How often the peer's lists are measured while its time lasts."""

_ROUNDS = 3
_console = Console(stderr=True)
Curve = list[tuple[float, float]]


def run(minutes: float, quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield two rows for each model: how soon ours is as good, and how fast it is evaluated.

    Args:
        minutes: How long a peer trains.
        quick: Whether to try it out, with 200 users and a minute.
    """
    if not MATRIX_PEERS_PYTHON.exists():
        raise RuntimeError(
            "The environment of RecBole is missing: run `make .venv-matrix-peers/.installed` once."
        )
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder, pairs = pathlib.Path(name), _pairs(200 if quick else None)
        pairs.save(folder / "pairs.npz")
        for model in SETTINGS:
            yield from _compare(model, pairs, folder, threads, 0.3 if quick else minutes)


def _pairs(users: int | None) -> Pairs:
    """Return the sequences without their last two items, and the first of these held out.

    What is test in the tables of results is asked for by nobody here.

    Args:
        users: How many to keep; None keeps all.
    """
    splits = datasets.load(DATASET, validation=True)
    parts = [part.log.events for part in (splits.train, splits.measured)]
    if users:
        few = parts[1]["user"].unique()[:users]
        parts = [part[part["user"].isin(few)] for part in parts]
    codes = {}
    for column in ("user", "item"):
        every = np.concatenate([part[column] for part in parts])
        codes[column] = {value: code for code, value in enumerate(dict.fromkeys(every))}
    train, test = (
        np.stack([part[column].map(codes[column]) for column in codes], axis=1).astype(np.int32)
        for part in parts
    )
    return Pairs(train, test, (len(codes["user"]), len(codes["item"])))


def _compare(
    model: str, pairs: Pairs, folder: pathlib.Path, threads: int, minutes: float
) -> Iterator[dict[str, Any]]:
    own, others = SETTINGS[model]
    arguments = {"model": model, "path": str(folder / "pairs.npz"), "length": LENGTH}
    contenders = {"ours": ("sequences_ours", own), "peer": ("recbole_sequences_peer", others)}
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(module, threads, settings=settings, **arguments))
            for name, (module, settings) in contenders.items()
        }
        _console.print(f"{model}: RecBole trains for {minutes:g} minutes")
        version = workers["peer"].ask("lists", path=str(folder / "peer.npy"))
        peer, examples, disturbed = _learn(
            workers["peer"], pairs, folder / "peer.npy", 60 * minutes
        )
        goal = max(value for _, value in peer)
        reached = next(seconds for seconds, value in peer if value == goal)
        _console.print(f"{model}: ours trains until its NDCG@10 is {goal:.4f}")
        ours, _, also = _learn(workers["ours"], pairs, folder / "ours.npy", 60 * minutes, goal)
        seconds, value = ours[-1]
        if value < goal:
            _console.print(f"{model}: ours was not as good after {seconds:.0f} s; no row")
        else:
            yield row(
                f"learn {model} on {DATASET}",
                "times an hour",
                ours=3600 / seconds,
                peer=version,
                peer_value=3600 / reached,
                threads=threads,
                ndcg={"ours": value, "peer": goal},
                seconds={"ours": seconds, "peer": reached},
                peer_examples=examples,
                curves={name: _shown(curve) for name, curve in (("ours", ours), ("peer", peer))},
                settings={"ours": own, "peer": others},
                disturbed=disturbed or also,
            )
        taken = by_turns(workers, "evaluate", _ROUNDS)
        medians = {
            name: float(np.median([block["seconds"] for block in blocks]))
            for name, blocks in taken.items()
        }
        asked = len(pairs.test)
        yield row(
            f"evaluate {model} on {DATASET}",
            "users/s",
            ours=asked / medians["ours"],
            peer=version,
            peer_value=asked / medians["peer"],
            threads=threads,
            ndcg={name: blocks[0]["NDCG"] for name, blocks in taken.items()},
            seconds=medians,
            disturbed=any(is_disturbed(b) for blocks in taken.values() for b in blocks),
        )


def _learn(
    worker: Worker, pairs: Pairs, path: pathlib.Path, budget: float, goal: float = np.inf
) -> tuple[Curve, int, bool]:
    """Train until the budget or the goal.

    Returns:
        Seconds of training alone and NDCG at each look, examples that the worker counted, and
        whether others took its processors.
    """
    curve: Curve = []
    disturbed, spent, examples = False, 0.0, 0
    while spent < 0.99 * budget and (not curve or curve[-1][1] < goal):
        took = worker.ask("train", seconds=budget / _LOOKS)
        spent, disturbed = spent + took["seconds"], disturbed or is_disturbed(took)
        worker.ask("lists", path=str(path))
        curve.append((spent, pairs.ndcg(np.load(path))))
        examples += int(took.get("examples", 0))
        _console.print(f"  {worker.contender}: {spent:.0f} s, NDCG@10 {curve[-1][1]:.4f}")
    return curve, examples, disturbed


def _shown(curve: Curve) -> list[list[float]]:
    return [[round(seconds, 1), round(value, 4)] for seconds, value in curve]
