"""What columns must not contradict: checked once, when a schema is made."""

from __future__ import annotations

from collections.abc import Mapping

from recommenders_tf.column import Column, Kind, Role, SchemaError


def check_columns(columns: Mapping[str, Column], schema: str) -> None:
    """Raise a `SchemaError` if columns contradict themselves or each other.

    Args:
        columns: The columns by name.
        schema: Name of the schema, for the messages.

    Raises:
        SchemaError: They do; the message names the column and the remedy.

    Example:
        >>> check_columns({"age": Column("age", Kind.NUMERIC, Role.USER)}, "toy")
        Traceback (most recent call last):
        ...
        recommenders_tf.column.SchemaError: Schema `toy` needs exactly one column of kind `id` and
        role `user`; it has 0.
    """
    for role in (Role.USER, Role.ITEM):
        ids = [c for c in columns.values() if c.role is role and c.kind is Kind.ID]
        if len(ids) != 1:
            raise SchemaError(
                f"Schema `{schema}` needs exactly one column of kind `id` and role "
                f"`{role.value}`; it has {len(ids)}."
            )
    if len(times := [c for c in columns.values() if c.role is Role.EVENT_TIME]) > 1:
        raise SchemaError(
            f"Schema `{schema}` has two columns of role `{Role.EVENT_TIME.value}`: "
            f"`{times[0].name}` and `{times[1].name}`; keep one."
        )
    for column in columns.values():
        _check_names(columns, column, schema)
        _check_role(column)
        if column.kind is Kind.SEQUENCE:
            _check_sequence(columns, column)
        if column.kind is Kind.CROSS:
            _check_cross(columns, column)
        if column.kind is Kind.LABEL and column.source is not None:
            _check_label(columns[column.source], column)
        _check_values(columns, column)
        _check_table(column)


def _check_names(columns: Mapping[str, Column], column: Column, schema: str) -> None:
    """Raise a `SchemaError` if a column names one that cannot be meant."""
    for other in filter(None, (column.share_with, column.source, *column.sources)):
        if other not in columns:
            raise SchemaError(
                f"Column `{column.name}` names `{other}`, which is not in schema "
                f"`{schema}`; add it or correct the name."
            )
        if other == column.name:
            raise SchemaError(f"Column `{column.name}` names itself; name another column.")
    shared, owners = column, {column.name}
    while (owner := shared.share_with or shared.source) in columns and owner is not None:
        if owner in owners:
            raise SchemaError(
                f"Column `{column.name}` shares its vocabulary in a circle, through `{owner}`; one "
                "of them must own it."
            )
        owners.add(owner)
        shared = columns[owner]


def _check_role(column: Column) -> None:
    """Raise a `SchemaError` if a column's kind does not go with its role."""
    for kind, role in ((Kind.LABEL, Role.LABEL), (Kind.TIMESTAMP, Role.EVENT_TIME)):
        if column.role is role and column.kind is not kind:
            raise SchemaError(
                f"Column `{column.name}` of role `{role.value}` must have the kind `{kind.value}`, "
                f"not `{column.kind.value}`."
            )


def _check_sequence(columns: Mapping[str, Column], column: Column) -> None:
    """Raise a `SchemaError` if a sequence cannot be collected."""
    if column.source is None:
        raise SchemaError(f"Sequence `{column.name}` needs `source`: the column it collects.")
    if column.role is not Role.USER:
        raise SchemaError(f"Sequence `{column.name}` is a user's past: give it the role `user`.")
    if not any(c.role is Role.EVENT_TIME for c in columns.values()):
        raise SchemaError(
            f"Sequence `{column.name}` needs a column of role `event_time`: a history without "
            "times would leak the future."
        )
    if columns[column.source].role is not Role.ITEM:
        raise SchemaError(
            f"Sequence `{column.name}` collects `{column.source}`, which does not describe an "
            "item: name a column of role `item` as its `source`."
        )


def _check_label(source: Column, column: Column) -> None:
    """Raise a `SchemaError` if a label cannot be read from its source."""
    if source.kind is not Kind.LABEL or source.is_derived:
        raise SchemaError(
            f"Label `{column.name}` is read from `{source.name}`, which is no label of the data: "
            "name one that has no `source` itself."
        )


