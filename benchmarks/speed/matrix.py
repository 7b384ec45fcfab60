"""The models of the matrix beside those of others: the same pairs, settings and threads."""

from __future__ import annotations

import contextlib
import os
import pathlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.speed.pairs import Pairs, shared
from benchmarks.speed.processes import MATRIX_PEERS_PYTHON, Worker
from benchmarks.speed.results import row
from benchmarks.speed.usage import is_disturbed

DATASETS = ["movielens-100k", "movielens-1m"]
PEERS = {
    "als": ("implicit_peer",),
    "bpr": ("implicit_peer",),
    "item_knn": ("implicit_peer", "recbole_peer"),
    "ease": ("recbole_peer",),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "als": {
        "embedding_dim": 64,
        "sweeps": 15,
        "cg_steps": 3,
        "l2": 5.0,
        "unobserved_weight": 0.1,
        "frequency_exponent": 0.0,
    },
    "bpr": {"embedding_dim": 64, "epochs": 20, "learning_rate": 0.05, "l2": 0.01},
    "item_knn": {"num_neighbours": 100},
    "ease": {"l2": 500.0},
}
USERS_AT_ONCE = (1, 1024)
"""Of RecBole's evaluation: its own default comes to one on these data; the other is as ours."""

_ROUNDS = 5
_console = Console(stderr=True)
Blocks = dict[str, list[dict[str, float]]]


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each model, data set, number of threads and peer; then evaluation's."""
    if not MATRIX_PEERS_PYTHON.exists():
        raise RuntimeError(
            "The environment of implicit and RecBole is missing: run "
            "`make .venv-matrix-peers/.installed` once."
        )
    rounds = 1 if quick else _ROUNDS
    for dataset in ["synthetic"] if quick else DATASETS:
        with tempfile.TemporaryDirectory() as name:
            folder, pairs = pathlib.Path(name), Pairs.of(dataset)
            pairs.save(folder / "pairs.npz")
            for threads in [1] if quick else sorted({1, os.cpu_count() or 1}):
                for model in PEERS:
                    yield from _fits(model, dataset, threads, folder, rounds)
                if dataset == DATASETS[-1] or quick:
                    yield from _evaluations(dataset, threads, folder, rounds)


def _fits(
    model: str, dataset: str, threads: int, folder: pathlib.Path, rounds: int
) -> Iterator[dict[str, Any]]:
    """Train ours and its peers by turns, and yield a row for each peer."""
    _console.print(f"{model}, {dataset}, {threads} threads")
    pairs, settings = Pairs.read(str(folder / "pairs.npz")), SETTINGS[model]
    arguments = {"model": model, "path": str(folder / "pairs.npz"), "settings": settings}
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name, threads, **arguments))
            for name in ("matrix_ours", *PEERS[model])
        }
        taken = by_turns(workers, "fit", rounds)
        versions, lists = {}, {}
        for name, worker in workers.items():
            versions[name] = worker.ask("lists", path=str(folder / f"{name}.npy"))
            lists[name] = np.load(folder / f"{name}.npy")
    ours = lists["matrix_ours"]
    for peer in PEERS[model]:
        yield _row(
            f"fit {model} on {dataset}",
            "pairs/s",
            len(pairs.train) * settings.get("sweeps", settings.get("epochs", 1)),
            {"ours": taken["matrix_ours"], "peer": taken[peer]},
            peer=versions[peer],
            threads=threads,
            ndcg={"ours": pairs.ndcg(ours), "peer": pairs.ndcg(lists[peer])},
            shared=shared(ours, lists[peer]),
            settings=settings,
        )


def _evaluations(
    dataset: str, threads: int, folder: pathlib.Path, rounds: int
) -> Iterator[dict[str, Any]]:
    """Evaluate the same factors by turns, and yield a row for each size of RecBole's blocks."""
    pairs = Pairs.read(str(folder / "pairs.npz"))
    factors = {"path": str(folder / "pairs.npz"), "factors": str(folder / "factors.npz")}
    np.savez(factors["factors"], **_factors(pairs))
    for users in USERS_AT_ONCE:
        _console.print(f"evaluation, {dataset}, {threads} threads, peer {users} users at once")
        settings = {"embedding_dim": SETTINGS["als"]["embedding_dim"]}
        arguments = {"model": "bpr", "path": factors["path"]}
        with (
            Worker("matrix_ours", threads, settings=settings, **arguments) as ours,
            Worker(
                "recbole_peer", threads, settings=settings | {"users_at_once": users}, **arguments
            ) as peer,
        ):
            workers = {"ours": ours, "peer": peer}
            version = [w.ask("load", factors=factors["factors"]) for w in workers.values()][1]
            taken = by_turns(workers, "evaluate", rounds)
        asked = len(np.unique(pairs.test[:, 0]))
        yield _row(
            f"evaluate factors on {dataset}, {users} users at once for the peer",
            "users/s",
            asked,
            taken,
            peer=version,
            threads=threads,
            ndcg={name: blocks[0]["NDCG"] for name, blocks in taken.items()},
        )


def _factors(pairs: Pairs) -> dict[str, np.ndarray]:
    """Return factors by the singular values of the training pairs: something that has an order."""
    from scipy.sparse.linalg import svds

    dim = SETTINGS["als"]["embedding_dim"]
    left, values, right = svds(pairs.matrix(), k=dim, random_state=0)
    return {"user": (left * values).astype(np.float32), "item": right.T.astype(np.float32)}


def by_turns(workers: Mapping[str, Any], method: str, rounds: int) -> Blocks:
    """Return what each worker took in each round; in a round they work one after another.

    A round to warm up is left out, and so are disturbed ones, unless there are too many.
    """
    taken: Blocks = {name: [] for name in workers}
    for worker in workers.values():
        worker.ask(method)
    repeats = rounds
    while min(map(len, taken.values())) < rounds:
        blocks = {name: worker.ask(method) for name, worker in workers.items()}
        seconds = ", ".join(f"{name} {block['seconds']:.2f} s" for name, block in blocks.items())
        _console.print(f"  {seconds}")
        if any(map(is_disturbed, blocks.values())) and repeats:
            repeats -= 1
            continue
        for name, block in blocks.items():
            taken[name].append(block)
    return taken


def _row(
    work: str, unit: str, amount: int, taken: Mapping[str, Any], **details: Any
) -> dict[str, Any]:
    """Return a row of what `ours` and `peer` took for the same amount of work."""
    seconds = {name: statistics.median(b["seconds"] for b in taken[name]) for name in taken}
    cpu, wall = (sum(block[key] for block in taken["ours"]) for key in ("cpu", "seconds"))
    return row(
        work,
        unit,
        ours=amount / seconds["ours"],
        peer_value=amount / seconds["peer"],
        cpu_over_wall=cpu / wall,
        seconds=seconds,
        disturbed=any(is_disturbed(block) for blocks in taken.values() for block in blocks),
        **details,
    )
