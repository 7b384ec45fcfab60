"""Asks every contender at every setting, size of batch and number of threads."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from benchmarks import records
from benchmarks.retrieval.planted import K, Planted
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import command, machine, rounded

RESULTS = records.ROOT / "benchmarks" / "results" / "retrieval.jsonl"
BATCHES = (1, 64, 1024)
_KEY = ("contender", "setting", "batch", "threads", "items", "dim", "seed", "commit")


@dataclasses.dataclass(frozen=True)
class Contender:
    """What is measured.

    Args:
        module: Of this package.
        build: What it builds.
        settings: How much a query looks at, from little to much.
        every_item: Whether it scores all items, so that the product limits it.
    """

    module: str
    build: dict[str, Any]
    settings: tuple[int, ...] = (0,)
    every_item: bool = False


def contenders(items: int) -> dict[str, Contender]:
    """Return all by name; clusters are as many as fit the number of items."""
    lists = 1024 if items >= 500_000 else 256
    probes = (2, 4, 8, 16, 32, 64)
    efforts = (16, 32, 64, 128, 256)

    def faiss(factory: str, parameter: str = "nprobe") -> Contender:
        settings = {"nprobe": probes, "efSearch": efforts, "": (0,)}[parameter]
        return Contender(
            "faiss_peer", {"factory": factory, "parameter": parameter}, settings, not parameter
        )

    return {
        "exact": Contender("ours", {"kind": "exact"}, every_item=True),
        "exact, bfloat16": Contender(
            "ours", {"kind": "exact", "dtype": "bfloat16"}, every_item=True
        ),
        "ivf": Contender("ours", {"kind": "ivf", "lists": lists}, probes),
        "ivf_pq": Contender("ours", {"kind": "ivf_pq", "lists": lists}, probes),
        "ivf_pq, 8 parts": Contender(
            "ours", {"kind": "ivf_pq", "lists": lists, "subspaces": 8}, probes
        ),
        "FAISS flat": faiss("Flat", ""),
        "FAISS IVF": faiss(f"IVF{lists},Flat"),
        "FAISS IVF-PQ, 16 bytes": faiss(f"IVF{lists},PQ16"),
        "FAISS IVF-PQ, 32 bytes": faiss(f"IVF{lists},PQ32"),
        "FAISS IVF-PQ, 16 bytes, rescored": faiss(f"IVF{lists},PQ16,RFlat"),
        "FAISS HNSW": faiss("HNSW32", "efSearch"),
        "ScaNN": Contender("scann_peer", {"leaves": lists}, probes),
        "hnswlib": Contender("hnswlib_peer", {"links": 32, "effort": 200}, efforts),
    }


def run(planted: Planted, names: list[str], threads: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for all that has no row of this commit yet.

    Args:
        planted: The catalogue.
        names: Of contenders; none means all.
        threads: Numbers of threads.

    Raises:
        ValueError: There is no contender of a name.
    """
    known = contenders(planted.items)
    if unknown := set(names) - set(known):
        raise ValueError(f"There is no contender {unknown.pop()!r}: choose from {list(known)}.")
    planted.make()
    done = {_key(row) for row in records.read(RESULTS)}
    for number in threads:
        for name in names or known:
            yield from _of_one(planted, name, known[name], number, done)


def _of_one(
    planted: Planted, name: str, contender: Contender, threads: int, done: set[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    common = {
        "contender": name,
        "threads": threads,
        **dataclasses.asdict(planted),
        "k": K,
        "commit": records.commit(),
    }
    asked = [
        own
        for setting in contender.settings
        for batch in BATCHES
        if _key(own := common | {"setting": setting, "batch": batch}) not in done
    ]
    if not asked:
        return
    with Worker("benchmarks.retrieval.limits", threads) as worker:
        limits = worker.ask("measure")
    settings = {"planted": dataclasses.asdict(planted), "build": contender.build}
    with Worker(f"benchmarks.retrieval.{contender.module}", threads, None, **settings) as worker:
        about = worker.ask("about")
        for own in asked:
            found = worker.ask("measure", setting=own["setting"], batch=own["batch"])
            row = own | about | found | {"limits": limits}
            if contender.every_item:
                flops = 2e-9 * planted.items * planted.dim * found["qps"]
                row["share_of_product"] = flops / limits["product"]
            row |= {"load": os.getloadavg()[0], "command": command(), "machine": machine()}
            yield {key: rounded(value) for key, value in row.items()}


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[part] for part in _KEY)
