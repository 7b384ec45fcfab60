"""The tables of the sequence models, for the page of speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

_TEXT = """## Sequence models

The sequences of MovieLens 1M (987,531 training events of 6,040 users) without the last two items of
each user, the first of which is asked for among all items that the user has not met. RecBole makes
a row of each event and its past, and learns one item a row; ours learns all steps of a sequence at
once. So what counts is the time of training until the lists are equally good: RecBole trains for
the minutes that the command names, its lists are measured eight times meanwhile, and ours, which is
measured after each epoch, trains until its *NDCG@10* is that of RecBole's best. Only training
counts. RecBole has full softmax and batches of 256: with its default of 2,048 a step takes it
minutes here. Ours has batches of 128 rows of 200 steps, full softmax in SASRec and BERT4Rec, its
sampled one in GRU4Rec.
"""
_FAR = """
RecBole's time is not enough for it to learn much here, as its row of *examples* says: the ratios
are of the beginning of the training.
"""
_EVALUATION = """### Evaluation of sequence models

From the held-out events to HR, MRR and NDCG at 10 among all items, met or not, of the models as the
trainings above leave them; RecBole by its `evaluate` and its own size of batches.
"""


def sequence_sections(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the sections."""
    learned, evaluated = (
        [row for row in rows if row["work"].startswith(start) and "sequential" in row["work"]]
        for start in ("learn ", "evaluate ")
    )
    if not learned + evaluated:
        return ["## Sequence models\n", "Not measured yet.\n"]
    head = "| work | threads | peer | ours, s | peer, s | ratio | NDCG@10 ours, peer |"
    return [
        _TEXT,
        f"{head} peer's examples |",
        f"|{'---|' * 8}",
        *(f"{_line(row)} {row['peer_examples']:,} |" for row in learned),
        _FAR,
        _EVALUATION,
        head,
        f"|{'---|' * 7}",
        *map(_line, evaluated),
        "",
    ]


def _line(row: Row) -> str:
    disturbed = " (disturbed)" if row["disturbed"] else ""
    cells = [
        row["work"],
        str(row["threads"]),
        row["peer"],
        f"{row['seconds']['ours']:,.1f}{disturbed}",
        f"{row['seconds']['peer']:,.1f}",
        f"**{row['ratio']:.1f}**",
        f"{row['ndcg']['ours']:.4f}, {row['ndcg']['peer']:.4f}",
    ]
    return f"| {' | '.join(cells)} |"
