"""Event logs with times: the latest events are test, those before them validation."""

from __future__ import annotations

import dataclasses

import pandas as pd

from benchmarks.quality.held_out import LabelledRows, Splits
from recommenders_tf import data
from recommenders_tf.data import EncodedLog, EventLog
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role

_CUTS = {
    "time": "cut in time, the latest tenth of the events is test and the latest tenth of the rest "
    "validation, so that many users of the test part are new",
    "leave_last_out": "of each user the last event is test and the one before it validation",
}
_LAST_OUT = "-last-out"
_SECOND_LABEL = Column("loved", Kind.LABEL, Role.LABEL, source="rating", positive_from=5.0)
# Of a past movie one category counts, as in the papers: its set of genres, as one value.
_GENRES = (
    Column("genre_set", Kind.CATEGORICAL, Role.ITEM),
    Column("genre_history", Kind.SEQUENCE, Role.USER, source="genre_set", max_length=50),
)


def load(name: str, validation: bool) -> Splits:
    """Return a log, cut at two times or, where the name ends so, by each user's last events."""
    cut = "leave_last_out" if name.endswith(_LAST_OUT) else "time"
    name = name.removesuffix(_LAST_OUT)
    parts = _log(name).split(cut, validation=True)
    labels = "rating >= 4"
    if name == "amazon-grocery":
        parts = tuple(
            data.with_sampled_negatives(part, per_positive=1, seed=seed)
            for seed, part in enumerate(parts)
        )
        labels = "one item drawn uniformly of those that the user has not met for each"
    elif name == "movielens-1m-two-labels":
        labels += " and, as the second label, rating = 5"
    train, *held_out = parts
    encoded = data.encode(train)
    watched, measured = (_held_out(part, encoded) for part in held_out)
    protocol = f"{_CUTS[cut]}; {labels}"
    return Splits(encoded, watched, watched if validation else measured, protocol)


def _log(name: str) -> EventLog:
    if not name.startswith("movielens-1m-"):
        return data.load(name)
    if name == "movielens-1m-two-labels":
        columns = data.spec("movielens-1m").schema.columns.values()
        return data.load("movielens-1m", schema=FeatureSchema([*columns, _SECOND_LABEL]))
    log = data.load("movielens-1m")
    timed = log.schema.replace([dataclasses.replace(log.schema["history"], timed=True)])
    return dataclasses.replace(
        log,
        items=log.items.assign(genre_set=log.items["genres"].map("|".join)),
        schema=FeatureSchema([*timed.columns.values(), *_GENRES], log.schema.name),
    )


def _held_out(log: EventLog, train: EncodedLog) -> LabelledRows:
    users = pd.factorize(log.events[log.schema.user_id.name])[0]
    return LabelledRows(EncodedLog(log, train.tables), users)
