"""The plot of recall against queries a second, and the tables under it."""

from __future__ import annotations

import pathlib
from typing import Any

from benchmarks.records import ROOT, read
from benchmarks.retrieval.run import BATCHES, RESULTS

PAGE = ROOT / "docs" / "index-search.md"
PLOT = ROOT / "docs" / "assets" / "index-search.svg"
START, END = "<!-- figures: python -m benchmarks.retrieval plot -->", "<!-- end of figures -->"
_RECALL = 0.9
Row = dict[str, Any]
_OURS = "recommenders-tf"


def render() -> pathlib.Path:
    """Write the plot, and the figures between their marks in the page; return the page.

    Raises:
        ValueError: There are no rows.
    """
    rows = newest(read(RESULTS))
    if not rows:
        raise ValueError(f"`{RESULTS.name}` has no rows: python -m benchmarks.retrieval run")
    draw(rows, PLOT)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{START}\n\n{figures(rows)}\n{END}{after}", encoding="utf-8")
    return PAGE


def newest(rows: list[Row]) -> list[Row]:
    """Return the newest row of each kind, of the largest catalogue that was measured."""
    items = max((row["items"] for row in rows), default=0)
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["items"] == items:
            key = tuple(row[part] for part in ("contender", "setting", "batch", "threads"))
            kept[key] = row
    return list(kept.values())


def figures(rows: list[Row]) -> str:
    """Return where the rows come from, and a table for each number of threads."""
    first = rows[0]
    commits = ", ".join(f"`{name}`" for name in sorted({row["commit"] for row in rows}))
    loads = [row["load"] for row in rows]
    limits = {row["threads"]: row["limits"] for row in rows}
    text = (
        f"![Recall against queries a second]({PLOT.parent.name}/{PLOT.name})\n\n"
        f"{first['items']:,} x {first['dim']} vectors, seed {first['seed']}. {first['machine']}. "
        f"Commits: {commits}. Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}; "
        "above the number of threads, others were at work, and rates by the clock are too low.\n"
    )
    for threads in sorted(limits):
        own = [row for row in rows if row["threads"] == threads]
        text += (
            f"\n### {threads} {'thread' if threads == 1 else 'threads'}\n\n"
            f"Limits: products {limits[threads]['product']:,.0f} GFLOP/s, memory "
            f"{limits[threads]['read']:,.1f} GB/s.\n\n"
        )
        text += f"Queries a second at recall {_RECALL} or more, and by processor time:\n\n"
        text += "| contender | library | " + " | ".join(f"batch {b}" for b in BATCHES) + " |\n"
        text += "|---|---|" + "---|" * len(BATCHES) + "\n"
        for name in dict.fromkeys(row["contender"] for row in own):
            mine = [row for row in own if row["contender"] == name]
            cells = [_cell([row for row in mine if row["batch"] == batch]) for batch in BATCHES]
            text += f"| {name} | {mine[0]['library']} | {' | '.join(cells)} |\n"
    return text


def _cell(rows: list[Row]) -> str:
    """Return the fastest rate whose recall suffices, or the best recall there is."""
    if not rows:
        return "not measured"
    enough = [row for row in rows if row["recall"] >= _RECALL]
    if not enough:
        return f"recall {max(row['recall'] for row in rows):.2f} at most"
    best = max(enough, key=lambda row: row["qps"])
    share = best.get("share_of_product")
    of_limit = f", {share:.0%} of the product" if share else ""
    return f"{best['qps']:,.0f} ({best['qps_by_cpu']:,.0f}) at {best['recall']:.3f}{of_limit}"


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """Draw a panel for each size of batch, of one thread where there is such a row."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "retrieval"  # the same rows give the same file
    from matplotlib import pyplot

    threads = min(row["threads"] for row in rows)
    names = list(dict.fromkeys(row["contender"] for row in rows))
    colors = pyplot.get_cmap("tab20")
    figure, axes = pyplot.subplots(1, len(BATCHES), figsize=(4.2 * len(BATCHES), 4.2), sharey=True)
    for panel, batch in zip(axes, BATCHES, strict=True):
        for number, name in enumerate(names):
            own = [
                row
                for row in rows
                if (row["contender"], row["batch"], row["threads"]) == (name, batch, threads)
            ]
            own.sort(key=lambda row: row["setting"])
            is_ours = bool(own) and own[0]["library"].startswith(_OURS)
            panel.plot(
                [row["recall"] for row in own],
                [row["qps_by_cpu"] for row in own],
                "o-" if is_ours else "x--",
                color=colors(number),
                label=name,
            )
        panel.set_title(f"batch {batch}, {threads} thread", fontsize=10)
        panel.set_xlabel("recall@10")
        panel.set_yscale("log")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("queries a second of processor time")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=4, loc="lower center", frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.16, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
