"""Renders the results as a page of the documentation."""

from __future__ import annotations

import pathlib
from typing import Any

from benchmarks.quality.run import RESULTS
from benchmarks.records import ROOT, read

PAGE, README = ROOT / "docs" / "results.md", ROOT / "README.md"
BEGIN, END = "<!-- results: written by `make results` -->", "<!-- end of results -->"
_HEAD = """# Results

Every figure here was printed by the command in its row and is rendered from
`benchmarks/results/quality.jsonl` by `make results`. `±` is the standard deviation over the seeds.
Each row is the newest run of its model, data, protocol and metric.
"""


def render() -> pathlib.Path:
    """Write the page, and the short table of the README, and return the path of the page."""
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in read(RESULTS):
        key = (row["dataset"], row["protocol"], row["model"], row["metric"])
        newest.pop(key, None)
        newest[key] = row
    parts = [_HEAD]
    for dataset, protocol in dict.fromkeys(key[:2] for key in newest):
        rows = [row for key, row in newest.items() if key[:2] == (dataset, protocol)]
        parts.append(_table(dataset, protocol, rows))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    short = _short_table(list(newest.values()))
    README.write_text(f"{before}{BEGIN}\n{short}\n{END}{after}", encoding="utf-8")
    return PAGE


def _short_table(rows: list[dict[str, Any]]) -> str:
    lines = ["| data | model | metric | value | protocol |", "|---|---|---|---|---|"]
    for row in rows:
        names = f"{row['dataset']} | `{row['model']}` | {row['metric']}"
        protocol = f"{row['protocol']}; {len(row['seeds'])} seeds"
        lines.append(f"| {names} | {_value(row)} | {protocol} |")
    return "\n".join(lines)


def _table(dataset: str, protocol: str, rows: list[dict[str, Any]]) -> str:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines = [
        f"## {dataset}: {', '.join(metrics)}\n",
        f"Protocol: {protocol}. Seeds {rows[0]['seeds']}; {rows[0]['machine']}.\n",
        f"| model | {' | '.join(metrics)} | published | command | commit |",
        f"|---|{'---|' * len(metrics)}---|---|---|",
    ]
    for model in dict.fromkeys(row["model"] for row in rows):
        own = {row["metric"]: row for row in rows if row["model"] == model}
        values = [_value(own.get(metric)) for metric in metrics]
        any_row = next(iter(own.values()))
        published = any_row["published"] or "none for this protocol"
        lines.append(
            f"| `{model}` | {' | '.join(values)} | {published} | `{any_row['command']}` | "
            f"{any_row['commit']} |"
        )
    return "\n".join([*lines, ""])


def _value(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{row['mean']:.4f} ± {row['std']:.4f}"
