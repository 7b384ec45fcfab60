"""How a command cuts the data, and what it asks a model."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from recommenders_tf.evaluation import Protocol

_SPLIT_PANEL = "Protocol: which events are test"
_ASKED_PANEL = "Protocol: what is asked"


class Strategy(str, enum.Enum):
    """How a log is split into training and test events."""

    LEAVE_LAST_OUT = "leave_last_out"
    TIME = "time"
    RANDOM = "random"
    RANDOM_EVENTS = "random_events"
    USERS = "users"
    FOLDS = "folds"


class Kind(str, enum.Enum):
    """Among which items held-out ones are ranked."""

    ALL = "all"
    UNIFORM = "uniform"
    POPULARITY = "popularity"
    FILE = "file"


def _split_option(text: str, **arguments: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=_SPLIT_PANEL, show_default=False, **arguments)


def _asked_option(text: str, *names: str, **arguments: Any) -> Any:
    arguments = {"rich_help_panel": _ASKED_PANEL, "show_default": False, **arguments}
    return typer.Option(*names, help=text, **arguments)


@dataclasses.dataclass(frozen=True)
class SplitOptions:
    """Which events are test: the fields of `data.Split`, and the fewest events that count."""

    split: Annotated[
        Strategy | None,
        _split_option(
            "leave_last_out (the default): the last event of each user. time: the latest of all. "
            "random: a share of each user's events. random_events: a share of all. users: users "
            "are held out whole, of whom a model may read a part. folds: as a file says. Where "
            "training needs validation events, the rest is split once more in the same way."
        ),
    ] = None
    test_share: Annotated[
        float | None, _split_option("Share of the events, or users, that is test; 0.1 by default.")
    ] = None
    at: Annotated[
        int | None, _split_option("Of time: the cut in Unix seconds, in place of --test-share.")
    ] = None
    split_seed: Annotated[int | None, _split_option("Of the random ones; 0 by default.")] = None
    fold_in: Annotated[
        float | None,
        _split_option("Of users: share of their events that a model may read; 0.8 by default."),
    ] = None
    folds: Annotated[
        str | None,
        _split_option(
            "Of folds: a column of the events, or a CSV or Parquet file with the columns row "
            "(from 0) and fold.",
            metavar="COLUMN|FILE",
        ),
    ] = None
    fold: Annotated[
        str | None, _split_option("Of folds: the one that is test; 'test' by default.")
    ] = None
    validation_fold: Annotated[
        str | None, _split_option("Of folds: the one for validation; 'validation' by default.")
    ] = None
    min_user_events: Annotated[
        int | None, _split_option("Leave out users with fewer events, before the split.", min=1)
    ] = None
    min_item_events: Annotated[
        int | None, _split_option("Leave out items with fewer, until all have enough.", min=1)
    ] = None

    def over(self, protocol: Protocol) -> Protocol:
        """Return a protocol with what was given in place of its own.

        Raises:
            ValueError: An option does not go with the strategy.
        """
        from recommenders_tf.data import Split

        strategy = self.split.value if self.split else protocol.split.strategy
        start = protocol.split.to_dict() if strategy == protocol.split.strategy else {}
        names = ("test_share", "at", "fold_in", "folds", "fold", "validation_fold")
        given = {name: getattr(self, name) for name in names} | {"seed": self.split_seed}
        given = {name: value for name, value in given.items() if value is not None}
        if "folds" in given:
            start.pop("digest", None)  # of another file
        split = Split(**{**start, "strategy": strategy, **given})
        if unused := [name for name in given if name not in split.to_dict()]:
            option = "split-seed" if unused[0] == "seed" else unused[0].replace("_", "-")
            raise ValueError(f"--{option} does not go with --split {strategy}; leave it out.")
        fewest = ("min_user_events", "min_item_events")
        least = {name: getattr(self, name) for name in fewest if getattr(self, name) is not None}
        return dataclasses.replace(protocol, split=split, **least)


@dataclasses.dataclass(frozen=True)
class AskedOptions:
    """What is asked about the test events: the fields of `evaluation.Candidates`, and the seen."""

    candidates: Annotated[
        Kind | None,
        _asked_option(
            "Rank held-out items among all (the default), or among items that the user has not "
            "met, drawn uniformly or by popularity, or those of a file. Figures among drawn items "
            "are much higher, and compare with no others."
        ),
    ] = None
    num_candidates: Annotated[
        int, _asked_option("Items to draw for each user.", min=1, show_default=True)
    ] = 100
    candidate_seed: Annotated[int, _asked_option("Of the draw.", show_default=True)] = 0
    candidate_file: Annotated[
        pathlib.Path | None,
        _asked_option(
            "With --candidates file: CSV or Parquet with the user and item id columns, one row an "
            "item to rank held-out ones among.",
            exists=True,
            dir_okay=False,
        ),
    ] = None
    include_seen: Annotated[
        bool, _asked_option("Rank among items that the user had met, too.", "--include-seen")
    ] = False

    def over(self, protocol: Protocol) -> Protocol:
        """Return a protocol that asks this."""
        from recommenders_tf.evaluation import Candidates

        file = str(self.candidate_file) if self.candidate_file else None
        kind = self.candidates.value if self.candidates else "file" if file else "all"
        candidates = Candidates(kind, self.num_candidates, self.candidate_seed, file)
        return dataclasses.replace(
            protocol, candidates=candidates, exclude_seen=not self.include_seen
        )
