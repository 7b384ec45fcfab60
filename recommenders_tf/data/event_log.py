"""An event log: who met what and when, with the user and item tables and the schema."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from recommenders_tf.data.quarantine import CleaningReport
from recommenders_tf.schema import FeatureSchema, SchemaError

STRATEGIES = ("leave_last_out", "time")


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
        strategy: str = "leave_last_out",
        *,
        validation: bool = False,
        test_share: float = 0.1,
        at: int | None = None,
    ) -> tuple[EventLog, ...]:
        """Split the events in time, so that nothing is learned from what comes later.

        The events of the earlier parts become the `past` of the later ones. Row order is kept.

        Args:
            strategy: `leave_last_out`: the last event of each user is test; of events at the same
                time the one that stands last in the table is the last one, and a user with one
                event stays in train. `time`: one cut for all users; every event at the cut or
                after it is test.
            validation: Split the training events once more in the same way and return the later
                part as validation.
            test_share: Of `time`: share of the events that is test; events at the time of the cut
                may make it larger. Also the share of validation.
            at: Of `time`: the cut itself in Unix seconds, in place of `test_share`.

        Returns:
            Train and test, or train, validation and test.

        Raises:
            ValueError: The strategy is unknown, a part would be empty, or the log has sampled
                negatives.
            SchemaError: Strategy `time` for a log without event times.
        """
        if self.behaviours is not None:
            raise ValueError(
                f"`{self.schema.name}` has sampled negatives, which a split would part from their "
                "events: split first, then sample the negatives of each part."
            )
        if strategy == "leave_last_out":
            is_test = self._is_last()
        elif strategy == "time":
            is_test = self._is_after(test_share, at)
        else:
            raise ValueError(
                f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: {strategy!r}."
            )
        if is_test.all() or not is_test.any():
            raise ValueError(
                f"The split of `{self.schema.name}` by `{strategy}` leaves "
                f"{'no training' if is_test.all() else 'no test'} events; use another cut or "
                "more events."
            )
        train = dataclasses.replace(self, events=_rows(self.events, ~is_test))
        past = pd.concat([self.past, train.events], ignore_index=True)
        test = dataclasses.replace(self, events=_rows(self.events, is_test), past=past)
        if validation:
            return *train.split(strategy, test_share=test_share), test
        return train, test

    def _is_last(self) -> np.ndarray:
        """Return which events are the last of a user with more than one."""
        codes, users = pd.factorize(self.events[self.schema.user_id.name])
        time = self.schema.event_time
        times = self.events[time.name].to_numpy() if time else np.zeros(len(codes))
        order = np.lexsort((times, codes))  # stable: row order decides between equal times
        counts = np.bincount(codes, minlength=len(users))
        is_last = np.zeros(len(codes), bool)
        is_last[order[np.cumsum(counts)[counts > 1] - 1]] = True
        return is_last

    def _is_after(self, test_share: float, at: int | None) -> np.ndarray:
        """Return which events are at the cut or after it."""
        if self.schema.event_time is None:
            raise SchemaError(
                f"Schema `{self.schema.name}` has no column of role `event_time`, so it cannot be "
                "split by `time`; add one or use `leave_last_out`."
            )
        if not 0 < test_share < 1:
            raise ValueError(f"`test_share` must lie between 0 and 1. Received: {test_share}.")
        times = self.events[self.schema.event_time.name].to_numpy()
        if at is None and len(times):
            at = int(np.sort(times)[int(len(times) * (1 - test_share))])
        return times >= (at or 0)


def _rows(frame: pd.DataFrame, keep: np.ndarray) -> pd.DataFrame:
    return frame[keep].reset_index(drop=True)
