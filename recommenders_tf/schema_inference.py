"""A first draft of a feature schema, inferred from the data; meant to be read and corrected."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Collection, Iterable

import pandas as pd

from recommenders_tf.data.files import Table, read_rows
from recommenders_tf.data.sources import TableSource
from recommenders_tf.data.values import is_list, to_numbers, to_seconds
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError

_SAMPLE = 200_000
# The likeliest noun first.
_NOUNS = {
    Role.USER: "user customer visitor member reviewer reader viewer client account session",
    Role.ITEM: "item movie product article news song track artist book video game recipe asin sku "
    "business app",
}
_ID_NAME = r"(parent_)?{noun}s?(_?(id|key|no|code|index|uuid))?"
_TIME_NAME = re.compile(r"time|date|(^|_)(at|ts|when)$")
_LABEL_NAME = re.compile(r"rating|label|click|score|stars|target|overall|purchase|like|feedback")
_YEAR_1990, _YEAR_2100 = 631_152_000, 4_102_444_800
_MOST_CATEGORIES = 20
_LIST_SHARE = 0.01
_TEXT_WORDS, _TEXT_SHARE = 2.5, 0.2
_HISTORY_LENGTH = 50


def infer_schema(
    events: Table,
    users: Table | None = None,
    items: Table | None = None,
    *,
    user_id: str | None = None,
    item_id: str | None = None,
    event_time: str | None = None,
    label: str | None = None,
    name: str | None = None,
) -> FeatureSchema:
    """Draft a schema from the names and values of the columns.

    Ids, time and label are told by their names and values, kinds by the values. A feature in the
    events is the user's or the item's if each of them has but one value of it, otherwise it
    belongs to the context. A log with times gets a `history` of the user's items.

    Args:
        events: Who met what and when: a CSV, TSV or Parquet file, a `TableSource` or a frame. The
            first 200,000 rows are looked at.
        users: One row a user; its columns become user features.
        items: One row an item; its columns become item features.
        user_id: Column with the user's id; None looks for it. So for the next three.
        item_id: Column with the item's id.
        event_time: Column with the time of the event.
        label: Column with what came of the event, a rating or a click.
        name: Name of the data set; None takes that of the events file.

    Returns:
        The draft, to be saved, read and corrected.

    Raises:
        SchemaError: It cannot be told which column is the user id or the item id, or one that is
            named is not there.

    Example:
        >>> import pandas as pd
        >>> events = pd.DataFrame({
        ...     "user": [1, 1, 2], "movie": [7, 8, 7], "rating": [5.0, 3.0, 4.0],
        ...     "timestamp": [978300760, 978302109, 978301968],
        ... })
        >>> for column in infer_schema(events).columns.values():
        ...     print(column.name, column.kind.value, column.role.value)
        user id user
        history sequence user
        movie id item
        timestamp timestamp event_time
        rating label label
    """
    frame = _sample(events)
    given = {"user_id": user_id, "item_id": item_id, "event_time": event_time, "label": label}
    for argument, column in given.items():
        if column is not None and column not in frame:
            raise SchemaError(
                f"`{argument}` names the column `{column}`, but the events have "
                f"{', '.join(frame.columns)}; name one of these."
            )
    user, item = find_ids(frame.columns, user_id, item_id)
    free = [c for c in frame.columns if c not in {user, item, *given.values()}]
    timed = (c for c in _times_first(free) if _is_time(frame[c], c))
    event_time = event_time or next(timed, None)
    free = [c for c in free if c != event_time]
    label = label or next((c for c in free if _is_label(frame[c], c)), None)

    ids = {Role.USER: (user, users), Role.ITEM: (item, items)}
    columns: dict[Role, list[Column]] = {role: [] for role in Role}
    for role, (key, table) in ids.items():
        columns[role].append(Column(key, Kind.ID, role))
        if table is not None:
            columns[role] += _table_columns(_sample(table), role, key)
    known = {column.name for role in ids for column in columns[role]}
    for column in [c for c in free if c not in known and c != label]:
        keys = {role: key for role, (key, table) in ids.items() if table is None}
        role = _role(frame, column, keys)
        rows = frame.drop_duplicates(keys[role]) if role in keys else frame
        columns[role].append(_feature(rows[column], column, role))
    if event_time:
        history = "history" if "history" not in frame else f"{item}_history"
        sequence = Column(
            history, Kind.SEQUENCE, Role.USER, source=item, max_length=_HISTORY_LENGTH
        )
        columns[Role.USER].append(sequence)
        columns[Role.EVENT_TIME].append(Column(event_time, Kind.TIMESTAMP, Role.EVENT_TIME))
    if label:
        columns[Role.LABEL].append(_label(frame[label], label))
    order = (Role.USER, Role.ITEM, Role.CONTEXT, Role.EVENT_TIME, Role.LABEL)
    return FeatureSchema((c for role in order for c in columns[role]), name or _name(events))


def find_ids(
    names: Collection[str], user_id: str | None = None, item_id: str | None = None
) -> tuple[str, str]:
    """Return the columns whose names are those of the user id and the item id.

    Args:
        names: Names of columns.
        user_id: The user id, if it is known.
        item_id: The item id, if it is known.

    Raises:
        SchemaError: One of them cannot be told from the names.
    """
    user = user_id or _named_id(names, Role.USER)
    item = item_id or _named_id(names, Role.ITEM)
    return user or _other_id(names, item, Role.USER), item or _other_id(names, user, Role.ITEM)


def is_time_name(name: str) -> bool:
    """Return whether a column of this name is likely to hold times."""
    return _TIME_NAME.search(_snake_case(name)) is not None


def is_label_name(name: str) -> bool:
    """Return whether a column of this name is likely to hold what came of the event."""
    return _LABEL_NAME.search(_snake_case(name)) is not None


def _named_id(names: Collection[str], role: Role) -> str | None:
    """Return the column that is named like the id of a role, if there is one."""
    plain = {_snake_case(name): name for name in reversed([*names])}
    for noun in _NOUNS[role].split():
        pattern = re.compile(_ID_NAME.format(noun=noun))
        matches = [name for name in reversed([*plain]) if pattern.fullmatch(name)]
        if matches:  # of `user` and `user_id`, the one that says so is the id
            return plain[max(matches, key=lambda name: name.endswith("id"))]
    return None


def _other_id(names: Collection[str], taken: str | None, role: Role) -> str:
    """Return the only other column that is called an id."""
    others = [name for name in names if _snake_case(name).endswith("id") and name != taken]
    if len(others) == 1:
        return others[0]
    raise SchemaError(
        f"It cannot be told which column is the {role.value} id; the columns are "
        f"{', '.join(names)}. Name it: `{role.value}_id=...` (--{role.value}-id)."
    )


def _table_columns(frame: pd.DataFrame, role: Role, key: str) -> list[Column]:
    if key not in frame:
        raise SchemaError(
            f"The {role.value} table has no column `{key}`, the {role.value} id of the events; it "
            f"has {', '.join(frame.columns)}. Give the column the same name in both."
        )
    return [_feature(frame[name], name, role) for name in frame.columns if name != key]


def _role(frame: pd.DataFrame, column: str, keys: dict[Role, str]) -> Role:
    """Return whose a column of the events is: its value is always the same for that key."""
    values = frame[column].astype(str)
    whose = [
        role
        for role, key in keys.items()
        if frame[key].nunique() < len(frame) and values.groupby(frame[key]).nunique().max() == 1
    ]
    return whose[0] if len(whose) == 1 else Role.CONTEXT


def _feature(values: pd.Series, name: str, role: Role) -> Column:
    """Draft a column from its values: text, "" when missing, or lists of text."""
    if is_list(values):
        return Column(name, Kind.MULTI_HOT, role)
    filled = values[values != ""]
    as_number = to_numbers(filled)
    if len(filled) and as_number.notna().all():
        if _is_code(as_number, name):
            return Column(name, Kind.CATEGORICAL, role)
        skewed = as_number.min() >= 0 and as_number.max() > 100 * max(as_number.median(), 1)
        return Column(name, Kind.NUMERIC, role, scaling="log" if skewed else "standard")
    if len(filled) == len(values) and to_seconds(filled).notna().all():
        return Column(name, Kind.TIMESTAMP, role)
    if filled.str.contains("|", regex=False).mean() >= _LIST_SHARE:
        return Column(name, Kind.MULTI_HOT, role)
    distinct = filled.drop_duplicates()
    words = distinct.str.count(r"\S+").mean()
    if words >= _TEXT_WORDS and len(distinct) >= _TEXT_SHARE * len(filled):
        return Column(name, Kind.TEXT, role)
    return Column(name, Kind.CATEGORICAL, role)


def _is_code(values: pd.Series, name: str) -> bool:
    """Return whether numbers are names of things: few whole ones, or called id or code."""
    named = re.search(r"(^|_)(id|code|zip|category)", _snake_case(name)) is not None
    few = values.nunique() <= min(_MOST_CATEGORIES, len(values) / 2)
    return bool((values % 1 == 0).all()) and (named or few)


def _is_time(values: pd.Series, name: str) -> bool:
    """Return whether values are times of our days, and many, or named as times."""
    if is_list(values) or values.empty:
        return False
    found = to_seconds(values)
    in_range = found.between(_YEAR_1990, _YEAR_2100).mean() > 0.5
    if is_time_name(name):
        if (found / 1000).between(_YEAR_1990, _YEAR_2100).mean() > 0.5:
            raise SchemaError(
                f"Column `{name}` holds times in milliseconds; times are in Unix seconds or ISO "
                "8601: divide them by 1000, in the file or in the `tidy` of a `TableSource`."
            )
        return bool(in_range)
    return bool(in_range and found.nunique() > _MOST_CATEGORIES and (found.dropna() % 1 == 0).all())


def _times_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: not is_time_name(name))


def _is_label(values: pd.Series, name: str) -> bool:
    if is_list(values) or not is_label_name(name):
        return False
    return bool(to_numbers(values).notna().mean() > 0.5)


def _label(values: pd.Series, name: str) -> Column:
    """Draft the label: of more than two values, the upper ones count as positive."""
    known = to_numbers(values).dropna()
    if known.nunique() <= 2:
        return Column(name, Kind.LABEL, Role.LABEL)
    stars = 2 < known.max() <= 5
    positive_from = 4.0 if stars else float(known.median())
    return Column(name, Kind.LABEL, Role.LABEL, positive_from=positive_from)


def _sample(table: Table) -> pd.DataFrame:
    return read_rows(table).frame.head(_SAMPLE)


def _name(table: Table) -> str:
    path = table.path if isinstance(table, TableSource) else table
    return "events" if isinstance(path, pd.DataFrame) else pathlib.Path(path).name.split(".")[0]


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+", "_", name).lower()
