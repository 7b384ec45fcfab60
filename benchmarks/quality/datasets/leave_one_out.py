"""The NCF protocol: each user's last item ranked among 99 published items he has not met."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Candidates, Splits
from recommenders_tf.data import ColumnarData
from recommenders_tf.schema import FIRST_ID, FeatureSchema

_FILES = {
    "ml-1m": ("ncf-ml-1m", "ml-1m"),
    "amusic": ("deepcf-amusic", "AMusic"),
    "lastfm": ("deepcf-lastfm", "lastfm"),
}
_NEGATIVES = 99
_SEED = 0


def load(name: str, validation: bool) -> Splits:
    """Return the published split, or one of its training part with a random event of each user."""
    folder, stem = _FILES[name]
    train = _pairs(files.find(folder, f"{stem}.train.rating.gz"))
    candidates = _candidates(files.find(folder, f"{stem}.test.negative.gz"))
    users = 1 + max(train[:, 0].max(), len(candidates) - 1)
    items = 1 + max(train[:, 1].max(), candidates.max())
    asked = np.arange(len(candidates))
    if validation:
        train, asked, candidates = _hold_out(train, items)
    schema = FeatureSchema.from_dict(
        {
            "name": name,
            "columns": {
                "user": {"kind": "id", "role": "user", "vocabulary_size": int(users) + FIRST_ID},
                "item": {"kind": "id", "role": "item", "vocabulary_size": int(items) + FIRST_ID},
                "label": {"kind": "label", "role": "label"},
            },
        }
    )
    right = np.zeros(candidates.shape)
    right[:, 0] = 1
    pairs = np.repeat(asked, candidates.shape[1]), candidates.ravel()
    measured = Candidates(_rows(*pairs, right.ravel(), schema), candidates)
    return Splits(
        _rows(*train.T, np.ones(len(train)), schema),
        measured if validation else None,
        measured,
        "leave one out (NCF), the right item among the 99 published negatives; ties count against "
        "the model; epochs and hyper-parameters chosen on one random training event of each user",
    )


def _rows(
    users: np.ndarray, items: np.ndarray, labels: np.ndarray, schema: FeatureSchema
) -> ColumnarData:
    ids = {"user": users + FIRST_ID, "item": items + FIRST_ID}
    return ColumnarData({**ids, "label": labels.astype(np.float32)}, schema)


def _pairs(path: pathlib.Path) -> np.ndarray:
    return pd.read_csv(path, sep="\t", header=None, usecols=[0, 1]).to_numpy(np.int64)


def _candidates(path: pathlib.Path) -> np.ndarray:
    """Return the right item of each user, who is the row, and the 99 others."""
    frame = pd.read_csv(path, sep="\t", header=None)
    pairs = frame[0].str.strip("()").str.split(",", expand=True).astype(np.int64)
    assert (pairs[0] == np.arange(len(pairs))).all(), f"`{path}` is not in the order of users"
    return np.column_stack([pairs[1], frame.iloc[:, 1:]]).astype(np.int64)


def _hold_out(train: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs that stay, the users that are asked, and their candidates."""
    random = np.random.default_rng(_SEED)
    order = random.permutation(len(train))
    users, first = np.unique(train[order, 0], return_index=True)
    held = order[first]
    seen = np.zeros((users.max() + 1, items), bool)
    seen[train[:, 0], train[:, 1]] = True
    keys = random.random((len(users), items), dtype=np.float32)
    keys[seen[users]] = np.inf
    negatives = np.argpartition(keys, _NEGATIVES, axis=1)[:, :_NEGATIVES]
    candidates = np.column_stack([train[held, 1], negatives])
    return np.delete(train, held, axis=0), users, candidates
