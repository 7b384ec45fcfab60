"""What is asked of a model and how: the protocol of an evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from recommenders_tf.data.digests import file_digest
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.split import Split

CANDIDATES = ("all", "uniform", "popularity", "file")


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Among which items the held-out ones are ranked.

    With candidates drawn, every figure is higher than over the full catalogue, and models may
    change places: such results are no estimate of what users would meet.

    Args:
        kind: `all`: the whole catalogue. `uniform` and `popularity`: for each user `number` items
            that the user has neither met nor is asked for, drawn without replacement, alike or in
            proportion to the number of training events. `file`: those that a file names.
        number: Items to draw for each user.
        seed: Of the draw.
        file: Of `file`: a CSV or Parquet file with the user and item id columns of the schema, one
            row an item that a held-out item is ranked with.
        digest: Of the file, by which another one of its name is told; None takes that of the file
            as it is.

    Raises:
        ValueError: A value is out of its range, or `file` goes without its file.

    Example:
        >>> Candidates("uniform", number=99).to_dict()
        {'kind': 'uniform', 'number': 99, 'seed': 0}

    References:
        Krichene, Rendle: On Sampled Metrics for Item Recommendation, KDD 2020.
    """

    kind: str = "all"
    number: int = 100
    seed: int = 0
    file: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in CANDIDATES:
            raise ValueError(
                f"`kind` of the candidates must be one of {', '.join(CANDIDATES)}. Received: "
                f"{self.kind!r}."
            )
        if self.number < 1:
            raise ValueError(f"`number` of candidates must be at least 1. Received: {self.number}.")
        if (self.kind == "file") != (self.file is not None):
            raise ValueError(
                "Candidates of kind `file` go with `file`, which names them for every user, and "
                f"no others do. Received: {self.kind!r} and {self.file!r}."
            )
        if self.file is not None and self.digest is None:
            object.__setattr__(self, "digest", file_digest(self.file))  # past what is frozen

    @property
    def is_drawn(self) -> bool:
        """Whether they are drawn at random."""
        return self.kind in ("uniform", "popularity")

    def to_dict(self) -> dict[str, Any]:
        """Return the kind and the arguments that it reads, as JSON values."""
        names = ("number", "seed") if self.is_drawn else ("file", "digest") if self.file else ()
        return {"kind": self.kind} | {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a log is cut, and what a model is asked about its test part.

    It is kept with every result, and results of different protocols are not compared.

    Args:
        split: Which events are test.
        min_user_events: Fewest events of a user; those with fewer are left out before the split,
            and so on until all have enough.
        min_item_events: Fewest events of an item, likewise.
        candidates: Among which items the held-out ones are ranked.
        exclude_seen: Whether the items that a user had met are left out. A held-out item among
            them then counts as missed.

    Example:
        >>> from recommenders_tf import data
        >>> protocol = Protocol(Split("random", test_share=0.25), min_user_events=5)
        >>> train, test = protocol.cut(data.load("synthetic"))
        >>> Protocol.from_dict(protocol.to_dict()) == protocol
        True
        >>> print(protocol.describe())
        Users with at least 5 events; of each user's events 25 % are test, drawn with seed 0;
        ranked among all items that the user has not seen.
    """

    split: Split = dataclasses.field(default_factory=Split)
    min_user_events: int = 1
    min_item_events: int = 1
    candidates: Candidates = Candidates()
    exclude_seen: bool = True

    def cut(self, log: EventLog, validation: bool = False) -> tuple[EventLog, ...]:
        """Return the parts of a log, each with its past.

        Args:
            log: All events.
            validation: Whether to split off validation events, too.

        Returns:
            Train and test, or train, validation and test.
        """
        if max(self.min_user_events, self.min_item_events) > 1:
            log = log.k_core(self.min_user_events, self.min_item_events)
        return log.split(self.split, validation=validation)

    def to_dict(self) -> dict[str, Any]:
        """Return what matters of it, as JSON values."""
        return {
            "split": self.split.to_dict(),
            "min_user_events": self.min_user_events,
            "min_item_events": self.min_item_events,
            "candidates": self.candidates.to_dict(),
            "exclude_seen": self.exclude_seen,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Protocol:
        """Return the protocol of a `to_dict`."""
        rest = {key: value for key, value in values.items() if key not in ("split", "candidates")}
        return cls(
            split=Split(**values["split"]), candidates=Candidates(**values["candidates"]), **rest
        )

    def describe(self) -> str:
        """Return it in a sentence."""
        rare = [
            f"{name} with at least {least} events"
            for name, least in (("users", self.min_user_events), ("items", self.min_item_events))
            if least > 1
        ]
        parts = [*([" and ".join(rare)] if rare else []), _split(self.split), self._asked()]
        sentence = "; ".join(parts)
        return f"{sentence[0].upper()}{sentence[1:]}."

    def _asked(self) -> str:
        seen = " that the user has not seen" if self.exclude_seen else ", seen ones too"
        if self.candidates.kind == "all":
            return f"ranked among all items{seen}"
        if self.candidates.kind == "file":
            return f"ranked among the items of `{self.candidates.file}`{seen}"
        how = "uniformly" if self.candidates.kind == "uniform" else "by popularity"
        return (
            f"ranked among {self.candidates.number} unseen items of each user, drawn {how} with "
            f"seed {self.candidates.seed}"
        )


def _split(split: Split) -> str:
    share = f"{100 * split.test_share:g} %"
    drawn = f"drawn with seed {split.seed}"
    sentences = {
        "leave_last_out": "the last event of each user is test",
        "time": f"the latest {share} of the events are test"
        if split.at is None
        else f"events from {split.at} on are test",
        "random": f"of each user's events {share} are test, {drawn}",
        "random_events": f"{share} of the events are test, {drawn}",
        "users": f"{share} of the users are held out, {drawn}, and of their events "
        f"{100 * split.fold_in:g} % are known",
        "folds": f"fold {split.fold} of `{split.folds}` is test",
    }
    return sentences[split.strategy]


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return in what two mappings of plain values differ, by name and both values.

    Example:
        >>> differences({"split": {"strategy": "time"}}, {"split": {"strategy": "users"}})
        ["`split.strategy` ('time', 'users')"]
    """
    found = []
    for name in [*first, *(name for name in second if name not in first)]:
        one, other = first.get(name), second.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += [text.replace("`", f"`{name}.", 1) for text in differences(one, other)]
        elif one != other:
            found.append(f"`{name}` ({one!r}, {other!r})")
    return found
