"""The one door by which rows come in: every value checked, every bad row set aside and counted."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping

import pandas as pd

from recommenders_tf.data.quarantine import (
    CleaningReport,
    Reason,
    json_lines,
    quarantined,
    quarantined_lines,
)
from recommenders_tf.data.sources import RawRows
from recommenders_tf.data.values import CleaningLimits, is_list, row_reasons, to_typed
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError

_TABLE_ROLES = {"users": Role.USER, "items": Role.ITEM}


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


def event_reasons(
    events: pd.DataFrame,
    schema: FeatureSchema,
    users: pd.Series | None = None,
    items: pd.Series | None = None,
) -> pd.Series:
    """Say for each event what is wrong with it beside other rows.

    An event is a duplicate if an earlier row has the same user, item and time. Where the schema
    has no event time, context and label must be the same too.

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
    rest = [c.name for c in event_columns(schema) if c.kind is not Kind.MULTI_HOT]
    key = [user, item, time.name] if time else rest
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
