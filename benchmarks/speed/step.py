"""Training steps of our models beside the same models of others, by turns in one run."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from benchmarks.speed.case import DIM, Case, cases
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import row
from benchmarks.speed.usage import free_memory, is_disturbed

MODELS = ["deepfm", "dcn_v2", "dlrm", "din"]
VOCABULARIES = [10_000, 1_000_000]
PEERS = {"deepctr_peer": ("deepfm", "dcn_v2", "din"), "plain_keras": None}
"""The models of each peer; None: all of them."""

_console = Console(stderr=True)
Measured = dict[str, list[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    Args:
        steps: Training steps of a block.
        blocks: Rounds, a block of each contender in each; one round more comes before, to warm up.
        repeats: Rounds measured again because another process disturbed them, at most.
        total_steps: Steps until the quality is measured, the same for all contenders.
    """

    steps: int = 30
    blocks: int = 5
    repeats: int = 5
    total_steps: int = 300


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is compared: every combination of these, each in a run of its own."""

    models: Sequence[str]
    vocabularies: Sequence[int]
    threads: Sequence[int]
    peers: Sequence[str]


def run(choice: Choice, quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for every combination and peer as it is done."""
    for vocabulary, threads, model in itertools.product(
        choice.vocabularies, choice.threads, choice.models
    ):
        case, plan = cases(vocabulary)[model], _plan(vocabulary, model)
        if quick:
            case, plan = dataclasses.replace(case, batch_size=64), Plan(2, 1, 0, 4)
        yield from compare(case, threads, plan, choice.peers)


def _plan(vocabulary: int, model: str) -> Plan:
    """Return a plan in which a block takes seconds; peers write whole tables at every step."""
    if vocabulary > 100_000:
        return Plan(steps=8, blocks=5, repeats=2, total_steps=80)
    return Plan(steps=10, total_steps=120) if model == "din" else Plan()


def compare(case: Case, threads: int, plan: Plan, peers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Train our model and its peers in turns and yield a row for each peer.

    Contenders that do not fit into memory together run in pairs, ours with each.
    """
    peers = [peer for peer in peers if PEERS[peer] is None or case.model in PEERS[peer]]
    weights = case.table_rows * (DIM + 1) * 4
    ours, peer = 3 * weights + 2**30, 4 * weights + 2**30  # two moments; a gradient of a peer
    groups = [peers]
    if ours + len(peers) * peer + weights > free_memory():
        groups = [[name] for name in peers]
    if ours + peer + weights > free_memory():
        needed, free = ((ours + peer + weights) / 2**30, free_memory() / 2**30)
        _console.print(f"{case.model}: skipped, needs {needed:.0f} GiB and {free:.0f} are free.")
        return
    for group in groups:
        measured, limits = _rounds(case, threads, plan, ["ours", *group])
        for name in group:
            yield _row(case, threads, measured["ours"], measured[name], limits)


def _rounds(
    case: Case, threads: int, plan: Plan, names: Sequence[str]
) -> tuple[Measured, list[dict[str, float]]]:
    """Return what each contender did in each round, its quality last, and the limits."""
    rounds, repeats = 0, plan.repeats
    # A disturbed round is trained anew, so more steps than those of the plan may be needed.
    steps = max(plan.total_steps, (1 + plan.blocks + plan.repeats) * plan.steps)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(n, case, threads, steps=steps)) for n in names]
        machine = stack.enter_context(Worker("machine", case, threads))
        for worker in workers:
            worker.ask("train", steps=plan.steps)
        measured: Measured = {name: [] for name in names}
        limits: list[dict[str, float]] = []
        trained = plan.steps
        while rounds < plan.blocks:
            blocks = {worker.contender: worker.ask("train", steps=plan.steps) for worker in workers}
            trained += plan.steps
            limit = machine.ask("measure")
            if any(map(is_disturbed, blocks.values())) and repeats:
                repeats -= 1
                continue
            rounds += 1
            limits.append(limit)
            for name, block in blocks.items():
                measured[name].append(block)
            rates = {name: f"{_rate(block):,.0f}" for name, block in blocks.items()}
            _console.print(f"{case.model} {case.vocabulary:,} ids, {threads} threads: {rates}")
        for worker in workers:
            worker.ask("train", steps=steps - trained)
            measured[worker.contender].append(worker.ask("evaluate"))
    return measured, limits


def _rate(block: dict[str, Any]) -> float:
    return block["examples"] / block["seconds"]


def _row(
    case: Case,
    threads: int,
    ours: list[dict[str, Any]],
    peer: list[dict[str, Any]],
    limits: list[dict[str, float]],
) -> dict[str, Any]:
    *our_blocks, our_end = ours
    *peer_blocks, peer_end = peer
    cpu, wall = (sum(block[key] for block in our_blocks) for key in ("cpu", "seconds"))
    ends = {"ours": our_end, "peer": peer_end}
    return row(
        work=f"train {case.model}",
        unit="examples/s",
        ours=statistics.median(map(_rate, our_blocks)),
        peer=peer_end["version"],
        peer_value=statistics.median(map(_rate, peer_blocks)),
        limit=statistics.median(limit["limit"] for limit in limits),
        cpu_over_wall=cpu / wall,
        product_limit=statistics.median(limit["products"] for limit in limits),
        threads=threads,
        vocabulary=case.vocabulary,
        batch_size=case.batch_size,
        disturbed=any(map(is_disturbed, [*our_blocks, *peer_blocks])),
        examples_trained=our_end["steps"] * case.batch_size,
        **{
            key: {name: end[key] for name, end in ends.items()} for key in ("loss", "auc", "memory")
        },
    )
