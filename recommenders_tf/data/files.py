"""Event logs from files of one's own, and back into files."""

from __future__ import annotations

import os
import pathlib

import pandas as pd

from recommenders_tf.data.arrow_text import frame_as_text
from recommenders_tf.data.cleaning import clean
from recommenders_tf.data.download import cache_dir
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.sources import DatasetSpec, RawRows, TableSource
from recommenders_tf.data.values import CleaningLimits
from recommenders_tf.schema import Column, FeatureSchema, Kind

Table = str | pathlib.Path | TableSource | pd.DataFrame


def load_files(
    events: Table,
    users: Table | None = None,
    items: Table | None = None,
    *,
    schema: FeatureSchema | str | pathlib.Path,
    limits: CleaningLimits | None = None,
    quarantine: str | pathlib.Path | None = None,
) -> EventLog:
    """Read any event log, checking every row.

    Args:
        events: Who met what and when: a CSV, TSV or Parquet file (text also as `.gz`), a
            `TableSource` for other layouts, or a frame.
        users: One row a user; None takes the users, and their features, from the events.
        items: One row an item; None takes the items, and their features, from the events.
        schema: What the columns mean: a schema or a YAML file with one.
        limits: What counts as a bad row and how many are let pass; None for the defaults.
        quarantine: JSON Lines file for the bad rows; None puts it in the user's cache.

    Returns:
        The log, its `report` telling what became of every row.

    Raises:
        SchemaError: A table lacks a column of the schema.
        BadDataError: Too many rows are bad.

    Example:
        >>> import pandas as pd
        >>> from recommenders_tf.schema import FeatureSchema
        >>> schema = FeatureSchema.from_dict({"name": "toy", "columns": {
        ...     "user": {"kind": "id", "role": "user"},
        ...     "item": {"kind": "id", "role": "item"},
        ... }})
        >>> load_files(pd.DataFrame({"user": [1, 1, 2], "item": [7, 8, 7]}), schema=schema)
        EventLog('toy', events=3, users=2, items=2)
    """
    if not isinstance(schema, FeatureSchema):
        schema = FeatureSchema.load(schema)
    given = {"events": events, "users": users, "items": items}
    rows = {table: read_rows(value) for table, value in given.items() if value is not None}
    return _load(rows, schema, limits, quarantine)


def load_spec(
    spec: DatasetSpec,
    *,
    limits: CleaningLimits | None = None,
    quarantine: str | pathlib.Path | None = None,
) -> EventLog:
    """Read the files of a `DatasetSpec`; see `load_files`.

    Example:
        >>> from recommenders_tf import data
        >>> load_spec(data.spec("synthetic"))
        EventLog('synthetic', events=50,000, users=1,000, items=500)
    """
    rows = {table: source.read() for table, source in spec.tables.items()}
    return _load(rows, spec.schema, limits, quarantine)


def write_files(log: EventLog, folder: str | pathlib.Path) -> pathlib.Path:
    """Write a log as `events.csv`, `users.csv`, `items.csv` and `schema.yaml`.

    A file that would not change is left as it is, so that what was made from it stays valid.

    Returns:
        The folder.

    Raises:
        ValueError: The log has sampled negatives, which files cannot tell from what happened.

    Example:
        >>> import tempfile
        >>> from recommenders_tf import data
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(path.name for path in write_files(data.synthetic(), folder).iterdir())
        ['events.csv', 'items.csv', 'schema.yaml', 'users.csv']
    """
    if log.behaviours is not None:
        raise ValueError(
            f"`{log.schema.name}` has sampled negatives, and files would not tell them from what "
            "happened: write the log first and sample when it is loaded."
        )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in (("events", log.events), ("users", log.users), ("items", log.items)):
        columns = [c for c in log.schema.stored if c.name in frame]
        joined = {c.name: _one_line(frame[c.name], c) for c in columns}
        text = frame.assign(**joined).to_csv(index=False, lineterminator="\n")
        _write_if_new(folder / f"{table}.csv", text)
    path = folder / "schema.yaml"
    if not path.exists() or FeatureSchema.load(path) != log.schema:
        log.schema.save(path)
    return folder


def _load(
    rows: dict[str, RawRows],
    schema: FeatureSchema,
    limits: CleaningLimits | None,
    quarantine: str | pathlib.Path | None,
) -> EventLog:
    path = pathlib.Path(quarantine or cache_dir() / "quarantine" / f"{schema.name}.jsonl")
    tables, report = clean(rows, schema, limits, path)
    return EventLog(**tables, schema=schema, report=report)


def read_rows(table: Table) -> RawRows:
    """Return the raw rows of a file, a source or a frame."""
    if isinstance(table, pd.DataFrame):
        return RawRows(frame_as_text(table))
    return (table if isinstance(table, TableSource) else TableSource.of(table)).read()


def _one_line(values: pd.Series, column: Column) -> pd.Series:
    """Return values as they stand in a text file with one record a line."""
    if column.kind is Kind.MULTI_HOT:
        return values.map(column.separator.join)
    if column.kind is Kind.TEXT:
        return values.str.replace(r"[\r\n]+", " ", regex=True)
    return values


def _write_if_new(path: pathlib.Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        part = path.with_name(f"{path.name}.{os.getpid()}")  # no reader sees half a file
        part.write_text(text, encoding="utf-8")
        part.replace(path)
