"""The feature schema: one description of the data that every stage of the chain reads."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from recommenders_tf.column import (
    FIRST_ID,
    LIST_KINDS,
    PADDING_ID,
    UNKNOWN_ID,
    UNKNOWN_VALUE,
    Column,
    Kind,
    Role,
    SchemaError,
)
from recommenders_tf.column_checks import check_columns

__all__ = [
    "FIRST_ID",
    "LIST_KINDS",
    "PADDING_ID",
    "UNKNOWN_ID",
    "UNKNOWN_VALUE",
    "Column",
    "FeatureSchema",
    "Kind",
    "Role",
    "SchemaError",
]


class FeatureSchema:
    """The columns of a data set with their kinds, roles, vocabularies and embeddings.

    A schema is immutable. It is *fitted* once every id column knows its `vocabulary_size` and
    every numeric column its statistics; models are built from a fitted schema
    (`Preprocessor.fit` and the TFX Transform step make one).

    Args:
        columns: The columns; exactly one `id` column of role `user` and one of role `item`.
        name: Name of the data set.

    Raises:
        SchemaError: The columns contradict each other.

    Example:
        >>> schema = FeatureSchema.from_dict({
        ...     "name": "toy",
        ...     "columns": {
        ...         "user_id": {"kind": "id", "role": "user"},
        ...         "item_id": {"kind": "id", "role": "item"},
        ...         "time": {"kind": "timestamp", "role": "event_time"},
        ...     },
        ... })
        >>> schema.item_id.name
        'item_id'
        >>> schema.is_fitted
        False
    """

    def __init__(self, columns: Iterable[Column], name: str = "events") -> None:
        self.name = name
        self.columns: dict[str, Column] = {}
        for column in columns:
            if column.name in self.columns:
                raise SchemaError(f"Column `{column.name}` is listed twice; keep one.")
            self.columns[column.name] = column
        check_columns(self.columns, name)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise SchemaError(
                f"Column `{name}` is not in schema `{self.name}`, which has "
                f"{', '.join(self.columns)}."
            )
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureSchema) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.columns.values())))

    def __repr__(self) -> str:
        return f"FeatureSchema({self.name!r}, columns=[{', '.join(self.columns)}])"

    def select(self, role: Role | None = None, kind: Kind | None = None) -> tuple[Column, ...]:
        """Return the columns of a role, a kind, or both, in schema order."""
        return tuple(
            column
            for column in self.columns.values()
            if role in (None, column.role) and kind in (None, column.kind)
        )

    @property
    def user_id(self) -> Column:
        """The id column of the user."""
        return self.select(Role.USER, Kind.ID)[0]

    @property
    def item_id(self) -> Column:
        """The id column of the item."""
        return self.select(Role.ITEM, Kind.ID)[0]

    @property
    def labels(self) -> tuple[Column, ...]:
        """The label columns: what a ranker of several tasks learns, in this order."""
        return self.select(Role.LABEL)

    @property
    def label(self) -> Column | None:
        """The first label column, if there is one: what a ranker of one task learns."""
        return next(iter(self.labels), None)

    @property
    def event_time(self) -> Column | None:
        """The event time column, if there is one."""
        return next(iter(self.select(Role.EVENT_TIME)), None)

    @property
    def sequences(self) -> tuple[Column, ...]:
        """The columns made of a user's past values."""
        return self.select(kind=Kind.SEQUENCE)

    @property
    def crosses(self) -> tuple[Column, ...]:
        """The columns made by combining others."""
        return self.select(kind=Kind.CROSS)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model may take as input: all but label and times."""
        return tuple(c for c in self.columns.values() if c.has_ids or c.is_numeric)

    @property
    def uncrossed(self) -> tuple[Column, ...]:
        """The features but the crosses: the input of a model that learns its own."""
        return tuple(c for c in self.features if c.kind is not Kind.CROSS)

    @property
    def raw(self) -> tuple[Column, ...]:
        """The columns that raw examples have: all but what is derived from them."""
        return tuple(c for c in self.columns.values() if not c.is_derived)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that stand in the raw tables: all but sequences and what is derived."""
        return tuple(c for c in self.raw if c.kind is not Kind.SEQUENCE)

    def table_of(self, column: Column) -> Column:
        """Return the column that owns the vocabulary and the embedding table of `column`."""
        owner = column.share_with or column.source
        return column if owner is None else self.table_of(self[owner])

    def roles(self, column: Column) -> frozenset[Role]:
        """Return whom a column describes: its own role, or those of all that a cross combines."""
        return frozenset(self[name].role for name in column.sources) or frozenset({column.role})

    def list_source(self, column: Column) -> Column | None:
        """Return the list column that gives `column` its padded rows, if it has any.

        That is a list column itself, or the one list that a cross combines.
        """
        if column.is_list:
            return column
        return next((self[name] for name in column.sources if self[name].is_list), None)

    def mask_name(self, column: Column) -> str:
        """Return the key of the boolean mask that goes with a column of padded rows."""
        source = self.list_source(column)
        assert source is not None, f"column `{column.name}` is no list"
        return f"{source.name}_mask"

    def weights_name(self, column: Column) -> str | None:
        """Return the key of the float weights that go with a column, None where it has none.

        They are those of the `weighted` list that gives the column its rows.
        """
        source = self.list_source(column)
        return f"{source.name}_weights" if source is not None and source.weighted else None

    @property
    def is_timed(self) -> bool:
        """Whether a sequence brings the ages of its steps."""
        return any(column.timed for column in self.sequences)

    def vocabulary_size(self, column: Column) -> int:
        """Return the number of encoded ids of `column`, padding and unknown included.

        Raises:
            SchemaError: The schema is not fitted.
        """
        if column.kind is Kind.CROSS:
            if column.num_buckets:
                return column.num_buckets + 1
            size = 1
            for source in column.sources:
                size *= self.vocabulary_size(self[source])
            return size + 1
        owner = self.table_of(column)
        if owner.hash_buckets is not None:
            return owner.hash_buckets + FIRST_ID
        if owner.growing:
            assert owner.max_vocabulary is not None
            return owner.max_vocabulary + FIRST_ID + 1  # and a row of no id, which stays untouched
        if owner.vocabulary_size is None:
            raise SchemaError(
                f"Column `{owner.name}` has no vocabulary yet: fit the schema first, with "
                "`EventLog.split` or `Preprocessor.fit`."
            )
        return owner.vocabulary_size

    @property
    def is_fitted(self) -> bool:
        """Whether every vocabulary size and every list length is known."""
        return all(
            (self.table_of(c).is_hashed or self.table_of(c).vocabulary_size is not None)
            and (c.max_length is not None or not c.is_list)
            for c in self.features
            if c.has_ids and c.kind is not Kind.CROSS
        )

    def replace(self, columns: Iterable[Column]) -> FeatureSchema:
        """Return a copy in which the given columns take the place of their namesakes."""
        new = {column.name: column for column in columns}
        return FeatureSchema((new.get(c.name, c) for c in self.columns.values()), self.name)

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as plain YAML values."""
        return {
            "name": self.name,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSchema:
        """Build a schema from the values of `to_dict`.

        Raises:
            SchemaError: A key is unknown or the columns contradict each other.
        """
        if unknown := sorted(set(values) - {"name", "columns"}):
            raise SchemaError(
                f"A schema has the keys `name` and `columns`; `{unknown[0]}` is neither."
            )
        columns = values.get("columns") or {}
        return cls(
            (Column.from_dict(name, fields) for name, fields in columns.items()),
            values.get("name", "events"),
        )

    def save(self, path: str | pathlib.Path) -> None:
        """Write the schema as YAML."""
        text = yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)
        pathlib.Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | pathlib.Path) -> FeatureSchema:
        """Read a schema from YAML.

        Raises:
            SchemaError: The file is not a schema.
        """
        try:
            values = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise SchemaError(f"`{path}` is not a schema: it is no YAML ({error}).") from error
        if not isinstance(values, dict) or not isinstance(values.get("columns"), dict):
            raise SchemaError(
                f"`{path}` is not a schema: it must be a YAML mapping with `columns`, itself a "
                "mapping."
            )
        return cls.from_dict(values)
