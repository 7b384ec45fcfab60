"""The plot of the page: examples per second, ours and peers, under the limit."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

_COLORS = {"ours": "#e65100", "DeepCTR": "#607d8b", "Keras": "#b0bec5"}
_WIDTH = 0.27


def draw(rows: Sequence[dict[str, Any]], path: pathlib.Path) -> None:
    """Draw bars of the rows with the most threads, a panel for each size of vocabulary."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "speed"  # the same rows give the same file
    from matplotlib import pyplot

    threads = max((row["threads"] for row in rows), default=0)
    rows = [row for row in rows if row["threads"] == threads]
    sizes = sorted({row["vocabulary"] for row in rows}) or [0]
    figure, axes = pyplot.subplots(1, len(sizes), figsize=(4.5 * len(sizes), 3.4), squeeze=False)
    for panel, size in zip(axes[0], sizes, strict=True):
        own = [row for row in rows if row["vocabulary"] == size]
        models = list(dict.fromkeys(row["work"].removeprefix("train ") for row in own))
        for row in own:
            place = models.index(row["work"].removeprefix("train "))
            name = row["peer"].split(" ")[0]
            shift = _WIDTH if name == "DeepCTR" else 2 * _WIDTH
            panel.bar(place, row["ours"], _WIDTH, color=_COLORS["ours"])
            panel.bar(place + shift, row["peer_value"], _WIDTH, color=_COLORS[name])
            panel.hlines(row["limit"], place - _WIDTH / 2, place + 2.5 * _WIDTH, "black", "dotted")
        panel.set_xticks([i + _WIDTH for i in range(len(models))], models)
        panel.set_title(f"{size:,} ids a field, {threads} threads", fontsize=10)
        panel.set_yscale("log")
        panel.set_ylabel("examples per second")
        panel.spines[["top", "right"]].set_visible(False)
    names = {"ours": "recommenders-tf", "DeepCTR": "DeepCTR", "Keras": "plain Keras"}
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=_COLORS[name]) for name in names]
    handles.append(pyplot.Line2D([], [], color="black", linestyle="dotted"))
    labels = [*names.values(), "limit of the machine"]
    figure.legend(handles, labels, ncols=4, loc="lower center", frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
