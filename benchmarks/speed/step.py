"""Training steps of our models beside the same models of others, by turns in one run."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from benchmarks.speed.case import DIM, Case, cases
from benchmarks.speed.processes import PEERS_PYTHON, Worker
from benchmarks.speed.results import row
from benchmarks.speed.turns import Plan, Turns, turns
from benchmarks.speed.usage import free_memory

MODELS = ["deepfm", "dcn_v2", "dlrm", "din"]
VOCABULARIES = [10_000, 1_000_000]
PEERS = {"deepctr_peer": ("deepfm", "dcn_v2", "din"), "plain_keras": tuple(MODELS)}
"""The peers and the models that each has."""

_console = Console(stderr=True)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is compared: every combination of these, each in a run of its own."""

    models: Sequence[str]
    vocabularies: Sequence[int]
    threads: Sequence[int]
    peers: Sequence[str]


def run(choice: Choice, quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for every combination and peer as it is done."""
    if "deepctr_peer" in choice.peers and not PEERS_PYTHON.exists():
        raise RuntimeError(
            "DeepCTR's own environment is missing: run `make .venv-peers/.installed` once, or "
            "measure without it by `--peer plain_keras`."
        )
    combinations = itertools.product(choice.vocabularies, choice.threads, choice.models)
    for vocabulary, threads, model in combinations:
        case, plan = cases(vocabulary)[model], _plan(vocabulary, model)
        if quick:
            case = dataclasses.replace(case, fields=case.fields[:4], batch_size=64)
            plan = Plan(steps=2, blocks=1, repeats=0, total_steps=4)
        peers = [peer for peer in choice.peers if model in PEERS[peer]]
        for group in _groups(case, peers):
            yield from _compare(case, threads, plan, group)


def _plan(vocabulary: int, model: str) -> Plan:
    """Return a plan in which a block takes seconds; peers write whole tables at every step."""
    if vocabulary > 100_000:
        return Plan(steps=8, repeats=2, total_steps=80)
    return Plan(steps=10, total_steps=120) if model == "din" else Plan()


def _groups(case: Case, peers: list[str]) -> list[list[str]]:
    """Return the peers that run together with ours: all, or one at a time if memory is short."""
    weights = 4 * case.table_rows * (DIM + 1)
    ours, peer = 3 * weights + 2**30, 4 * weights + 2**30  # two moments; a peer's gradient
    free = free_memory()
    if ours + len(peers) * peer + weights < free:
        return [peers]
    if ours + peer + weights < free:
        return [[name] for name in peers]
    needed = (ours + peer + weights) / 2**30
    _console.print(
        f"{case.model} with {case.vocabulary:,} ids a field is skipped: it needs {needed:.0f} GiB "
        f"of memory, {free / 2**30:.0f} are free; stop other programs or give --vocabulary."
    )
    return []


def _compare(case: Case, threads: int, plan: Plan, peers: list[str]) -> Iterator[dict[str, Any]]:
    """Train our model and its peers by turns, and yield a row for each peer."""
    _console.print(f"{case.model}, {case.vocabulary:,} ids a field, {threads} threads")
    workers = {
        name: Worker(name, threads, case, steps=plan.most_steps) for name in ("ours", *peers)
    }
    measured = turns(workers, Worker("machine", threads, case), plan)
    for peer in peers:
        yield _row(case, threads, measured, peer)


def _row(case: Case, threads: int, measured: Turns, peer: str) -> dict[str, Any]:
    ends = {"ours": measured.ends["ours"], "peer": measured.ends[peer]}
    return row(
        work=f"train {case.model}",
        unit="examples/s",
        ours=measured.rate("ours"),
        peer=ends["peer"]["version"],
        peer_value=measured.rate(peer),
        limit=measured.limit("limit"),
        cpu_over_wall=measured.cpu_over_wall("ours"),
        product_limit=measured.limit("products"),
        device=ends["ours"]["device"],
        threads=threads,
        vocabulary=case.vocabulary,
        batch_size=case.batch_size,
        disturbed=measured.is_disturbed,
        examples_trained=ends["ours"]["steps"] * case.batch_size,
        **{
            key: {name: end[key] for name, end in ends.items()} for key in ("loss", "auc", "memory")
        },
    )
