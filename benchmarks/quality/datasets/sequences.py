"""Sequences of items as the papers on next items publish them: the last one of each is test."""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Catalogue, Lists, Splits
from benchmarks.records import ROOT
from recommenders_tf import data
from recommenders_tf.data import EventLog
from recommenders_tf.evaluation import Candidates, Protocol
from recommenders_tf.schema import FeatureSchema

_CUT = (
    "the last item of each user is test and the one before it validation, which is no training "
    "event but past when the test is asked; ranked among "
)
_ALL = "all items that the user has not met"
_NAMES = {
    "uniform": ("uniform", "drawn uniformly"),
    "popularity": ("popular", "drawn by popularity"),
    "file": ("published", "published with the set"),
}
"""By kind of the candidates, what metrics and protocols call them."""


@dataclasses.dataclass(frozen=True)
class _Set:
    """A published set.

    Args:
        folder: Of the file.
        file: Its name, with `.txt.gz` behind it.
        length: How much of a past its papers read.
        drawn: Kinds of the candidates that papers rank the test item among, beside all items, and
            how many there are; `file` takes those of the set.
        attributes: Whether a file tells the attributes of the items.
    """

    folder: str
    file: str
    length: int
    drawn: tuple[tuple[str, int], ...]
    attributes: bool = False


_SETS = {
    "sequential-ml-1m": _Set(
        "sequential-ml-1m", "ml-1m", 200, (("uniform", 100), ("popularity", 100))
    ),
    "sequential-beauty": _Set("sequential-beauty-bert4rec", "beauty", 50, (("popularity", 100),)),
    "s3rec-beauty": _Set("sequential-s3rec", "Beauty", 50, (("uniform", 99),), attributes=True),
    "s3rec-lastfm": _Set("sequential-s3rec", "LastFM", 50, (("file", 99),), attributes=True),
}


def load(name: str, validation: bool) -> Splits:
    """Return the sequences without their last two items, of which the earlier is validation."""
    origin = _SETS[name]
    events = _events(origin)
    users, items = (events[[c]].drop_duplicates(ignore_index=True) for c in ("user", "item"))
    columns: dict[str, Any] = {
        "user": {"kind": "id", "role": "user"},
        "item": {"kind": "id", "role": "item"},
        "time": {"kind": "timestamp", "role": "event_time"},
        "history": {
            "kind": "sequence",
            "role": "user",
            "source": "item",
            "max_length": origin.length,
        },
    }
    if origin.attributes:
        own = _attributes(origin)
        items["attributes"] = [own.get(item, []) for item in items["item"]]
        longest = int(items["attributes"].str.len().max())
        columns["attributes"] = {"kind": "multi_hot", "role": "item", "max_length": longest}
    schema = FeatureSchema.from_dict({"name": name, "columns": columns})
    log = EventLog(events, users, items, schema)
    train, *held_out = log.split("leave_last_out", validation=True)
    watched, measured = (Catalogue(part) for part in held_out)
    return Splits(
        data.encode(train),
        watched,
        watched if validation else measured,
        f"{_CUT}{_ALL}",
        {} if validation else dict(_drawn(origin, measured.log, how) for how in origin.drawn),
    )


def _drawn(origin: _Set, test: EventLog, how: tuple[str, int]) -> tuple[str, Lists]:
    """Return the sentence of a protocol with other items, and what it asks."""
    kind, number = how
    named, said = _NAMES[kind]
    file = _published(origin) if kind == "file" else None
    protocol = Protocol(candidates=Candidates(kind, number=number, file=file))
    asked = Lists(test, protocol, 10, ("HR", "NDCG"), f" of {number} {named}")
    return f"{_CUT}{number} items that the user has not met, {said}", asked


def _events(origin: _Set) -> pd.DataFrame:
    """Return users and items in order; a file has a pair or a whole user in a line."""
    path = files.find(origin.folder, f"{origin.file}.txt.gz")
    with gzip.open(path, "rt") as file:
        lines = [line.split() for line in file]
    pairs = [(line[0], item) for line in lines for item in line[1:]]
    return pd.DataFrame(pairs, columns=["user", "item"]).assign(time=np.arange(len(pairs)))


def _attributes(origin: _Set) -> dict[str, list[str]]:
    """Return the attributes of each item, none twice."""
    path = files.find(origin.folder, f"{origin.file}_item2attributes.json.gz")
    with gzip.open(path, "rt") as file:
        found = json.load(file)
    return {item: [*dict.fromkeys(map(str, own))] for item, own in found.items()}


def _published(origin: _Set) -> str:
    """Write the published wrong items as a table of users and items; return its path."""
    with gzip.open(files.find(origin.folder, f"{origin.file}_sample.txt.gz"), "rt") as file:
        lines = [line.split() for line in file]
    path = ROOT / "runs" / "quality" / f"{origin.file}_candidates.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = [(line[0], item) for line in lines for item in line[1:]]
    pd.DataFrame(pairs, columns=["user", "item"]).to_csv(path, index=False)
    return str(path)