def _check_cross(columns: Mapping[str, Column], column: Column) -> None:
    """Raise a `SchemaError` if a cross cannot be computed."""
    if len(column.sources) < 2:
        raise SchemaError(f"Cross `{column.name}` needs two or more `sources`.")
    sources = [columns[name] for name in column.sources]
    for source in sources:
        if not source.has_ids or source.kind is Kind.CROSS:
            raise SchemaError(
                f"Cross `{column.name}` combines ids; `{source.name}` has none: give it "
                "`num_buckets` or leave it out."
            )
        if source.growing and column.num_buckets is None:
            raise SchemaError(
                f"Cross `{column.name}` cannot number the combinations of `{source.name}`, which "
                "grows: give the cross `num_buckets`."
            )
    if len(lists := [source.name for source in sources if source.is_list]) > 1:
        raise SchemaError(
            f"Cross `{column.name}` combines the lists `{lists[0]}` and `{lists[1]}`; at most "
            "one source may be a list."
        )


def _check_values(columns: Mapping[str, Column], column: Column) -> None:
    """Raise a `SchemaError` if a column's values cannot be read or scaled as it says."""
    if column.scaling not in ("standard", "log", "none"):
        raise SchemaError(
            f"Column `{column.name}` has the unknown scaling `{column.scaling}`; known are "
            "standard, log, none."
        )
    if column.boundaries and list(column.boundaries) != sorted(set(column.boundaries)):
        raise SchemaError(f"The `boundaries` of column `{column.name}` must increase.")
    if column.weighted and column.kind is not Kind.MULTI_HOT:
        raise SchemaError(
            f"Column `{column.name}` of kind `{column.kind.value}` cannot be `weighted`; only a "
            "`multi_hot` column can."
        )
    if column.timed and column.kind is not Kind.SEQUENCE:
        raise SchemaError(
            f"Column `{column.name}` of kind `{column.kind.value}` cannot be `timed`; only a "
            "`sequence` can."
        )
    for what, asked in (("weights", column.weighted), ("ages", column.timed)):
        if asked and f"{column.name}_{what}" in columns:
            raise SchemaError(
                f"The {what} of column `{column.name}` would be called `{column.name}_{what}`, as "
                "another column is; give that one another name."
            )


def _check_table(column: Column) -> None:
    """Raise a `SchemaError` if a column asks for a table of vectors that cannot be."""
    name = column.name
    for option in ("hash_buckets", "growing", "quotient_remainder"):
        asked = getattr(column, option) not in (None, False)
        if asked and not (column.has_ids and column.share_with is None and column.source is None):
            raise SchemaError(
                f"Column `{name}` cannot have `{option}`: it is of a column with a table of its "
                "own; give it to the one whose table this column shares, or leave it out."
            )
    if column.is_hashed and (column.is_bucketized or column.kind is Kind.CROSS):
        raise SchemaError(
            f"Column `{name}` has no raw values to hash: leave out `hash_buckets` and `growing`, "
            "and give it `num_buckets`."
        )
    if column.hash_buckets is not None and column.hash_buckets < 1:
        raise SchemaError(
            f"Column `{name}` has `hash_buckets` {column.hash_buckets}; give it 1 or more."
        )
    if column.hash_buckets is not None and (
        column.growing or column.max_vocabulary or column.min_count > 1
    ):
        raise SchemaError(
            f"Column `{name}` keeps no vocabulary, since it has `hash_buckets`: leave out "
            "`growing`, `max_vocabulary` and `min_count`."
        )
    if column.growing and not column.max_vocabulary:
        raise SchemaError(f"Column `{name}` grows: give it `max_vocabulary`, its places.")
    if column.growing and column.quotient_remainder:
        raise SchemaError(
            f"Column `{name}` cannot grow and share rows as well: leave out `growing` or "
            "`quotient_remainder`."
        )
    if column.forget_after is not None and not (column.growing and column.forget_after > 0):
        raise SchemaError(
            f"Column `{name}` has `forget_after` {column.forget_after}; give it 1 or more steps, "
            "with `growing`."
        )
    if column.quotient_remainder not in (None, "add", "multiply", "concat"):
        raise SchemaError(
            f"Column `{name}` has the unknown quotient_remainder `{column.quotient_remainder}`; "
            "known are add, multiply, concat."
        )
    if column.collisions is not None and not (column.quotient_remainder and column.collisions > 0):
        raise SchemaError(
            f"Column `{name}` has `collisions` {column.collisions}; give it 1 or more, with "
            "`quotient_remainder`."
        )
