"""A log of ratings small enough to be gone through by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recommenders_tf import data
from recommenders_tf.schema import FeatureSchema

SCHEMA = FeatureSchema.from_dict(
    {
        "name": "ratings",
        "columns": {
            "user": {"kind": "id", "role": "user"},
            "item": {"kind": "id", "role": "item"},
            "rating": {"kind": "label", "role": "label"},
        },
    }
)
EVENTS = [
    *(("a", "p", 5.0), ("a", "q", 1.0), ("a", "r", 3.0)),
    *(("b", "p", 2.0), ("b", "p", 4.0), ("b", "s", 4.0)),  # `p` twice
    *(("c", "q", 0.0), ("c", "r", 5.0)),  # a rating of 0 is one too
    *(("d", "s", 2.0), ("d", "p", np.nan)),  # and no rating is none
]


def encoded() -> data.EncodedLog:
    """Return the log; nobody met item `t`, and user `e` met nothing."""
    users, items = (
        pd.DataFrame({n: list(ids)}) for n, ids in (("user", "abcde"), ("item", "pqrst"))
    )
    events = pd.DataFrame(EVENTS, columns=["user", "item", "rating"])
    return data.encode(data.EventLog(events, users, items, SCHEMA))


def ids(log: data.EncodedLog, column: str, raw: str) -> np.ndarray:
    """Return the encoded ids of raw ones, a letter each."""
    table = log.tables.users if column == "user" else log.tables.items
    return table.features[column].numpy()[table.index.get_indexer(list(raw))]


def known_ratings(log: data.EncodedLog) -> dict[tuple[int, int], float]:
    """Return the mean rating of every pair that has one, by encoded ids."""
    found: dict[tuple[int, int], list[float]] = {}
    for user, item, rating in EVENTS:
        if not np.isnan(rating):
            pair = (int(ids(log, "user", user)[0]), int(ids(log, "item", item)[0]))
            found.setdefault(pair, []).append(rating)
    return {pair: float(np.mean(values)) for pair, values in found.items()}


def set_at_random(model: object, seed: int = 0) -> None:
    """Give every trainable weight of a model values of size 1 or so."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:  # type: ignore[attr-defined]
        weight.assign(random.normal(size=weight.shape))


def fitted_at_random(kind: type, **arguments: object) -> tuple[data.EncodedLog, object]:
    """Return the log and a model that has read it, with weights at random."""
    log = encoded()
    model = kind(log.schema, **arguments)
    model.compile()
    model.fit(log, batch_size=2, epochs=1, verbose=0)
    set_at_random(model)
    model.bind(log.tables)  # its items may have been encoded with the former weights
    return log, model
