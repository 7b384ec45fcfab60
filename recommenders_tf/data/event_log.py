"""An event log: who met what and when, with the user and item tables and the schema."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from recommenders_tf.data.quarantine import CleaningReport
from recommenders_tf.data.split import Split
from recommenders_tf.data.splits import Mask, k_core
from recommenders_tf.schema import FeatureSchema


@dataclasses.dataclass(frozen=True)
class EventLog:
    """Raw events with their user and item tables, one schema describing all three.

    Values are raw: ids, categories and text are text ("" when missing), numbers and the label
    float64 (NaN when missing), times int64 Unix seconds, multi-hot columns lists of text.

    Args:
        events: One row an event: user id, item id, time, label and context columns.
        users: One row a user: its id and features.
        items: One row an item: its id and features.
        schema: What the columns mean.
        past: Events that happened and may serve as history but are no targets, such as the
            training events of a test log; columns as in `events`.
        report: The account of the rows that cleaning let in and set aside.
        behaviours: What histories are made of where not all events happened, as in
            `with_sampled_negatives`; None takes `events` and `past`.

    Example:
        >>> from recommenders_tf.data import synthetic
        >>> log = synthetic(num_users=20, num_items=50, num_events=400, seed=1)
        >>> train, test = log.split()
        >>> len(train), len(test)
        (380, 20)
    """

    events: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    schema: FeatureSchema
    past: pd.DataFrame | None = None
    report: CleaningReport | None = None
    behaviours: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        return (
            f"EventLog({self.schema.name!r}, events={len(self.events):,}, "
            f"users={len(self.users):,}, items={len(self.items):,})"
        )

    def summary(self) -> dict[str, str | int | float]:
        """Return the facts one asks of a log first: sizes, density and days covered."""
        users = self.events[self.schema.user_id.name].nunique()
        items = self.events[self.schema.item_id.name].nunique()
        facts: dict[str, str | int | float] = {
            "name": self.schema.name,
            "events": len(self.events),
            "users": len(self.users),
            "items": len(self.items),
            "active_users": users,
            "active_items": items,
            "density": len(self.events) / max(users * items, 1),
        }
        if self.schema.event_time and len(self.events):
            times = self.events[self.schema.event_time.name]
            facts["first_event"] = pd.Timestamp(times.min(), unit="s").isoformat()
            facts["last_event"] = pd.Timestamp(times.max(), unit="s").isoformat()
        return facts

    def split(
        self,
        strategy: str | Split = "leave_last_out",
        *,
        validation: bool = False,
        **arguments: Any,
    ) -> tuple[EventLog, ...]:
        """Split the events into those to learn from and those to be measured on.

        The events of the earlier parts become the `past` of the later ones. Row order is kept, and
        the same arguments give the same split.

        Args:
            strategy: `leave_last_out`, `time`, `random`, `random_events`, `users` or `folds`; see
                `Split`, which may stand here, too.
            validation: Split the training events once more in the same way and return the later
                part as validation.
            **arguments: Of `Split`, such as `test_share`.

        Returns:
            Train and test, or train, validation and test.

        Raises:
            ValueError: An argument is wrong, a part would be empty, or the log has sampled
                negatives.
            SchemaError: Strategy `time` for a log without event times.
        """
        self._check_whole("split")
        split = strategy if isinstance(strategy, Split) else Split(strategy, **arguments)
        is_test, is_past = split.masks(self.events, self.schema)
        train, test = self._part(is_test, is_past, split)
        if not validation:
            return train, test
        if split.strategy == "folds":
            is_validation = (split.fold_of(self.events) == str(split.validation_fold))[~is_test]
            return *train._part(is_validation, np.zeros_like(is_validation), split), test
        return *train.split(split.again()), test

    def k_core(self, users: int = 1, items: int = 1) -> EventLog:
        """Return the events whose user and item both have enough of the events that are left.

        Rare users and items go until none is left; they leave the tables, too.

        Args:
            users: Fewest events of a user.
            items: Fewest events of an item.

        Raises:
            ValueError: Nothing would be left, or the log has sampled negatives.

        Example:
            >>> from recommenders_tf.data import synthetic
            >>> log = synthetic(num_users=50, num_items=60, num_events=500).k_core(users=5, items=5)
            >>> log.events["user_id"].value_counts().min() >= 5
            True
        """
        self._check_whole("k_core")
        ids = (self.schema.user_id.name, self.schema.item_id.name)
        of_user, of_item = (pd.factorize(self.events[name])[0] for name in ids)
        kept = k_core(of_user, of_item, per_user=users, per_item=items)
        if not kept.any():
            raise ValueError(
                f"No event of `{self.schema.name}` is left where every user is to have {users} "
                f"events and every item {items}: ask for fewer."
            )
        events = _rows(self.events, kept)
        left_users, left_items = (
            _rows(table, table[name].isin(events[name]).to_numpy())
            for table, name in zip((self.users, self.items), ids, strict=True)
        )
        return dataclasses.replace(self, events=events, users=left_users, items=left_items)

    def _check_whole(self, method: str) -> None:
        if self.behaviours is not None:
            raise ValueError(
                f"`{self.schema.name}` has sampled negatives, which `{method}` would part from "
                "their events: sample the negatives of each part after it."
            )

    def _part(self, is_test: Mask, is_past: Mask, split: Split) -> tuple[EventLog, EventLog]:
        """Return the events of train, and those of test with their past."""
        is_train = ~(is_test | is_past)
        if not is_train.any() or not is_test.any():
            raise ValueError(
                f"The split of `{self.schema.name}` by `{split.strategy}` leaves "
                f"{'no test' if is_train.any() else 'no training'} events; use another cut or "
                "more events."
            )
        train = dataclasses.replace(self, events=_rows(self.events, is_train))
        earlier = [self.past, train.events, _rows(self.events, is_past)]
        past = pd.concat([part for part in earlier if part is not None and len(part)])
        test = dataclasses.replace(
            self, events=_rows(self.events, is_test), past=past.reset_index(drop=True)
        )
        return train, test


def _rows(frame: pd.DataFrame, keep: np.ndarray) -> pd.DataFrame:
    return frame[keep].reset_index(drop=True)
