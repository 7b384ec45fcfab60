"""Files of LibFM in which every row has one feature of each field."""

from __future__ import annotations

import gzip
import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd


def read(path: pathlib.Path, fields: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `label feature:1 feature:1 …` as text, with the label 0.0 or 1.0."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        numbers = file.read().replace(":1", "").split()
    rows = np.array(numbers, dtype=object).reshape(-1, 1 + len(fields))
    frame = pd.DataFrame(rows, columns=["label", *fields])
    return frame.assign(label=(rows[:, 0].astype(np.int64) > 0).astype(np.float64))
