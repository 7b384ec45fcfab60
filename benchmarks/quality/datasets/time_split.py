"""Event logs with times: the latest tenth of the events is test, the tenth before it validation."""

from __future__ import annotations

import pandas as pd

from benchmarks.quality.held_out import LabelledRows, Splits
from recommenders_tf import data
from recommenders_tf.data import EncodedLog, EventLog
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role

_CUT = (
    "cut in time, the latest tenth of the events is test and the latest tenth of the rest "
    "validation, so that many users of the test part are new"
)


_SECOND_LABEL = Column("loved", Kind.LABEL, Role.LABEL, source="rating", positive_from=5.0)


def load(name: str, validation: bool) -> Splits:
    """Return the log, cut at two times."""
    parts = _log(name).split("time", validation=True)
    protocol = f"{_CUT}; rating >= 4"
    if name == "amazon-grocery":
        parts = tuple(
            data.with_sampled_negatives(part, per_positive=1, seed=seed)
            for seed, part in enumerate(parts)
        )
        protocol = f"{_CUT}; one item drawn uniformly of those that the user has not met for each"
    elif name == "movielens-1m-two-labels":
        protocol += " and, as the second label, rating = 5"
    train, *held_out = parts
    encoded = data.encode(train)
    watched, measured = (_held_out(part, encoded) for part in held_out)
    return Splits(encoded, watched, watched if validation else measured, protocol)


def _log(name: str) -> EventLog:
    if name != "movielens-1m-two-labels":
        return data.load(name)
    schema = data.spec("movielens-1m").schema
    return data.load(
        "movielens-1m", schema=FeatureSchema([*schema.columns.values(), _SECOND_LABEL])
    )


def _held_out(log: EventLog, train: EncodedLog) -> LabelledRows:
    users = pd.factorize(log.events[log.schema.user_id.name])[0]
    return LabelledRows(EncodedLog(log, train.tables), users)
