"""Frappe: which app is used in which context; the split of the NFM paper and of BARS."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files, libfm
from benchmarks.quality.held_out import LabelledRows, Splits

_FIELDS = (
    "user",
    "item",
    "daytime",
    "weekday",
    "isweekend",
    "homework",
    "cost",
    "weather",
    "country",
    "city",
)
_PARTS = {"train": "train.rebuilt", "validation": "validation", "test": "test"}
_REDRAWN = "frappe-redrawn"
_NEGATIVES = 2


def load(name: str, validation: bool, seed: int = 0) -> Splits:
    """Return the published split; its training negatives are drawn anew by the published rule.

    Once and for all or, where the name says so, by each seed.
    """
    paths = {part: files.find("frappe", f"frappe.{file}.libfm.gz") for part, file in _PARTS.items()}
    frames = {part: libfm.read(path, _FIELDS) for part, path in paths.items()}
    if name == _REDRAWN:
        frames["train"] = redrawn(frames, seed)
    columns = files.columns_of({field: {} for field in _FIELDS}, user="user", item="item")
    parts = files.encode(name, frames, columns)
    watched, test = LabelledRows(parts["validation"]), LabelledRows(parts["test"])
    return Splits(
        parts["train"],
        watched,
        watched if validation else test,
        "given split 7:2:1 (BARS Frappe_x1), two sampled negatives for a positive in every part; "
        "the published training negatives are lost and were drawn anew by the same rule"
        + (", for each seed" if name == _REDRAWN else ""),
    )


def redrawn(frames: Mapping[str, pd.DataFrame], seed: int) -> pd.DataFrame:
    """Return the training part with other negatives: for each positive apps never used by its user.

    Args:
        frames: All parts; what is positive in any of them has been used.
        seed: Of the draw.
    """
    random, everything = np.random.default_rng(seed), pd.concat(frames.values())
    apps = np.unique(everything["item"])
    met = everything[everything["label"] > 0]
    used = pd.MultiIndex.from_frame(met[["user", "item"]]).unique()
    train = frames["train"]
    positives = train[train["label"] > 0]
    negatives = positives.loc[positives.index.repeat(_NEGATIVES)].assign(
        label=everything["label"].min()
    )
    is_used = np.ones(len(negatives), bool)
    while is_used.any():
        place = negatives.columns.get_loc("item")
        negatives.iloc[is_used, place] = random.choice(apps, is_used.sum())
        is_used = pd.MultiIndex.from_frame(negatives[["user", "item"]]).isin(used)
    return pd.concat([positives, negatives], ignore_index=True)
