"""The tables of the models of the matrix, for the page of speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

_FITS = """## Models of the matrix

Each contender has the same training pairs in memory, as integers. What is timed is all from there
to a trained model, TensorFlow's tracing included, by turns as above. A fifth of each user's events
is held out; *NDCG@10* is that of the lists of all users over the whole catalogue, and *shared* the
share of the items in our lists that are in the peer's, too. `implicit` and RecBole live in
`.venv-matrix-peers`, RecBole with PyTorch 1.12.1, the last that comes without packages of CUDA;
`implicit` has one thread of BLAS in each of its own, as its documentation asks.

- *ALS* minimizes the same objective, 15 sweeps of three steps of conjugate gradient, 64 factors.
- *BPR* takes 20 epochs with the same step and penalty. `implicit` draws the items that were not met
  in proportion to how often they were met, and leaves out draws that were; ours draws them alike,
  and again until they were not met.
- *item_knn* has 100 neighbours by cosine. `implicit` keeps those of the item that was met, ours and
  RecBole's those of the item that is scored.
- *EASE* solves the same system, ours in double precision up to 16,384 items, RecBole in single:
  most of the time is that of the inverse, which then takes twice as long.
"""
_EVALUATION = """### Evaluation over the whole catalogue

The same 64 factors, every user with held-out items, HR, Recall, Precision, MRR and NDCG at 10 among
all items not met in training, from the held-out events to the values. RecBole's default of 4,096
scores at once comes to one user at a time on these data, and nearly all of its time is that of
calls. It is measured with blocks as large as ours, too: then both do one product and one top-k for
each block. What its loader gathers of every user is made before, and not counted.
"""
_MEMORY = """### Memory that stays bounded

Ours alone, made-up data, 8 pairs a user; lists and evaluation of 10,000 users over all items. The
process may not ask for more than 8 GiB.
"""


def matrix_sections(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the sections."""
    fits, evaluations, memory = (
        [row for row in rows if row["work"].startswith(start)]
        for start in ("fit ", "evaluate factors", "memory of ")
    )
    if not fits + evaluations + memory:
        return ["## Models of the matrix\n", "Not measured yet.\n"]
    head = "| work | threads | peer | ours, s | peer, s | ratio | NDCG@10 ours, peer |"
    return [
        _FITS,
        f"{head} shared | cpu/wall |",
        f"|{'---|' * 9}",
        *(f"{_line(row)} {row['shared']:.0%} | {row['cpu_over_wall']:.2f} |" for row in fits),
        "",
        _EVALUATION,
        f"{head} cpu/wall |",
        f"|{'---|' * 8}",
        *(f"{_line(row)} {row['cpu_over_wall']:.2f} |" for row in evaluations),
        "",
        _MEMORY,
        "| work | GiB at most in training, lists, evaluation | seconds | all scores, GiB |",
        f"|{'---|' * 4}",
        *map(_memory_line, memory),
        "",
    ]


def _line(row: Row) -> str:
    disturbed = " (disturbed)" if row["disturbed"] else ""
    cells = [
        row["work"],
        str(row["threads"]),
        row["peer"],
        f"{row['seconds']['ours']:.2f}{disturbed}",
        f"{row['seconds']['peer']:.2f}",
        f"**{row['ratio']:.2f}**",
        f"{row['ndcg']['ours']:.4f}, {row['ndcg']['peer']:.4f}",
    ]
    return f"| {' | '.join(cells)} |"


def _memory_line(row: Row) -> str:
    peaks, seconds = (
        ", ".join(f"{value:.{digits}f}" for value in row[name].values())
        for name, digits in (("peaks", 1), ("seconds", 0))
    )
    return f"| {row['work']} | {peaks} | {seconds} | {row['scores']:,.0f} |"
