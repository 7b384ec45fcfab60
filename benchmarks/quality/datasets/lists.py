"""Lists over the full catalogue, of which each user has several right items."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Lists, Splits
from recommenders_tf import data
from recommenders_tf.data import EventLog, Split
from recommenders_tf.data.splits import random_share
from recommenders_tf.evaluation import Protocol
from recommenders_tf.schema import FeatureSchema

_VALIDATION_SHARE, _SEED = 0.1, 0


def load(name: str, validation: bool, seed: int = 0) -> Splits:
    """Return the published split of Gowalla, or MovieLens 100K split as recommenders-team does."""
    if name == "gowalla":
        protocol, k, metrics = Protocol(Split("folds", folds="fold")), 20, ("Recall", "NDCG")
        log, said = gowalla(), protocol.describe()
    else:
        protocol = Protocol(Split("random", test_share=0.25, seed=seed))
        log, k, metrics = movielens_100k(), 10, ("NDCG", "Precision", "Recall")
        said = (
            "a quarter of each user's events is test, drawn anew for each seed; ranked among all "
            "items that the user has not seen"
        )
    train, *held_out = protocol.cut(log, validation=validation)
    measured = Lists(held_out[0], protocol, k, metrics)
    watched = measured if validation else None
    return Splits(data.encode(train), watched, measured, said)


def movielens_100k() -> EventLog:
    """Return the log with the rating itself as its label; all ratings are events."""
    log = data.load("movielens-100k")
    label = dataclasses.replace(log.schema["rating"], positive_from=None)
    return dataclasses.replace(log, schema=log.schema.replace([label]))


def gowalla() -> EventLog:
    """Return check-ins with their published fold; a tenth of each user's training is validation."""
    train, test = (
        _pairs(files.find("gowalla-lightgcn", f"{part}.txt.gz")) for part in ("train", "test")
    )
    held_out = random_share(train[:, 0], _VALIDATION_SHARE, _SEED)
    folds = np.where(held_out, "validation", "train")
    pairs = np.concatenate([train, test]).astype(str).astype(object)
    events = pd.DataFrame(pairs, columns=["user", "item"])
    events["fold"] = np.concatenate([folds, np.full(len(test), "test")])
    columns = {name: {"kind": "id", "role": name} for name in ("user", "item")}
    schema = FeatureSchema.from_dict({"name": "gowalla", "columns": columns})
    tables = (events[[name]].drop_duplicates(ignore_index=True) for name in columns)
    return EventLog(events, *tables, schema)


def _pairs(path: pathlib.Path) -> np.ndarray:
    """Return pairs of a file with a line for each user: the user and then the items."""
    with gzip.open(path, "rt") as file:
        lines = [np.array(line.split(), np.int64) for line in file]
    owners = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
    return np.column_stack([owners, np.concatenate([line[1:] for line in lines])])
