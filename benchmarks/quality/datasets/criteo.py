"""Criteo: clicks on display ads, 13 counts and 26 categories; a piece of 8,000 rows."""

from __future__ import annotations

import pathlib

import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import LabelledRows, Splits

_COUNTS = [f"I{number}" for number in range(1, 14)]
_CATEGORIES = [f"C{number}" for number in range(1, 27)]
_PARTS = {"train": "train", "validation": "dev", "test": "test"}
_MIN_COUNT = 2


def load(name: str, validation: bool) -> Splits:
    """Return the given split.

    What the columns mean is not published: C1 stands in for the user and C2 for the item.
    """
    frames = {
        part: _read(files.find("criteo-8k", f"{file}.tsv.gz")) for part, file in _PARTS.items()
    }
    features = {column: {"kind": "numeric", "scaling": "log"} for column in _COUNTS}
    features |= {column: {"min_count": _MIN_COUNT} for column in _CATEGORIES}
    parts = files.encode(name, frames, files.columns_of(features, user="C1", item="C2"))
    watched, test = LabelledRows(parts["validation"]), LabelledRows(parts["test"])
    return Splits(
        parts["train"],
        watched,
        watched if validation else test,
        "given split of a piece of 8,000 rows, 391 of them for test: a check of numeric columns, "
        "no comparison",
    )


def _read(path: pathlib.Path) -> pd.DataFrame:
    names = ["label", *_COUNTS, *_CATEGORIES]
    kinds = dict.fromkeys(["label", *_COUNTS], "float64") | dict.fromkeys(_CATEGORIES, str)
    frame = pd.read_csv(path, sep="\t", names=names, dtype=kinds)
    return frame.fillna(dict.fromkeys(_CATEGORIES, ""))
