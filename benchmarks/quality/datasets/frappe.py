"""Frappe: which app is used in which context; the split of the NFM paper and of BARS."""

from __future__ import annotations

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


def load(name: str, validation: bool) -> Splits:
    """Return the published split; its training negatives are drawn anew by the published rule."""
    paths = {part: files.find("frappe", f"frappe.{file}.libfm.gz") for part, file in _PARTS.items()}
    frames = {part: libfm.read(path, _FIELDS) for part, path in paths.items()}
    columns = files.columns_of({field: {} for field in _FIELDS}, user="user", item="item")
    parts = files.encode(name, frames, columns)
    watched, test = LabelledRows(parts["validation"]), LabelledRows(parts["test"])
    return Splits(
        parts["train"],
        watched,
        watched if validation else test,
        "given split 7:2:1 (BARS Frappe_x1), two sampled negatives for a positive in every part; "
        "the published training negatives are lost and were drawn anew by the same rule",
    )
