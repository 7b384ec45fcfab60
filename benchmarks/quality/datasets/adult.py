"""Adult: who earns more than 50,000 dollars a year, from the census of 1994."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import LabelledRows, Splits

_NUMBERS = {
    "age": "standard",
    "fnlwgt": "log",
    "education_num": "standard",
    "capital_gain": "log",
    "capital_loss": "log",
    "hours_per_week": "standard",
}
_NAMES = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "label",
)
_VALIDATION_EVERY = 10


def load(name: str, validation: bool) -> Splits:
    """Return the given split; every tenth training row validates.

    There are people and no items: the occupation stands in for the user, the class of work for the
    item.
    """
    train = _read(files.find("adult-census", "adult.data.gz"), header_lines=0)
    test = _read(files.find("adult-census", "adult.test.gz"), header_lines=1)
    held = np.arange(len(train)) % _VALIDATION_EVERY == 0
    frames = {"train": train[~held], "validation": train[held], "test": test}
    features = {
        column: {"kind": "numeric", "scaling": _NUMBERS[column]} if column in _NUMBERS else {}
        for column in _NAMES[:-1]
    }
    columns = files.columns_of(features, user="occupation", item="workclass")
    parts = files.encode(name, frames, columns)
    watched, measured = LabelledRows(parts["validation"]), LabelledRows(parts["test"])
    return Splits(
        parts["train"],
        watched,
        watched if validation else measured,
        "given split, every tenth training row for validation",
    )


def _read(path: pathlib.Path, header_lines: int) -> pd.DataFrame:
    frame = pd.read_csv(
        path,
        names=_NAMES,
        skiprows=header_lines,
        skipinitialspace=True,
        na_values="?",
        dtype=dict.fromkeys(_NUMBERS, "float64"),
    ).dropna(subset=["label"])
    texts = [column for column in _NAMES if column not in _NUMBERS]
    frame[texts] = frame[texts].fillna("")
    return frame.assign(label=frame["label"].str.startswith(">50K").astype(np.float64))
