"""Measures contenders by turns and makes rows of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.records import commit, read
from benchmarks.serving.contenders import contenders
from benchmarks.serving.models import SIGNATURES, served
from benchmarks.speed.results import RESULTS, row

MODELS = list(SIGNATURES)
BATCHES = [1, 8, 64]
IN_FLIGHT = [1, 32]
OPEN_SHARE = 0.7
"""Of the closed loop's rate, what an open loop sends."""
PEER = "synchronous gRPC server"
_FIGURES = ("rate", "p50", "p99", "failed")


@dataclass(frozen=True)
class Plan:
    """How it is measured.

    Args:
        seconds: Of one measurement.
        rounds: How often, by turns.
        address: A TF Serving that is measured beside.
        again: Measure also what this commit has a row of.
    """

    seconds: float
    rounds: int
    address: str
    again: bool


def measure(name: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield a row for each batch and load of a model that has none yet."""
    done = set() if plan.again else {r["work"] for r in read(RESULTS) if r["commit"] == commit()}
    loads = [(batch, in_flight) for batch in BATCHES for in_flight in IN_FLIGHT]
    left = [load for load in loads if _works(name, *load) - done]
    if not left:
        return
    with contenders(served(name), plan.address) as started:
        for batch, in_flight in left:
            figures = _by_turns(started, plan, batch, in_flight)
            yield _row(closed(name, batch, in_flight), figures)
            if in_flight == max(IN_FLIGHT):
                rate = OPEN_SHARE * figures["ours"]["rate"]
                figures = _by_turns(started, plan, batch, in_flight, rate)
                yield _row(open_loop(name, batch), figures, offered=rate)


def _works(model: str, batch: int, in_flight: int) -> set[str]:
    """Return what is measured of a load: an open loop takes its rate from the closed one."""
    own = {closed(model, batch, in_flight)}
    return own | {open_loop(model, batch)} if in_flight == max(IN_FLIGHT) else own


def closed(model: str, batch: int, in_flight: int) -> str:
    """Return the work of a closed loop."""
    return f"serve {model}, batch {batch}, {in_flight} in flight"


def open_loop(model: str, batch: int) -> str:
    """Return the work of an open loop."""
    return f"serve {model}, batch {batch}, open loop at {OPEN_SHARE:.0%}"


def _by_turns(started: dict, plan: Plan, batch: int, in_flight: int, rate: float = 0) -> dict:
    rounds: dict[str, list] = {name: [] for name in started}
    for _ in range(plan.rounds):
        for name, contender in started.items():
            if not rate or name != "in process":
                figures = contender.measure(batch, plan.seconds, in_flight, rate)
                rounds[name].append(figures)
    return {
        name: {figure: statistics.median(f[figure] for f in measured) for figure in _FIGURES}
        for name, measured in rounds.items()
        if measured
    }


def _row(work: str, figures: dict[str, dict[str, float]], **details: Any) -> dict[str, Any]:
    limit = figures.get("in process")
    return row(
        work,
        "requests/s",
        ours=figures["ours"]["rate"],
        peer=PEER,
        peer_value=figures["trivial"]["rate"],
        limit=limit and limit["rate"],
        rates={name: values["rate"] for name, values in figures.items()},
        ms={name: {f: values[f] for f in ("p50", "p99")} for name, values in figures.items()},
        failed={name: values["failed"] for name, values in figures.items()},
        **details,
    )
