"""Renders the results as a page of the documentation."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

from benchmarks.quality import by_user
from benchmarks.quality.config import Config
from benchmarks.quality.metrics import paired_p
from benchmarks.records import ROOT, read
from recommenders_tf.evaluation.significance import holm, randomization_test

RESULTS = ROOT / "benchmarks" / "results" / "quality.jsonl"
PAGE, README = ROOT / "docs" / "results.md", ROOT / "README.md"
BEGIN, END = "<!-- results: written by `make results` -->", "<!-- end of results -->"
LESS_IS_BETTER = {"LogLoss", "RMSE", "MAE"}
_SURE = 0.05
_HEAD = """# Results

Every figure here was printed by the command above its table and is rendered from
`benchmarks/results/quality.jsonl` by `make results`; the recipes stand in
`benchmarks/quality/configs`. A figure is the mean over the seeds ± the standard deviation between
them, with the published figure and how far ours is from it in brackets. `p` is that of a paired
test on the first metric against the first model of the table, corrected by Holm for the number of
models in it: over users (randomization test, a user's value is the mean over the seeds) where
values of users are kept, in `benchmarks/results/by_user`, over the seeds (t-test) elsewhere. It is
bold below 0.05; above, the order of the two is not told. One seed stands where nothing is drawn:
the model is counted or solved; of a network it says that the other seeds are not trained yet.
Models without a published figure have none for this protocol.
"""

Row = dict[str, Any]


def render() -> pathlib.Path:
    """Write the page, and the short table of the README, and return the path of the page."""
    rows = sorted(newest(read(RESULTS)), key=_table)
    tables = dict.fromkeys((row["dataset"], row["protocol"]) for row in rows)
    parts = [_HEAD]
    for dataset, protocol in tables:
        own = [row for row in rows if (row["dataset"], row["protocol"]) == (dataset, protocol)]
        for kind in dict.fromkeys(metrics_of(own).values()):
            parts.append(_section(dataset, protocol, kind, own))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{_short(rows)}\n{END}{after}", encoding="utf-8")
    return PAGE


def newest(rows: Iterable[Row]) -> list[Row]:
    """Return of each model, data set, protocol and metric the last row."""
    kept: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (row["dataset"], row["protocol"], row["model"], row["metric"])
        kept.pop(key, None)
        kept[key] = row
    return [*kept.values()]


def metrics_of(rows: list[Row]) -> dict[str, tuple[str, ...]]:
    """Return the metrics that each model of a table has; models of one set are comparable."""
    models = dict.fromkeys(row["model"] for row in rows)
    return {m: tuple(row["metric"] for row in rows if row["model"] == m) for m in models}


def ranked(rows: list[Row], metric: str) -> list[str]:
    """Return the models that have a metric, the best first."""
    values = {row["model"]: row["mean"] for row in rows if row["metric"] == metric}
    return sorted(values, key=values.__getitem__, reverse=metric not in LESS_IS_BETTER)


def figure(row: Row) -> str:
    """Return ours with its spread, the published figure and the gap."""
    if row["published"] is None:
        return _ours(row)
    return f"{_ours(row)} ({row['published']:.4f}, {row['mean'] - row['published']:+.4f})"


def _ours(row: Row) -> str:
    return f"{row['mean']:.4f}" + (f" ± {row['std']:.4f}" if row["std"] is not None else "")


def _section(dataset: str, protocol: str, metrics: tuple[str, ...], rows: list[Row]) -> str:
    rows = [row for row in rows if metrics_of(rows)[row["model"]] == metrics]
    cells = {(row["model"], row["metric"]): row for row in rows}
    order = ranked(rows, metrics[0])
    best = cells[order[0], metrics[0]]
    p_values = _p_values([cells[model, metrics[0]] for model in order])
    lines = [
        f"## {dataset}: {', '.join(metrics)}\n",
        f"Protocol: {protocol.rstrip('.')}. {best['machine']}.\n",
        *(f"    {command}" for command in dict.fromkeys(row["command"] for row in rows)),
        "",
        f"| model | {' | '.join(metrics)} | p | seeds | commit |",
        f"|---|{'---|' * len(metrics)}---|---|---|",
    ]
    for model in order:
        row = cells[model, metrics[0]]
        lines.append(
            f"| `{model}` | {' | '.join(figure(cells[model, metric]) for metric in metrics)} | "
            f"{p_values.get(model, '')} | {len(row['seeds'])} | "
            f"{row['commit']} |"
        )
    sources: dict[str, list[str]] = {}
    for model in order:
        if source := next((r["source"] for r in rows if r["model"] == model and r["source"]), None):
            sources.setdefault(source, []).append(f"`{model}`")
    cited = [f"{', '.join(models)}: {source}." for source, models in sources.items()]
    notes = _notes(rows)
    said = [f"- `{model}`: {notes[model]}" for model in order if model in notes]
    parts = [
        *(["Published: " + " ".join(cited), ""] if cited else []),
        *said,
        *([""] if said else []),
    ]
    return "\n".join([*lines, "", *parts])


def _notes(rows: list[Row]) -> dict[str, str]:
    """Return what the configs of a table say of their models, by name."""
    paths = {ROOT / row["command"].split()[-1] for row in rows}
    entries = [entry for path in paths if path.exists() for entry in Config.load(path).entries]
    return {entry.name: entry.note for entry in entries if entry.note}


def _p_values(rows: list[Row]) -> dict[str, str]:
    """Return how sure it is that models differ from the first, by name, where a test can tell."""
    users = {row["model"]: by_user.load(RESULTS, row) for row in rows}
    best = rows[0]
    found = {}
    for row in rows[1:]:
        mine, theirs = users[row["model"]], users[best["model"]]
        if mine is not None and theirs is not None:
            found[row["model"]] = randomization_test(mine, theirs)
        elif (p := paired_p(_by_seed(row), _by_seed(best))) is not None:
            found[row["model"]] = p
    corrected = dict(zip(found, holm([*found.values()]), strict=True))
    return {model: f"**{p:.3f}**" if p < _SURE else f"{p:.3f}" for model, p in corrected.items()}


def _by_seed(row: Row) -> dict[int, float]:
    return dict(zip(row["seeds"], row["values"], strict=True))


def _short(rows: list[Row]) -> str:
    """Return the best model of each table that has published figures, and how many reach theirs."""
    lines = [
        "| data | metric | best model | ours | models that reach their published figure |",
        "|---|---|---|---|---|",
    ]
    tables: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        kind = metrics_of([r for r in rows if _table(r) == _table(row)])[row["model"]]
        tables.setdefault((*_table(row), kind), []).append(row)
    for (dataset, _, metrics), own in tables.items():
        first = {row["model"]: row for row in own if row["metric"] == metrics[0]}
        published = [row for row in first.values() if row["published"] is not None]
        if not published:
            continue
        best = ranked(own, metrics[0])[0]
        sign = -1 if metrics[0] in LESS_IS_BETTER else 1
        reached = sum(sign * (row["mean"] - row["published"]) >= 0 for row in published)
        lines.append(
            f"| {dataset} | {metrics[0]} | `{best}` | {_ours(first[best])} | "
            f"{reached} of {len(published)} |"
        )
    return "\n".join(lines)


def _table(row: Row) -> tuple[str, str]:
    return row["dataset"], row["protocol"]
