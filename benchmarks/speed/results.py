"""The rows of this benchmark."""

from __future__ import annotations

import functools
import os
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.records import ROOT, append, commit

RESULTS = ROOT / "benchmarks" / "results" / "speed.jsonl"
_RELEVANT_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16")


def row(
    work: str,
    unit: str,
    ours: float | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
    limit: float | None = None,
    cpu_over_wall: float | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Return a row of the results.

    Args:
        work: What was done.
        unit: Of `ours`, `peer_value` and `limit`; more is better.
        ours: What this toolkit reached.
        peer: Name and version of what it is compared with.
        peer_value: What the peer reached in the same run.
        limit: What the machine allows, measured in the same run.
        cpu_over_wall: Processor time of our process by the time that passed.
        **details: What else tells one row of the same work from another.
    """
    return {
        "work": work,
        "ours": rounded(ours),
        "peer": peer,
        "peer_value": rounded(peer_value),
        "ratio": rounded(ours / peer_value) if ours and peer_value else None,
        "limit": rounded(limit),
        "share_of_limit": rounded(ours / limit) if ours and limit else None,
        "unit": unit,
        "cpu_over_wall": rounded(cpu_over_wall),
        **{name: rounded(value) for name, value in details.items()},
        "command": command(),
        "commit": commit(),
        "machine": machine(),
    }


def keep(values: Mapping[str, Any]) -> None:
    """Append a row to the results."""
    append(RESULTS, dict(values))


def describe(values: Mapping[str, Any]) -> str:
    """Return a row as a line to read."""
    details = (f"{name} {values[name]}" for name in ("vocabulary", "threads") if name in values)
    text = ", ".join([values["work"], *details]) + ": "
    if values["ours"] is not None:
        text += f"{values['ours']:,} {values['unit']}"
    if values["ratio"]:
        text += f", {values['ratio']} times {values['peer']} ({values['peer_value']:,})"
    if values["limit"]:
        share = f"{values['share_of_limit']:.0%} of " if values["share_of_limit"] else "limit "
        text += f", {share}{values['limit']:,}"
    return text


@functools.cache
def machine() -> str:
    """Return the processor, how many cores there are, and the instructions that matter here."""
    listing = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    fields = dict(line.split(":", 1) for line in listing.splitlines() if ":" in line)
    flags = [flag for flag in _RELEVANT_FLAGS if flag in fields["Flags"].split()]
    name = " ".join(fields["Model name"].split())
    family = f"family {fields['CPU family'].strip()} model {fields['Model'].strip()}"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{name} ({family}), {os.cpu_count()} cores, {memory:.0f} GiB, {' '.join(flags)}"


def command() -> str:
    """Return the command that runs."""
    module = pathlib.Path(sys.argv[0]).parent.name
    return shlex.join(["python", "-m", f"benchmarks.{module}", *sys.argv[1:]])


def rounded(value: Any) -> Any:
    """Return numbers with four digits that count."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1e4 else round(value)
    return value
