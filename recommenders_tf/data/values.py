"""From text to values: what is wrong with a row by itself, and the typed values of good rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommenders_tf.column import WEIGHT
from recommenders_tf.data.quarantine import Reason
from recommenders_tf.schema import Column, Kind

_MISSING = ("", "nan", "NaN")
_LARGEST_WEIGHT = np.finfo(np.float32).max
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
# pandas 2 would take the first date's format for all of them; pandas 1 knows no such format.
_ISO_FORMAT = "ISO8601" if int(pd.__version__.split(".")[0]) > 1 else None


@dataclasses.dataclass(frozen=True)
class CleaningLimits:
    """What counts as bad, and how much of it is let pass.

    Args:
        earliest: Unix seconds; times before it are out of range.
        latest: Unix seconds; times at or after it are out of range (default: the year 2100).
        max_bad_share: Largest share of bad rows of a table that is let pass.

    Example:
        >>> from recommenders_tf import data
        >>> data.load("synthetic", limits=data.CleaningLimits(max_bad_share=0.0))
        EventLog('synthetic', events=50,000, users=1,000, items=500)
    """

    earliest: int = 1
    latest: int = 4_102_444_800
    max_bad_share: float = 0.01


def row_reasons(
    frame: pd.DataFrame, columns: Collection[Column], limits: CleaningLimits
) -> pd.Series:
    """Say for each row what is wrong with it, from its own values alone.

    Args:
        frame: Rows of text (`RawRows.frame`) with at least `columns`.
        columns: The columns to check.
        limits: Bounds of the times.

    Returns:
        The `Reason` value of each row as text, "" for good rows; indexed like `frame`.
    """
    reasons = pd.Series("", index=frame.index, dtype=object)
    for column in sorted(columns, key=lambda c: c.kind is not Kind.ID):
        for reason, is_bad in _checks(frame[column.name], column, limits).items():
            if is_bad.any():
                reasons[is_bad & (reasons == "")] = reason.value
    return reasons


def _checks(values: pd.Series, column: Column, limits: CleaningLimits) -> dict[Reason, pd.Series]:
    """Return for each possible fault of a column which rows have it."""
    if column.kind is Kind.ID:
        return {
            Reason.MISSING_ID: values.isin(_MISSING),
            Reason.NEGATIVE_ID: _matches(values, r"^-\s*\d"),
        }
    if column.kind is Kind.TIMESTAMP:
        seconds = to_seconds(values)
        return {
            Reason.MISSING_TIME: values.isin(_MISSING),
            Reason.NOT_A_TIME: ~np.isfinite(seconds),
            Reason.TIME_OUT_OF_RANGE: (seconds < limits.earliest) | (seconds >= limits.latest),
        }
    if column.kind in (Kind.NUMERIC, Kind.LABEL):
        may_miss = column.kind is Kind.NUMERIC
        return {
            Reason.NOT_A_NUMBER: ~np.isfinite(to_numbers(values)) & ~(may_miss & (values == ""))
        }
    if column.weighted:
        return {Reason.NOT_A_WEIGHT: _has_bad_weight(values, column)}
    return {}


def _has_bad_weight(values: pd.Series, column: Column) -> pd.Series:
    """Return which rows have a `value:weight` whose weight is no finite number from 0 up."""
    lists = pa.array(values, pa.list_(pa.string()) if is_list(values) else pa.string())
    lists = lists if is_list(values) else pc.split_pattern(lists, column.separator)
    parts = lists.flatten()
    weight = pc.replace_substring_regex(parts, "(?s)^.*:", "")
    weights = pc.if_else(pc.match_substring(parts, ":"), weight, "1").to_pandas()
    is_good = _matches(weights, f"^({WEIGHT})$") & (to_numbers(weights) <= _LARGEST_WEIGHT)
    rows = pc.list_parent_indices(lists).to_numpy()[~is_good]
    return pd.Series(np.isin(np.arange(len(values)), rows), index=values.index)


def to_typed(frame: pd.DataFrame, columns: Collection[Column]) -> pd.DataFrame:
    """Turn text rows into values: the columns alone, each in the type of its kind.

    Ids, categories and text stay text ("" when missing), numbers and labels become float64 (NaN
    when missing), timestamps int64 Unix seconds, multi-hot columns lists of text.

    Args:
        frame: Rows of text that `row_reasons` finds no fault with.
        columns: The columns to keep, in this order.
    """
    return pd.DataFrame({c.name: _typed(frame[c.name], c) for c in columns}, index=frame.index)


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.kind is Kind.TIMESTAMP:
        return np.floor(to_seconds(values)).astype("int64")
    if column.kind in (Kind.NUMERIC, Kind.LABEL):
        return to_numbers(values)
    return _lists(values, column) if column.kind is Kind.MULTI_HOT else values


def _lists(values: pd.Series, column: Column) -> pd.Series:
    """Return the values of a list column as lists of text."""
    if is_list(values):
        return values
    # One list a distinct text: a genre column has hundreds of them, an event log millions.
    codes, texts = pd.factorize(values)
    lists = np.empty(len(texts), dtype=object)
    lists[:] = [[part for part in t.split(column.separator) if part] for t in texts]
    return pd.Series(lists[codes], index=values.index)


def to_numbers(values: pd.Series) -> pd.Series:
    """Return text as float64; NaN for what is no number."""
    text = pa.array(values, pa.large_string(), from_pandas=True)
    try:  # several times as fast, but all or nothing
        numbers = pc.cast(pc.if_else(pc.equal(text, ""), None, text), pa.float64())
        return pd.Series(numbers.to_numpy(zero_copy_only=False), index=values.index)
    except pa.ArrowInvalid:
        return pd.to_numeric(values, errors="coerce").astype("float64")


def to_seconds(values: pd.Series) -> pd.Series:
    """Return Unix seconds of times given as such, or as ISO 8601 text (UTC unless it says)."""
    seconds = to_numbers(values)
    is_date = seconds.isna() & _matches(values, _ISO_DATE)
    if is_date.any():
        dates = pd.to_datetime(values[is_date], errors="coerce", utc=True, format=_ISO_FORMAT)
        seconds[is_date] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds


def _matches(values: pd.Series, pattern: str) -> pd.Series:
    text = pa.array(values, pa.large_string(), from_pandas=True)
    found = pc.match_substring_regex(text, pattern)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=values.index)


def is_list(values: pd.Series) -> bool:
    """Return whether the values are lists of text, not text."""
    return len(values) > 0 and not isinstance(values.iloc[0], str)
