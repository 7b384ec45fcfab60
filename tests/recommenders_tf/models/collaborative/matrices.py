"""Models of a small matrix of ratings, for tests that compute the same by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data import ColumnarData
from recommenders_tf.features import INTERACTION_ITEMS, INTERACTION_LABELS
from recommenders_tf.schema import FIRST_ID, FeatureSchema


def ratings(users: int = 12, items: int = 9, seed: int = 0) -> np.ndarray:
    """Return ratings of 1 to 5, NaN where there are none; one user and one item have none."""
    random = np.random.default_rng(seed)
    values = random.integers(1, 6, (users, items)).astype(np.float64)
    values[random.random((users, items)) < 0.45] = np.nan
    values[3], values[:, 4] = np.nan, np.nan
    return values


def source(values: np.ndarray) -> ColumnarData:
    """Return the ratings as events, those of the first user twice and one of an unknown item."""
    schema = FeatureSchema.from_dict(
        {
            "name": "matrix",
            "columns": {
                side: {"kind": "id", "role": side, "vocabulary_size": size + FIRST_ID}
                for side, size in zip(("user", "item"), values.shape, strict=True)
            }
            | {"rating": {"kind": "label", "role": "label"}},
        }
    )
    users, items = np.nonzero(~np.isnan(values))
    users, items = (np.concatenate([ids, ids[users == 0]]) for ids in (users, items))
    columns = {
        "user": np.append(users + FIRST_ID, FIRST_ID),
        "item": np.append(items + FIRST_ID, FIRST_ID - 1),
        "rating": np.append(values[users, items], 5.0).astype(np.float32),
    }
    return ColumnarData(columns, schema)


def fitted(cls: Any, values: np.ndarray, **arguments: Any) -> Any:
    """Return a model that has learned the ratings."""
    rows = source(values)
    model = cls(rows.schema, **arguments)
    model.compile()
    model.fit(rows, verbose=0)
    return model


def scores(model: Any, *users: int) -> np.ndarray:
    """Return the score of every item for users of the matrix."""
    ids = tf.constant([user + FIRST_ID for user in users], tf.int64)
    return model.encode_query({"user": ids}).numpy()[:, FIRST_ID:]


def scores_of_request(model: Any, row: np.ndarray, user: int = -1) -> np.ndarray:
    """Return the score of every item for who asks with a row of ratings, unknown by default."""
    items = np.flatnonzero(~np.isnan(row))
    request = {
        "user": tf.constant([user + FIRST_ID], tf.int64),
        INTERACTION_ITEMS: tf.RaggedTensor.from_row_lengths(items + FIRST_ID, [len(items)]),
        INTERACTION_LABELS: tf.RaggedTensor.from_row_lengths(
            row[items].astype(np.float32), [len(items)]
        ),
    }
    return model.encode_query(request).numpy()[0, FIRST_ID:]


def similarity(a: np.ndarray, b: np.ndarray, kind: str, shrinkage: float) -> float:
    """Return the similarity of two rows of values that are centred already, NaN where there are
    none."""
    both = ~np.isnan(a) & ~np.isnan(b)
    if kind == "jaccard":
        either = ~np.isnan(a) | ~np.isnan(b)
        return both.sum() / max(either.sum() + shrinkage, 1e-9)
    norm = np.sqrt(np.nansum(a**2) * np.nansum(b**2))
    return np.sum(a[both] * b[both]) / max(norm + shrinkage, 1e-9)


def similarities(rows: np.ndarray, kind: str, shrinkage: float, num_neighbours: int) -> np.ndarray:
    """Return the similarity of every row to its nearest ones, 0 to others, by loops."""
    centred = rows.copy()
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            line = {"pearson": rows[row], "adjusted_cosine": rows[:, column]}.get(kind)
            if line is not None and not np.isnan(line).all():
                centred[row, column] -= np.nanmean(line)
    found = np.zeros((len(rows), len(rows)))
    for a in range(len(rows)):
        all_others = {
            b: similarity(centred[a], centred[b], kind, shrinkage)
            for b in range(len(rows))
            if b != a
        }
        nearest = sorted(all_others, key=lambda b, s=all_others: (-round(s[b], 6), b))
        for b in nearest[:num_neighbours]:
            found[a, b] = max(all_others[b], 0)
    return found
