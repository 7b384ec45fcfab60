"""iPinYou: clicks on display ads; the sample that comes with the program of the FNN paper."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.datasets import files, libfm
from benchmarks.quality.held_out import LabelledRows, Splits

_FIELDS = (
    "weekday",
    "hour",
    "user_agent",
    "ip",
    "region",
    "city",
    "ad_exchange",
    "domain",
    "slot",
    "slot_width",
    "slot_height",
    "slot_visibility",
    "slot_format",
    "creative",
    "advertiser",
    "slot_price",
)
_VALIDATION_EVERY = 5


def load(name: str, validation: bool) -> Splits:
    """Return the given split; every fifth training row validates.

    The address stands in for the user, the creative for the item.
    """
    train, test = (
        libfm.read(files.find("ipinyou-fnn-sample", f"{part}.fm.txt.gz"), _FIELDS)
        for part in ("train", "test")
    )
    held = np.arange(len(train)) % _VALIDATION_EVERY == 0
    frames = {"train": train[~held], "validation": train[held], "test": test}
    columns = files.columns_of({field: {} for field in _FIELDS}, user="ip", item="creative")
    parts = files.encode(name, frames, columns)
    watched, measured = LabelledRows(parts["validation"]), LabelledRows(parts["test"])
    return Splits(
        parts["train"],
        watched,
        watched if validation else measured,
        "given split of a small sample with 50 test clicks, every fifth training row for "
        "validation: a check that it trains, no comparison",
    )
