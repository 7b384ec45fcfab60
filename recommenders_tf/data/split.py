"""How a log is split into the events to learn from and those to be measured on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data import splits
from recommenders_tf.data.digests import check_unchanged, file_digest
from recommenders_tf.data.splits import Mask
from recommenders_tf.schema import FeatureSchema, SchemaError

_USED = {
    "leave_last_out": (),
    "time": ("test_share", "at"),
    "random": ("test_share", "seed"),
    "random_events": ("test_share", "seed"),
    "users": ("test_share", "seed", "fold_in"),
    "folds": ("folds", "fold", "validation_fold", "digest"),
}
"""Which arguments each strategy reads."""

STRATEGIES = tuple(_USED)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which events of a log are test.

    - `leave_last_out`: the last event of each user; of events at the same time the one that stands
      last in the table, and a user with one event stays in train.
    - `time`: one cut for all users; every event at the cut or after it.
    - `random`: a share of the events of each user, drawn at random; at least one stays in train.
    - `random_events`: a share of all events, drawn at random.
    - `users`: users are held out whole (strong generalisation: Marlin 2004; Liang et al. 2018). A
      share `fold_in` of their events, drawn at random, is the past of the test part, the rest its
      events; train has none of them. A user with one event stays in train.
    - `folds`: what a column or a file says.

    Validation is split off the training events in the same way.

    Args:
        strategy: One of these names.
        test_share: Share of the events that is test, of `users` the share of the users; also the
            share of validation in what is left.
        at: Of `time`: the cut itself in Unix seconds, in place of `test_share`; events at the time
            of the cut are test.
        seed: Of what is drawn; validation is drawn with another one.
        fold_in: Of `users`: the share of a held-out user's events that a model may read.
        folds: Of `folds`: a column of the events, or a CSV or Parquet file with the columns `row`
            (of the events, from 0) and `fold`.
        fold: Of `folds`: the one that is test.
        validation_fold: Of `folds`: the one that is validation where it is asked for, and part of
            train where it is not.
        digest: Of a file of `folds`, by which another file of its name is told; None takes that of
            the file as it is.

    Raises:
        ValueError: A value is out of its range, or `folds` goes without its column or file.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split(Split("users", test_share=0.2))
        >>> len(set(train.events["user_id"]) & set(test.events["user_id"]))
        0
    """

    strategy: str = "leave_last_out"
    test_share: float = 0.1
    at: int | None = None
    seed: int = 0
    fold_in: float = 0.8
    folds: str | None = None
    fold: str = "test"
    validation_fold: str = "validation"
    digest: str | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: {self.strategy!r}."
            )
        for name in ("test_share", "fold_in"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must lie between 0 and 1. Received: {getattr(self, name)}."
                )
        if self.strategy == "folds" and self.folds is None:
            raise ValueError(
                "The split by `folds` needs `folds`: a column of the events, or a file with the "
                "columns `row` and `fold`."
            )
        if self.folds is not None and self.digest is None:
            object.__setattr__(self, "digest", file_digest(self.folds))  # past what is frozen

    def to_dict(self) -> dict[str, Any]:
        """Return the strategy and the arguments that it reads, as JSON values."""
        return {"strategy": self.strategy} | {n: getattr(self, n) for n in _USED[self.strategy]}

    def masks(self, events: pd.DataFrame, schema: FeatureSchema) -> tuple[Mask, Mask]:
        """Return which events are test, and which others no part may learn from but as its past.

        Args:
            events: Raw events.
            schema: Their schema.

        Raises:
            SchemaError: Strategy `time` for events without times.
            ValueError: The folds are not those of the events, or their file has changed.
        """
        users = pd.factorize(events[schema.user_id.name])[0]
        time = schema.event_time
        times = events[time.name].to_numpy() if time else np.zeros(len(events), np.int64)
        if self.strategy == "users":
            held_out = splits.held_out_users(users, self.test_share, self.seed)
            later = splits.random_share(users, 1 - self.fold_in, self.seed + 1, least=1)
            return held_out & later, held_out & ~later
        if self.strategy == "time" and time is None:
            raise SchemaError(
                f"Schema `{schema.name}` has no column of role `event_time`, so it cannot be "
                "split by `time`; add one or use `leave_last_out`."
            )
        if self.strategy == "leave_last_out":
            is_test = splits.last_events(users, times)
        elif self.strategy == "time":
            is_test = splits.later_events(times, self.test_share, self.at)
        elif self.strategy == "random":
            is_test = splits.random_share(users, self.test_share, self.seed)
        elif self.strategy == "random_events":
            is_test = splits.random_share(np.zeros_like(users), self.test_share, self.seed)
        else:
            is_test = self.fold_of(events) == str(self.fold)
        return is_test, np.zeros_like(is_test)

    def again(self) -> Split:
        """Return how training events are split once more, for validation."""
        return dataclasses.replace(self, at=None, seed=self.seed + 2)

    def fold_of(self, events: pd.DataFrame) -> npt.NDArray[np.object_]:
        """Return the fold of each event, as text."""
        assert self.folds is not None
        if self.folds in events:
            return events[self.folds].astype(str).to_numpy(object)
        check_unchanged(self.folds, self.digest)
        return splits.read_folds(self.folds, len(events))
