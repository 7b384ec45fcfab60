"""What was asked for, beside what was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Aim:
    """One aim.

    Args:
        text: In words.
        rows: Which rows it is about.
        value: What is held against the aim, of a row.
        least: The value that meets the aim; the most, if `at_most`.
        at_most: Whether less is better.
        show: How a value reads.
    """

    text: str
    rows: Callable[[Row], bool]
    value: Callable[[Row], float | None]
    least: float
    at_most: bool = False
    show: str = "{:.1f} times"

    def is_met(self, row: Row) -> bool:
        """Return whether a row meets the aim."""
        value = self.value(row)
        assert value is not None
        return value <= self.least if self.at_most else value >= self.least


def _trains(row: Row, vocabulary: int | None = None, peer: str = "") -> bool:
    return (
        row["work"].startswith("train ")
        and "bfloat16" not in row["work"]
        and row["device"] == "CPU"
        and vocabulary in (None, row["vocabulary"])
        and (row["peer"] or "").startswith(peer)
    )


AIMS = [
    Aim(
        "Training at 2.5 times DeepCTR's examples per second or more, 10⁴ ids a field",
        lambda row: _trains(row, 10_000, "DeepCTR"),
        lambda row: row["ratio"],
        2.5,
    ),
    Aim(
        "Training at 10 times DeepCTR's examples per second or more, 10⁶ ids a field",
        lambda row: _trains(row, 1_000_000, "DeepCTR"),
        lambda row: row["ratio"],
        10,
    ),
    Aim(
        "Training at 60 % or more of what matrix products and memory allow",
        lambda row: _trains(row, peer="Keras"),
        lambda row: row["share_of_limit"],
        0.6,
        show="{:.0%}",
    ),
    Aim(
        "As good as DeepCTR after the same examples: AUC lower by no more than 0.005",
        lambda row: _trains(row, peer="DeepCTR"),
        lambda row: row["auc"]["ours"] - row["auc"]["peer"],
        -0.005,
        show="{:+.4f}",
    ),
    Aim(
        "As good as plain Keras after the same examples: AUC lower by no more than 0.005",
        lambda row: _trains(row, peer="Keras"),
        lambda row: row["auc"]["ours"] - row["auc"]["peer"],
        -0.005,
        show="{:+.4f}",
    ),
    Aim(
        "bfloat16 as good as float32 on MovieLens 1M: AUC lower by no more than 0.001",
        lambda row: row["work"].startswith("AUC of deepfm in bfloat16"),
        lambda row: row["ours"] - row["peer_value"],
        -0.001,
        show="{:+.4f}",
    ),
    Aim(
        "The step of an optimizer at most 1.3 times as long on 10⁷ rows as on 10⁴, as many "
        "different rows in the batch",
        lambda row: "step time at" in row["work"] and "rows a step" in row["work"],
        lambda row: row["ours"],
        1.3,
        at_most=True,
        show="{:.2f} times",
    ),
    Aim(
        "Row updates at 60 % or more of what the memory allows",
        lambda row: "rows updated of" in row["work"],
        lambda row: row["share_of_limit"],
        0.6,
        show="{:.0%}",
    ),
    Aim(
        "The loaders at 5 times the rows per second of each peer or more",
        lambda row: row["work"].startswith("input"),
        lambda row: row["ratio"],
        5,
    ),
    Aim(
        "ALS and BPR at implicit's speed or more",
        lambda row: row["work"].startswith(("fit als", "fit bpr")),
        lambda row: row["ratio"],
        1,
    ),
    Aim(
        "item_knn and EASE at 5 times RecBole's speed or more",
        lambda row: row["work"].startswith("fit ") and row["peer"].startswith("RecBole"),
        lambda row: row["ratio"],
        5,
    ),
    Aim(
        "Full evaluation of all users of MovieLens 1M at 10 times RecBole's speed or more",
        lambda row: row["work"].startswith("evaluate factors on movielens-1m"),
        lambda row: row["ratio"],
        10,
    ),
    Aim(
        "Full evaluation of all users of MovieLens 1M within 2 seconds",
        lambda row: row["work"].startswith("evaluate factors on movielens-1m"),
        lambda row: row["seconds"]["ours"],
        2,
        at_most=True,
        show="{:.2f} s",
    ),
    Aim(
        "Trained as well as by implicit and RecBole: NDCG@10 lower by no more than 0.005",
        lambda row: row["work"].startswith("fit "),
        lambda row: row["ndcg"]["ours"] - row["ndcg"]["peer"],
        -0.005,
        show="{:+.4f}",
    ),
    Aim(
        "SASRec, GRU4Rec and BERT4Rec as good as RecBole's 10 times sooner",
        lambda row: row["work"].startswith("learn "),
        lambda row: row["ratio"],
        10,
    ),
    Aim(
        "Full evaluation of sequence models at 10 times RecBole's speed or more",
        lambda row: row["work"].startswith("evaluate ") and "sequential" in row["work"],
        lambda row: row["ratio"],
        10,
    ),
    Aim(
        "Models of a million users and a hundred thousand items within 8 GiB",
        lambda row: row["work"].startswith("memory of "),
        lambda row: row["ours"],
        8,
        at_most=True,
        show="{:.1f} GiB",
    ),
]


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table: each aim, what was measured, and whether it was met."""
    lines = ["| aim | measured | met |", "|---|---|---|"]
    for aim in AIMS:
        own = [row for row in rows if aim.rows(row) and aim.value(row) is not None]
        met = [row for row in own if aim.is_met(row)]
        short = [f"{name(row)}: {aim.show.format(aim.value(row))}" for row in own if row not in met]
        if not own:
            verdict, measured = "not measured", ""
        else:
            values = sorted(aim.value(row) or 0.0 for row in own)
            low, high = (aim.show.format(value) for value in (values[0], values[-1]))
            measured = low if low == high else f"{low} to {high}"
            verdict = "yes" if not short else f"{len(met)} of {len(own)}"
            measured += f"; short of it: {', '.join(short)}" if short else ""
        lines.append(f"| {aim.text} | {measured} | {verdict} |")
    return lines


def name(row: Row) -> str:
    """Return what tells a row from the others of its table."""
    work = row["work"].removeprefix("train ").split(", ")[0]
    parts = [work]
    if "vocabulary" in row:
        parts.append(f"{row['vocabulary']:,} ids")
    if "threads" in row:
        parts.append("1 thread" if row["threads"] == 1 else f"{row['threads']} threads")
    return " ".join(parts)
