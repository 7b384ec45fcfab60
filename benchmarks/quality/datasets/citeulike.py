"""CiteULike-a: papers in the libraries of users, each paper with the tags that others gave it."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Lists, Splits
from recommenders_tf import data
from recommenders_tf.data import EventLog, Split
from recommenders_tf.data.splits import random_share
from recommenders_tf.evaluation import Protocol
from recommenders_tf.schema import FeatureSchema

_TEST_SHARE, _VALIDATION_SHARE, _SEED = 0.2, 0.1, 0
_NEW_ITEMS = "-new-items"
_TAGS = {"kind": "multi_hot", "role": "item", "max_vocabulary": 8192}


def load(name: str, validation: bool) -> Splits:
    """Return the libraries, a share of each held out or, where the name ends so, of the papers."""
    of_items = name.endswith(_NEW_ITEMS)
    protocol = Protocol(Split("folds", folds="fold"))
    train, *held_out = protocol.cut(_log(of_items), validation=validation)
    measured = Lists(held_out[0], protocol, 20, ("Recall", "NDCG"))
    said = (
        "a fifth of the papers, drawn at random, is test, so that nobody has met them"
        if of_items
        else "a fifth of each user's papers, drawn at random, is test"
    )
    return Splits(
        data.encode(train),
        measured if validation else None,
        measured,
        f"{said}; all papers but the seen ones ranked, no sampled negatives",
    )


def _log(of_items: bool) -> EventLog:
    users, items = _lists("users")
    tagged, tags = _lists("item-tag")
    with gzip.open(files.find("citeulike-a", "tags.dat.gz"), "rt", encoding="utf-8") as file:
        names = np.array(file.read().split("\n"), object)
    of_item = pd.Series(names[tags]).groupby(tagged).agg(list)
    numbers = np.arange(1 + max(items.max(), tagged.max()))
    catalogue = pd.DataFrame({"item": numbers.astype(str).astype(object)})
    catalogue["tags"] = [of_item.get(number, []) for number in numbers]
    owners = items if of_items else users
    events = pd.DataFrame({"user": users, "item": items}).astype(str).astype(object)
    events["fold"] = _folds(owners, of_items)
    columns = {
        "user": {"kind": "id", "role": "user"},
        "item": {"kind": "id", "role": "item"},
        "tags": _TAGS,
    }
    schema = FeatureSchema.from_dict({"name": "citeulike-a", "columns": columns})
    return EventLog(events, events[["user"]].drop_duplicates(ignore_index=True), catalogue, schema)


def _folds(owners: np.ndarray, whole: bool) -> np.ndarray:
    """Return the fold of each event: a share of those of each owner, or a share of the owners."""
    drawn = np.full(len(owners), "train", object)
    shares = {"test": _TEST_SHARE, "validation": _VALIDATION_SHARE}
    if whole:
        of_owner = np.random.default_rng(_SEED).random(1 + owners.max())[owners]
        drawn[of_owner < sum(shares.values())] = "validation"
        drawn[of_owner < _TEST_SHARE] = "test"
        return drawn
    for seed, (fold, share) in enumerate(shares.items()):
        drawn[random_share(owners, share, _SEED + seed) & (drawn == "train")] = fold
    return drawn


def _lists(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of a file with a line for each number: how many there are and then they."""
    with gzip.open(files.find("citeulike-a", f"{name}.dat.gz"), "rt") as file:
        lines = [np.array(line.split()[1:], np.int64) for line in file]
    return np.repeat(np.arange(len(lines)), [len(line) for line in lines]), np.concatenate(lines)
