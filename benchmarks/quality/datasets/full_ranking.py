"""MovieLens: the last event of each user among all items that he has not met."""

from __future__ import annotations

import recommenders_tf as rtf
from benchmarks.quality.held_out import Catalogue, Splits


def load(name: str, validation: bool) -> Splits:
    """Return the log without the last event of each user, or without the last two."""
    log = rtf.data.load(name.removesuffix("-last-out"))
    train, *held_out = log.split("leave_last_out", validation=validation)
    measured = Catalogue(held_out[0])
    return Splits(
        rtf.data.encode(train),
        measured if validation else None,
        measured,
        "leave_last_out, all items but the seen ones ranked, no sampled negatives; of a ranking "
        "model the held-out events of both labels (rating >= 4)",
    )
