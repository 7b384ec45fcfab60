"""The section of docs/speed.md on the model server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_HEAD = """## The model server

Predict on a SavedModel of MovieLens 100K, driven by ghz on the same processors: `cascade` answers
the ten best items of each user of the batch, `deepfm` a score for each pair. A closed loop keeps so
many requests in flight; an open loop sends 70 % of ours of the closed one, whether answers come or
not. *ours, processes* is `--processes` of as many as there are processors, with batching where the
requests can be joined (`deepfm`). *trivial* is a synchronous Python gRPC server around
`signatures[..]` (`benchmarks/serving/trivial_server.py`), *in process* the same graph called in a
session with no server and no client, without a pause. Contenders answer by turns; the figure is the
median of the rounds. Latencies are those of the client. The last two columns are of one process,
and of several.

Aimed at were a p50 of at most 1 ms over the call in process, twice what the trivial server answers
with 32 in flight, and 80 % of in process with batching. The second and the third are reached with
several processes: one runs the Python of one request at a time. They are out of reach where gRPC in
Python costs more than the model, as for `deepfm` with one pair in a request, or, for the second,
where the model is all of it; and several processes make a lone large request slower, since each has
its share of the cores. The first is reached by `deepfm` and missed by `cascade`.
"""
_ORDER = ("ours", "ours, batching", "ours, processes", "trivial", "TF Serving", "in process")


def section(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the tables of rates and latencies.

    Args:
        rows: Rows of the benchmark; those of other work are passed over.
    """
    own = [row for row in rows if row["work"].startswith("serve ")]
    if not own:
        return []
    names = [name for name in _ORDER if any(name in row["rates"] for row in own)]
    lines = [
        _HEAD,
        "Requests a second, and p50 and p99 in milliseconds:\n",
        f"| work | {' | '.join(names)} | ours over trivial | over in process |",
        f"|{'---|' * (len(names) + 3)}",
    ]
    for row in own:
        cells = [_cell(row, name) for name in names]
        cells += [_ratios(row, "trivial", ".2f"), _ratios(row, "in process", ".0%")]
        lines.append(f"| {row['work'].removeprefix('serve ')} | {' | '.join(cells)} |")
    failed = [row["work"] for row in own if max(row["failed"].values()) > 0]
    if failed:
        lines += ["", f"Some requests were not answered: {', '.join(failed)}."]
    return [*lines, ""]


def _ratios(row: dict[str, Any], other: str, digits: str) -> str:
    """Return what one process of ours and several answer, over what another answers."""
    rates = row["rates"]
    ours = [rates[name] for name in ("ours", "ours, processes") if name in rates]
    return ", ".join(f"**{rate / rates[other]:{digits}}**" for rate in ours if other in rates)


def _cell(row: dict[str, Any], name: str) -> str:
    if name not in row["rates"]:
        return ""
    ms = row["ms"][name]
    return f"{row['rates'][name]:,.0f} ({ms['p50']:.3g}, {ms['p99']:.3g})"
