"""Sequences of items as the papers on next items publish them: the last one of each is test."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Catalogue, Splits
from recommenders_tf import data
from recommenders_tf.data import EventLog
from recommenders_tf.schema import FeatureSchema

_FILES = {"sequential-ml-1m": ("ml-1m.txt.gz", 200)}
"""File of each set, and how much of a past its papers read."""


def load(name: str, validation: bool) -> Splits:
    """Return the sequences without their last two items, of which the earlier is validation."""
    file, length = _FILES[name]
    pairs = pd.read_csv(files.find(name, file), sep=" ", names=["user", "item"], dtype=str)
    events = pairs.assign(time=np.arange(len(pairs)))
    schema = FeatureSchema.from_dict(
        {
            "name": name,
            "columns": {
                "user": {"kind": "id", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "time": {"kind": "timestamp", "role": "event_time"},
                "history": {
                    "kind": "sequence",
                    "role": "user",
                    "source": "item",
                    "max_length": length,
                },
            },
        }
    )
    ids = (events[[column]].drop_duplicates(ignore_index=True) for column in ("user", "item"))
    train, *held_out = EventLog(events, *ids, schema).split("leave_last_out", validation=True)
    watched, measured = (Catalogue(part) for part in held_out)
    return Splits(
        data.encode(train),
        watched,
        watched if validation else measured,
        "the last item of each user is test and the one before it validation, which is no training "
        "event but past when the test is asked; ranked among all items that the user has not met",
    )
