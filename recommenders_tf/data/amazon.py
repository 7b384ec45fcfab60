"""How the files of Amazon reviews are read that ReChorus prepared."""

from __future__ import annotations

import pathlib

import pandas as pd

from recommenders_tf.data.movielens import Sources, find_file
from recommenders_tf.data.sources import TableSource


def sources_grocery(folder: pathlib.Path) -> Sources:
    """Return the events and items of Amazon Grocery, which has no user table."""
    events, items = (find_file(folder, name) for name in ("train.csv", "item_meta.csv"))
    if events is None or items is None:
        raise FileNotFoundError(f"`{folder}` needs both train.csv and item_meta.csv; add them.")
    return (
        TableSource(events, delimiter="\t", tidy=_label),
        None,
        TableSource(items, delimiter="\t", quoted=False, tidy=_tidy_items),
    )


def _label(events: pd.DataFrame) -> pd.DataFrame:
    """Every event is a review that was written: 1."""
    return events.assign(label="1")


def _tidy_items(items: pd.DataFrame) -> pd.DataFrame:
    return items[["item_id", "i_category"]].rename(columns={"i_category": "category"})
