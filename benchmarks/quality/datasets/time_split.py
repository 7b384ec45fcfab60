"""Event logs with times: the latest tenth of the events is test, the tenth before it validation."""

from __future__ import annotations

import pandas as pd

import recommenders_tf as rtf
from benchmarks.quality.held_out import LabelledRows, Splits
from recommenders_tf.data import EncodedLog, EventLog


def load(name: str, validation: bool) -> Splits:
    """Return the log, cut at two times."""
    log = rtf.data.load(name)
    train, watched, measured = log.split("time", validation=True)
    encoded = rtf.data.encode(train)
    held_out = [_held_out(part, encoded) for part in (watched, measured)]
    return Splits(
        encoded,
        held_out[0],
        held_out[0 if validation else 1],
        "cut in time, the latest tenth of the events is test and the tenth before it validation; "
        "rating >= 4; many users of the test part are new",
    )


def _held_out(log: EventLog, train: EncodedLog) -> LabelledRows:
    users = pd.factorize(log.events[log.schema.user_id.name])[0]
    return LabelledRows(EncodedLog(log, train.tables), users)
