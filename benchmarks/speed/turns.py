"""Contenders by turns: a block of training each, round after round, the machine among them."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from benchmarks.speed.processes import Worker
from benchmarks.speed.usage import is_disturbed

_console = Console(stderr=True)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    Args:
        steps: Training steps of a block.
        blocks: Rounds, a block of each contender in each; one round more comes before, to warm up.
        repeats: Rounds measured again because another process disturbed them, at most.
        total_steps: Steps until the quality is measured, the same for all; 0 leaves it out.
    """

    steps: int = 30
    blocks: int = 5
    repeats: int = 5
    total_steps: int = 360

    @property
    def most_steps(self) -> int:
        """Steps that a contender may be asked for."""
        return max(self.total_steps, self.steps * (1 + self.blocks + self.repeats))


@dataclasses.dataclass
class Turns:
    """What was measured.

    Args:
        blocks: What each contender did in each round.
        limits: What the machine could have done, in each round.
        ends: The quality of each contender after all its steps.
    """

    blocks: dict[str, list[dict[str, float]]]
    limits: list[dict[str, float]] = dataclasses.field(default_factory=list)
    ends: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def rate(self, name: str) -> float:
        """Return the median of a contender's examples a second."""
        return statistics.median(map(_rate, self.blocks[name]))

    def limit(self, name: str) -> float:
        """Return the best that the machine did in any round: what disturbs it is no limit."""
        return max(limit[name] for limit in self.limits)

    def cpu_over_wall(self, name: str) -> float:
        """Return the processor time of a contender by the time that passed."""
        cpu, wall = (sum(b[key] for b in self.blocks[name]) for key in ("cpu", "seconds"))
        return cpu / wall

    @property
    def is_disturbed(self) -> bool:
        """Whether another process took part of the time of some block."""
        return any(is_disturbed(block) for blocks in self.blocks.values() for block in blocks)


def turns(
    workers: Mapping[str, Worker], machine: Worker, plan: Plan, dtype: str = "float32"
) -> Turns:
    """Train the contenders by turns, and end them.

    Args:
        workers: Contenders by name, started with `plan.most_steps`.
        machine: The worker of the machine's limits.
        plan: How much to measure.
        dtype: Of the products that limit the contenders.
    """
    measured, repeats = Turns({name: [] for name in workers}), plan.repeats
    with contextlib.ExitStack() as stack:
        for worker in (*workers.values(), machine):
            stack.enter_context(worker)
        for worker in workers.values():
            worker.ask("train", steps=plan.steps)
        trained = plan.steps
        while len(measured.limits) < plan.blocks:
            blocks = {name: w.ask("train", steps=plan.steps) for name, w in workers.items()}
            limit = machine.ask("measure", dtype=dtype)
            trained += plan.steps
            rates = ", ".join(f"{name} {_rate(block):,.0f}" for name, block in blocks.items())
            if any(map(is_disturbed, blocks.values())) and repeats:
                repeats -= 1
                _console.print(f"  {rates} examples/s; others were at work, so once more")
                continue
            _console.print(f"  {rates} examples/s; limit {limit['limit']:,.0f}")
            measured.limits.append(limit)
            for name, block in blocks.items():
                measured.blocks[name].append(block)
        if plan.total_steps:
            for name, worker in workers.items():
                if trained < plan.most_steps:
                    worker.ask("train", steps=plan.most_steps - trained)
                measured.ends[name] = worker.ask("evaluate")
    return measured


def _rate(block: dict[str, float]) -> float:
    return block["examples"] / block["seconds"]
