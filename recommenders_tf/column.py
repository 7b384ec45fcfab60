"""One column of the data: what it holds, whom it describes, how it is encoded."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

PADDING_ID = 0
"""Encoded id of padding and of a missing value."""
UNKNOWN_ID = 1
"""Encoded id of a value that is not in the vocabulary."""
FIRST_ID = 2
"""Encoded id of the first vocabulary entry."""
UNKNOWN_VALUE = "\x00unknown"
"""Raw value of an id that stands for any that is not known: its encoded id is `UNKNOWN_ID`."""

WEIGHT = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
"""Pattern of the weight of a weighted value: a number that is not negative."""


class SchemaError(ValueError):
    """A schema, or a use of one, that cannot work; the message names the column and the remedy.

    Example:
        >>> try:
        ...     Column.from_dict("age", {"kind": "number", "role": "user"})
        ... except SchemaError as error:
        ...     print(str(error)[:47])
        Column `age` has the unknown kind `number`; kno
    """


class Kind(str, enum.Enum):
    """What a column holds, and so how it is encoded.

    Example:
        >>> Kind("multi_hot") in LIST_KINDS
        True
    """

    ID = "id"
    CATEGORICAL = "categorical"
    MULTI_HOT = "multi_hot"
    NUMERIC = "numeric"
    SEQUENCE = "sequence"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    LABEL = "label"
    CROSS = "cross"


class Role(str, enum.Enum):
    """Whom a column describes.

    Example:
        >>> Role("item").value
        'item'
    """

    USER = "user"
    ITEM = "item"
    CONTEXT = "context"
    LABEL = "label"
    EVENT_TIME = "event_time"


LIST_KINDS = frozenset({Kind.MULTI_HOT, Kind.SEQUENCE, Kind.TEXT})
"""Kinds whose raw value is a list of strings and whose encoded value is a padded row of ids."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of the data.

    Args:
        name: Column name in the raw data and key of the encoded tensor.
        kind: What it holds; see `Kind`.
        role: Whom it describes; see `Role`.
        embedding_dim: Width of its embedding; None leaves it to the model.
        share_with: Column whose vocabulary and embedding table this one uses. A sequence shares
            with its `source` unless told otherwise.
        min_count: Values seen fewer times in training map to `UNKNOWN_ID`.
        max_vocabulary: Keep only so many of the most frequent values.
        hash_buckets: Hash the values into so many ids instead of keeping a vocabulary; values
            whose hashes meet share an id, and no value is unknown.
        growing: Let the model learn the vocabulary while it trains: it has `max_vocabulary`
            places, and a value takes one once it was met `min_count` times.
        forget_after: Of a growing column: training steps without a sighting after which a value
            may lose its place to a new one; None keeps every place for good.
        quotient_remainder: Compose the vectors of ids from two small tables, by `add`,
            `multiply` or `concat`; None keeps a row for every id.
        collisions: Of a quotient-remainder column: ids that share a row of its larger table,
            which has so many times fewer rows than there are ids; None makes both tables small,
            about the square root.
        scaling: Of a numeric column: `standard`, `log` or `none`.
        num_buckets: Of a numeric column: replace the value by the id of its quantile bucket. Of a
            cross: hash the combinations into so many ids; None keeps every combination apart.
        boundaries: Of a numeric column: fixed bucket boundaries, increasing.
        max_length: Of a list column: values kept; a sequence keeps the latest.
        source: Of a sequence: the event column whose past values it collects. Of a label: the
            label of whose raw values it is another reading, by its own `positive_from`.
        sources: Of a cross: the columns that it combines.
        separator: Of a list column: what stands between the values in a text file.
        weighted: Of a multi-hot column: whether each value brings its weight, as `value:weight`;
            the last colon separates, and without one the weight is 1.
        timed: Of a sequence: whether each value brings its age, the seconds from it to the event.
        positive_from: Of a label: values at or above it become 1.0, others 0.0.
        vocabulary_size: Fitted. Number of encoded ids, padding and unknown included.
        mean: Fitted. Of a numeric column, after `log` where asked for.
        stddev: Fitted. Of a numeric column, after `log` where asked for.

    Example:
        >>> column = Column.from_dict("age", {"kind": "numeric", "role": "user", "num_buckets": 5})
        >>> column.is_bucketized, column.is_list
        (True, False)
    """

    name: str
    kind: Kind
    role: Role
    embedding_dim: int | None = None
    share_with: str | None = None
    min_count: int = 1
    max_vocabulary: int | None = None
    hash_buckets: int | None = None
    growing: bool = False
    forget_after: int | None = None
    quotient_remainder: str | None = None
    collisions: int | None = None
    scaling: str = "standard"
    num_buckets: int | None = None
    boundaries: tuple[float, ...] | None = None
    max_length: int | None = None
    source: str | None = None
    sources: tuple[str, ...] = ()
    separator: str = "|"
    weighted: bool = False
    timed: bool = False
    positive_from: float | None = None
    vocabulary_size: int | None = None
    mean: float | None = None
    stddev: float | None = None

    @property
    def is_bucketized(self) -> bool:
        """Whether a numeric column is encoded as a bucket id."""
        return self.kind is Kind.NUMERIC and bool(self.num_buckets or self.boundaries)

    @property
    def is_list(self) -> bool:
        """Whether the encoded value is a padded row of ids."""
        return self.kind in LIST_KINDS

    @property
    def ages_name(self) -> str | None:
        """Key of the ages that go with a `timed` sequence, None of any other column."""
        return f"{self.name}_ages" if self.timed else None

    @property
    def has_ids(self) -> bool:
        """Whether the encoded value is one or more ids, to be embedded."""
        return self.is_list or self.is_bucketized or self.kind in _ID_KINDS

    @property
    def is_hashed(self) -> bool:
        """Whether the encoded ids are hashes of the raw values."""
        return self.growing or self.hash_buckets is not None

    @property
    def owns_vocabulary(self) -> bool:
        """Whether it brings a vocabulary that is fitted on the data."""
        return (
            self.has_ids
            and self.share_with is None
            and self.kind not in (Kind.SEQUENCE, Kind.CROSS)
            and not (self.is_bucketized or self.is_hashed)
        )

    @property
    def is_numeric(self) -> bool:
        """Whether the encoded value is a float feature."""
        return self.kind is Kind.NUMERIC and not self.is_bucketized

    @property
    def is_derived(self) -> bool:
        """Whether no raw example has it: it is made of other columns when they are encoded."""
        return self.kind is Kind.CROSS or self.raw_name != self.name

    @property
    def raw_name(self) -> str:
        """Name of the raw column that it is encoded from."""
        return self.source or self.name if self.kind is Kind.LABEL else self.name

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as plain YAML values."""
        values: dict[str, Any] = {"kind": self.kind.value, "role": self.role.value}
        for field in dataclasses.fields(self)[3:]:
            value = getattr(self, field.name)
            if value != field.default:
                values[field.name] = list(value) if isinstance(value, tuple) else value
        return values

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> Column:
        """Build a column from plain values; unknown keys are errors.

        Raises:
            SchemaError: A key, kind or role is unknown, or a required one is missing.
        """
        if not isinstance(values, Mapping):
            raise SchemaError(f"Column `{name}` must be a mapping with `kind` and `role`.")
        known = {field.name for field in dataclasses.fields(cls)} - {"name"}
        if unknown := sorted(set(values) - known):
            raise SchemaError(
                f"Column `{name}` has the unknown key `{unknown[0]}`; known keys are "
                f"{', '.join(sorted(known))}."
            )
        kind = _member(Kind, values, "kind", name)
        role = _member(Role, values, "role", name)
        rest: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in values.items()
            if key not in ("kind", "role")
        }
        return cls(name=name, kind=kind, role=role, **rest)


_ID_KINDS = frozenset({Kind.ID, Kind.CATEGORICAL, Kind.CROSS})


def _member(enum_type: Any, values: Mapping[str, Any], key: str, name: str) -> Any:
    """Return the enum member that `values[key]` names."""
    known = ", ".join(member.value for member in enum_type)
    if key not in values:
        raise SchemaError(f"Column `{name}` has no `{key}`; give one of {known}.")
    try:
        return enum_type(values[key])
    except ValueError as error:
        raise SchemaError(
            f"Column `{name}` has the unknown {key} `{values[key]}`; known are {known}."
        ) from error
