"""The plots of a report, as SVG for a page; shapes tell models apart as well as colours do."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

try:
    import matplotlib
except ImportError as error:
    raise ImportError(
        'Reports are drawn by matplotlib, which is missing: pip install "recommenders-tf[reports]".'
    ) from error
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Those of Okabe and Ito, which differ for the colour-blind, too; yellow is too light for lines.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">", "h")
_LINES = ("-", "--", "-.", ":")
_STYLE = {
    "svg.fonttype": "none",  # text stays text: it is searched, read aloud, and small
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e0e0e0",
}
_WIDTH = 8.4
"""Of a figure, in inches."""


def svg_of(figure: Figure, name: str, alternative: str) -> str:
    """Return a figure as an SVG element.

    Args:
        figure: What is drawn.
        name: Of the figure in its page; the same figure of the same name gives the same text.
        alternative: What it shows, for those who don't see it.
    """
    file = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nothing, bbox_inches="tight")
    text = file.getvalue()
    text = text[text.index("<svg") :]
    # Numbered names are the same in every figure, and nothing refers to them.
    text = re.sub(r' id="[\w.]+_\d+"', "", text)
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    label = html.escape(alternative, quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def draw_means(values: Mapping[str, tuple[float, float, float]], metric: str) -> Figure:
    """Draw a point for each model with its interval, the first at the top.

    Args:
        values: Mean and bounds by the names of models.
        metric: What they are of.
    """
    figure, (axes,) = _panels(1, height=0.6 + 0.32 * len(values))
    for place, (mean, low, high) in enumerate(values.values()):
        axes.plot([low, high], [place, place], color=_COLORS[0], linewidth=2)
        axes.plot([mean], [place], "o", color=_COLORS[0])
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlabel(metric)
    return figure


def draw_trade_offs(
    points: Mapping[str, Mapping[str, float]], metric: str, others: Sequence[str]
) -> Figure:
    """Draw every model by its metric against others, a panel each.

    Args:
        points: Metrics by the names of models.
        metric: The one on the vertical axis.
        others: Those on the horizontal axes.
    """
    figure, panels = _panels(len(others), height=3.2)
    for axes, other in zip(panels, others, strict=True):
        for number, (name, own) in enumerate(points.items()):
            color, marker, _ = _look(number)
            axes.plot([own[other]], [own[metric]], marker, color=color, markersize=9, label=name)
        axes.set_xlabel(other)
        axes.margins(0.12)
    panels[0].set_ylabel(metric)
    _legend(figure, panels[0])
    return figure


def draw_groups(groups: Sequence[Mapping[str, Any]], horizontal: str, vertical: str) -> Figure:
    """Draw the mean of every model, with its interval, over groups.

    Args:
        groups: As `groups.by_user_activity` returns them.
        horizontal: What the groups are of.
        vertical: What the means are of.
    """
    names = list(groups[0]["models"])
    figure, (axes,) = _panels(1, height=3.2)
    for number, name in enumerate(names):
        color, marker, line = _look(number)
        # Side by side, or intervals would hide each other.
        places = [place + 0.4 * ((number + 0.5) / len(names) - 0.5) for place in range(len(groups))]
        own = [group["models"][name] for group in groups]
        means = [one["mean"] for one in own]
        # A marker at 0 is shown whole.
        axes.plot(places, means, line, marker=marker, color=color, label=name, clip_on=False)
        axes.vlines(places, [one["low"] for one in own], [one["high"] for one in own], color)
    axes.set_xticks(range(len(groups)), [span(group) for group in groups])
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.set_ylim(bottom=0)
    _legend(figure, axes)
    return figure


def draw_curves(histories: Mapping[str, Sequence[float | None]], vertical: str) -> Figure:
    """Draw a curve over the epochs for every model, a panel each: losses have no common scale.

    Args:
        histories: Values by the names of models.
        vertical: What they are.
    """
    columns = 3
    figure, panels = _panels(len(histories), columns, height=2.1)
    for axes, (name, values) in zip(panels, histories.items(), strict=False):
        losses = np.array(values, float)
        axes.plot(np.arange(len(losses)) + 1, losses, "o-", markersize=3, color=_COLORS[0])
        axes.set_title(name, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_xlabel("epoch")
    for axes in panels[::columns]:
        axes.set_ylabel(vertical)
    return figure


def span(group: Mapping[str, Any]) -> str:
    """Return the least and the greatest count of a group.

    Example:
        >>> span({"from": 5, "to": 5}), span({"from": 20, "to": 1300})
        ('5', '20 to 1,300')
    """
    least, most = f"{group['from']:,}", f"{group['to']:,}"
    return least if least == most else f"{least} to {most}"


def _panels(number: int, columns: int = 0, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, in rows of so many columns; 0 puts all into one row."""
    columns = columns or number
    rows = -(-number // columns)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, rows * height), layout="constrained")
        panels = [figure.add_subplot(rows, columns, place + 1) for place in range(number)]
    return figure, panels


def _look(number: int) -> tuple[str, str, str]:
    """Return colour, marker and line of the model of that number; no two of 300 are alike."""
    line = _LINES[number // len(_COLORS) % len(_LINES)]
    return _COLORS[number % len(_COLORS)], _MARKERS[number % len(_MARKERS)], line


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
