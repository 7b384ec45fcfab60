"""Beam: events joined with their items and users, duplicates and unknown ids set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import apache_beam as beam
import pandas as pd

from recommenders_tf.data import cleaning, quarantine
from recommenders_tf.schema import FeatureSchema, Role
from tfx_pipeline.reading import POSITION

_KNOWN_ITEM = "__known_item__"

Output = pd.DataFrame | beam.pvalue.TaggedOutput


class Joined(NamedTuple):
    """What came of all tables.

    Args:
        events: Good events with the features of their users and items, `pd.DataFrame`; all
            events of a user are in one frame, in the order of the file.
        users: Good users.
        items: Good items.
        bad: Quarantine records.
    """

    events: beam.PCollection
    users: beam.PCollection
    items: beam.PCollection
    bad: beam.PCollection


class JoinTables(beam.PTransform):
    """Joins events with the item table, then with the user table.

    Users and items are divided into shards by a hash of their ids, so that a join is a
    `CoGroupByKey` on the shard, and a merge of frames within it.

    Args:
        schema: What the columns mean.
        shards: Number of shards.
    """

    def __init__(self, schema: FeatureSchema, shards: int) -> None:
        super().__init__()
        self._schema = schema
        self._shards = shards

    def expand(self, tables: Mapping[str, beam.PCollection]) -> Joined:
        """Return the joined rows of the tables `events` and, where given, `users` and `items`."""
        bad = []
        events, users, items = tables["events"], tables.get("users"), tables.get("items")
        if items is not None:
            joined = self._co_group("Items", events, items, Role.ITEM) | "Join items" >> beam.ParDo(
                JoinItems(self._schema)
            ).with_outputs("bad", "entities", main="events")
            events, items = joined.events, joined.entities
            bad.append(joined.bad)
        joined = self._co_group("Users", events, users, Role.USER) | "Join users" >> beam.ParDo(
            JoinUsers(self._schema, users is not None)
        ).with_outputs("bad", "entities", main="events")
        bad.append(joined.bad)
        if items is None:
            items = self._co_group("Met items", joined.events, None, Role.ITEM) | (
                "Last features" >> beam.FlatMap(met_entities, self._schema, Role.ITEM)
            )
        all_bad = bad | "All bad" >> beam.Flatten()
        return Joined(joined.events, joined.entities, items, all_bad)

    def _co_group(
        self,
        label: str,
        events: beam.PCollection,
        entities: beam.PCollection | None,
        role: Role,
    ) -> beam.PCollection:
        key = id_name(self._schema, role)
        sides = {"events": events} | ({} if entities is None else {"entities": entities})
        keyed = {
            name: rows | f"{label}: shards of {name}" >> beam.FlatMap(by_shard, key, self._shards)
            for name, rows in sides.items()
        }
        return keyed | label >> beam.CoGroupByKey()


class JoinItems(beam.DoFn):
    """Gives every event the features of its item, and notes whether there is one."""

    def __init__(self, schema: FeatureSchema) -> None:
        self._schema = schema

    def process(self, group: tuple[int, Mapping[str, list[pd.DataFrame]]]) -> Iterator[Output]:
        """Yield the events of a shard; items and quarantine records go to own outputs."""
        _, sides = group
        key = id_name(self._schema, Role.ITEM)
        items, bad = distinct("items", sides["entities"], key)
        yield from _tagged("entities", items)
        yield from _tagged("bad", bad)
        events = in_order(sides["events"])
        if events is None:
            return
        known = pd.Index([]) if items is None else items[key]
        events[_KNOWN_ITEM] = events[key].isin(known)
        yield events if items is None else events.merge(_features(items), on=key, how="left")


class JoinUsers(beam.DoFn):
    """Gives every event the features of its user; all that is wrong with an event is known here.

    Args:
        schema: What the columns mean.
        has_table: Whether there is a user table; if not, users are those of the events.
    """

    def __init__(self, schema: FeatureSchema, has_table: bool) -> None:
        self._schema = schema
        self._has_table = has_table

    def process(self, group: tuple[int, Mapping[str, list[pd.DataFrame]]]) -> Iterator[Output]:
        """Yield the good events of a shard; users and quarantine records go to own outputs."""
        _, sides = group
        key = id_name(self._schema, Role.USER)
        events, users = in_order(sides["events"]), None
        if self._has_table:
            users, bad = distinct("users", sides["entities"], key)
            yield from _tagged("entities", users)
            yield from _tagged("bad", bad)
        if events is None:
            return
        events, bad = self._good_events(events, users)
        yield from _tagged("bad", bad)
        if not len(events):
            return
        if not self._has_table:
            yield from _tagged("entities", cleaning.entities(events, self._schema, Role.USER))
        yield events if users is None else events.merge(_features(users), on=key, how="left")

    def _good_events(
        self, events: pd.DataFrame, users: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the good events and the quarantine records of the others."""
        item = id_name(self._schema, Role.ITEM)
        known_items = events.loc[events.pop(_KNOWN_ITEM), item] if _KNOWN_ITEM in events else None
        known_users = None
        if self._has_table:
            key = id_name(self._schema, Role.USER)
            known_users = pd.Series([], dtype=object) if users is None else users[key]
        reasons = cleaning.event_reasons(events, self._schema, known_users, known_items)
        own = [c.name for c in cleaning.event_columns(self._schema)]
        bad = quarantine.quarantined("events", events[own], reasons)
        return events[reasons == ""].reset_index(drop=True), bad


def by_shard(rows: pd.DataFrame, key: str, shards: int) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the rows of each shard; the hash is the same in every process."""
    shard = pd.util.hash_array(rows[key].to_numpy(object), categorize=True) % shards
    for number, part in rows.groupby(shard):
        yield int(number), part


def met_entities(
    group: tuple[int, Mapping[str, list[pd.DataFrame]]], schema: FeatureSchema, role: Role
) -> Iterator[pd.DataFrame]:
    """Yield the users or items that the events of a shard name, with their last features."""
    events = in_order(group[1]["events"])
    if events is not None:
        yield cleaning.entities(events, schema, role)


def in_order(parts: list[pd.DataFrame]) -> pd.DataFrame | None:
    """Return the rows of all parts in the order of their file; None if there are none."""
    parts = list(parts)
    if not parts:
        return None
    return pd.concat(parts).sort_values(POSITION, ignore_index=True)


def distinct(
    table: str, parts: list[pd.DataFrame], key: str
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return the first row of each id, and the quarantine records of the others."""
    rows = in_order(parts)
    if rows is None:
        return None, None
    reasons = cleaning.id_reasons(rows, key)
    bad = quarantine.quarantined(table, _features(rows), reasons)
    return rows[reasons == ""].reset_index(drop=True), bad


def id_name(schema: FeatureSchema, role: Role) -> str:
    """Return the name of the user or item id."""
    return (schema.user_id if role is Role.USER else schema.item_id).name


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=POSITION)


def _tagged(name: str, frame: pd.DataFrame | None) -> Iterator[beam.pvalue.TaggedOutput]:
    if frame is not None and len(frame):
        yield beam.pvalue.TaggedOutput(name, frame)
