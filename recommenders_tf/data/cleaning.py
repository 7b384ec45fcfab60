"""The one door by which rows come in: every value checked, every bad row set aside and counted."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommenders_tf.data.quarantine import (
    CleaningReport,
    Reason,
    json_lines,
    quarantined,
    quarantined_lines,
)
from recommenders_tf.data.sources import RawRows
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError

_TABLE_ROLES = {"users": Role.USER, "items": Role.ITEM}
_MISSING = ("", "nan", "NaN")
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


def table_columns(schema: FeatureSchema, given: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """Return the columns that each given table must have.

    User and item features stand in their own table if there is one, otherwise in the events.

    Args:
        schema: The schema.
        given: Names of the tables that there are, among `events`, `users`, `items`.
    """
    elsewhere = {_TABLE_ROLES[table] for table in given if table != "events"}
    ids = (schema.user_id, schema.item_id)
    columns = {
        table: tuple(c for c in schema.stored if c.role is role)
        for table, role in _TABLE_ROLES.items()
        if table in given
    }
    events = tuple(c for c in schema.stored if c in ids or c.role not in elsewhere)
    return {"events": events, **columns}


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
    return {}


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
    if column.kind is Kind.MULTI_HOT and not is_list(values):
        # One list a distinct text: a genre column has hundreds of them, an event log millions.
        codes, texts = pd.factorize(values)
        lists = np.empty(len(texts), dtype=object)
        lists[:] = [[part for part in t.split(column.separator) if part] for t in texts]
        return pd.Series(lists[codes], index=values.index)
    return values


def event_reasons(
    events: pd.DataFrame,
    schema: FeatureSchema,
    users: pd.Series | None = None,
    items: pd.Series | None = None,
) -> pd.Series:
    """Say for each event what is wrong with it beside other rows.

    An event is a duplicate if an earlier row has the same user, item and time (the same user and
    item, where the schema has no event time).

    Args:
        events: Good typed events.
        schema: The schema.
        users: Ids of the user table; None checks no user.
        items: Ids of the item table; None checks no item.

    Returns:
        The `Reason` value of each row as text, "" for good rows; indexed like `events`.
    """
    user, item, time = schema.user_id.name, schema.item_id.name, schema.event_time
    reasons = pd.Series("", index=events.index, dtype=object)
    key = [user, item, *([time.name] if time else [])]
    reasons[events.duplicated(key)] = Reason.DUPLICATE_EVENT.value
    if items is not None:
        reasons[~events[item].isin(items)] = Reason.UNKNOWN_ITEM.value
    if users is not None:
        reasons[~events[user].isin(users)] = Reason.UNKNOWN_USER.value
    return reasons


def id_reasons(table: pd.DataFrame, id_name: str) -> pd.Series:
    """Say for each row of a user or item table whether an earlier row has the same id."""
    duplicated = table.duplicated(id_name)
    return duplicated.map({True: Reason.DUPLICATE_ID.value, False: ""}).astype(object)


def clean(
    tables: Mapping[str, RawRows],
    schema: FeatureSchema,
    limits: CleaningLimits | None = None,
    quarantine: pathlib.Path | None = None,
) -> tuple[dict[str, pd.DataFrame], CleaningReport]:
    """Check every row, set the bad ones aside and return the good ones typed.

    Args:
        tables: Raw rows of `events` and, where there are such tables, `users` and `items`.
        schema: What the columns mean.
        limits: What counts as bad and how much of it is let pass; None for the defaults.
        quarantine: JSON Lines file to write the bad rows to, if there are any.

    Returns:
        The tables `events`, `users` and `items`, always all three: without a table of their own,
        users and items are the distinct ones of the events (with their last features). And the
        account of every row.

    Raises:
        SchemaError: A table lacks a column of the schema.
        BadDataError: More than `limits.max_bad_share` of a table's rows are bad. The quarantine
            file is written all the same.
    """
    limits = limits or CleaningLimits()
    columns = table_columns(schema, tables)
    good: dict[str, pd.DataFrame] = {}
    records: list[pd.DataFrame] = []
    for table in sorted(tables, key=("users", "items", "events").index):
        raw = tables[table]
        _check_columns(table, raw.frame, columns[table])
        reasons = row_reasons(raw.frame, columns[table], limits)
        records += [quarantined_lines(table, raw.unparsed), quarantined(table, raw.frame, reasons)]
        typed = to_typed(raw.frame[reasons == ""], columns[table])
        reasons = _cross_reasons(table, typed, schema, good)
        records.append(quarantined(table, raw.frame.loc[typed.index], reasons))
        good[table] = typed[reasons == ""].reset_index(drop=True)
    bad = pd.concat(records, ignore_index=True)
    report = CleaningReport(
        rows_in={table: len(raw) for table, raw in tables.items()},
        rows_used={table: len(rows) for table, rows in good.items()},
        quarantine=bad,
        unknown_columns=_unknown_columns(tables, columns),
        filled={table: raw.filled for table, raw in tables.items() if raw.filled},
        path=quarantine if len(bad) else None,
    )
    if report.path:
        report.path.parent.mkdir(parents=True, exist_ok=True)
        report.path.write_text("\n".join([*json_lines(bad), ""]), encoding="utf-8")
    report.check(limits.max_bad_share)
    return _with_entities(good, schema), report


def entities(events: pd.DataFrame, schema: FeatureSchema, role: Role) -> pd.DataFrame:
    """Return the table of the users or items that occur in the events, with their last features.

    Args:
        events: Typed events, with the features of the role.
        schema: The schema.
        role: `user` or `item`.
    """
    names = [c.name for c in schema.stored if c.role is role]
    key = (schema.user_id if role is Role.USER else schema.item_id).name
    return events[names].drop_duplicates(key, keep="last").reset_index(drop=True)


def _with_entities(good: dict[str, pd.DataFrame], schema: FeatureSchema) -> dict[str, pd.DataFrame]:
    """Add the user and item tables that the events imply, and leave the events their own."""
    events = good["events"]
    tables = {
        table: good[table] if table in good else entities(events, schema, role)
        for table, role in _TABLE_ROLES.items()
    }
    return {"events": events[[c.name for c in event_columns(schema)]], **tables}


def event_columns(schema: FeatureSchema) -> tuple[Column, ...]:
    """Return the columns that stand in an event: both ids, time, label and context."""
    return table_columns(schema, ("events", "users", "items"))["events"]


def _cross_reasons(
    table: str, typed: pd.DataFrame, schema: FeatureSchema, good: Mapping[str, pd.DataFrame]
) -> pd.Series:
    if table != "events":
        return id_reasons(typed, (schema.user_id if table == "users" else schema.item_id).name)
    users, items = good.get("users"), good.get("items")
    return event_reasons(
        typed,
        schema,
        users=None if users is None else users[schema.user_id.name],
        items=None if items is None else items[schema.item_id.name],
    )


def _check_columns(table: str, frame: pd.DataFrame, columns: Collection[Column]) -> None:
    if missing := [c.name for c in columns if c.name not in frame.columns]:
        raise SchemaError(
            f"Table `{table}` lacks the column `{missing[0]}` of the schema; it has "
            f"{', '.join(map(str, frame.columns))}. Add it, or take it out of the schema."
        )
    for column in columns:
        if is_list(frame[column.name]) and column.kind is not Kind.MULTI_HOT:
            raise SchemaError(
                f"Column `{column.name}` of table `{table}` holds lists, but its kind is "
                f"`{column.kind.value}`; make it `multi_hot`, or store single values."
            )


def _unknown_columns(
    tables: Mapping[str, RawRows], columns: Mapping[str, Collection[Column]]
) -> dict[str, tuple[str, ...]]:
    known = {table: {c.name for c in columns[table]} for table in tables}
    unknown = {
        table: tuple(str(name) for name in raw.frame.columns if name not in known[table])
        for table, raw in tables.items()
    }
    return {table: names for table, names in unknown.items() if names}


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
        seconds[is_date] = (dates - pd.Timestamp(0, tz="UTC")).dt.totalseconds()
    return seconds


def _matches(values: pd.Series, pattern: str) -> pd.Series:
    text = pa.array(values, pa.large_string(), from_pandas=True)
    found = pc.match_substring_regex(text, pattern)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=values.index)


def is_list(values: pd.Series) -> bool:
    """Return whether the values are lists of text, not text."""
    return len(values) > 0 and not isinstance(values.iloc[0], str)
