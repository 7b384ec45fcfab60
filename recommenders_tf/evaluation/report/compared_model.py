"""A trained model in a comparison: how it came to be, how it learned, what it answered."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.protocol import Protocol
from recommenders_tf.evaluation.questions import Questions
from recommenders_tf.evaluation.ranks import ranked_lists
from recommenders_tf.evaluation.result import Evaluation
from recommenders_tf.serving_tables import UNKNOWN_ROW

_FACTS, _LISTS = "compared.json", "lists.npz"


@dataclasses.dataclass(frozen=True)
class Lists:
    """The best items of every user, and which of them the user went on to meet.

    Args:
        items: Positions in the table of items, best first, -1 where a list is short, int32
            `[users, k]`.
        is_relevant: Which of them were held out, bool `[users, k]`.

    Example:
        >>> lists = Lists(np.array([[7, 3]], np.int32), np.array([[False, True]]))
        >>> lists.items[lists.is_relevant].tolist()
        [3]
    """

    items: npt.NDArray[np.int32]
    is_relevant: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, model: Any, test: EventLog, protocol: Protocol, k: int) -> Lists:
        """Return the lists that a model is measured by, users in the order of its `Evaluation`.

        Args:
            model: Retriever that was trained on the training part of the protocol.
            test: The test part, with its past.
            protocol: How the log was cut, and what to ask.
            k: Length of the lists.

        Raises:
            LeakError: The model has learned from held-out events.
        """
        graph = model.serving_graph()
        relevance, rows = ranked_lists(graph, Questions.of(graph, test), protocol, k)
        return cls(np.where(rows > UNKNOWN_ROW, rows - 1, -1).astype(np.int32), relevance > 0)


@dataclasses.dataclass(frozen=True)
class ComparedModel:
    """A trained model in a comparison.

    Args:
        settings: How it came to be, JSON values: its registry name as `model`, `parameters`,
            `training` and what else tells it from another.
        history: What training told of each epoch, by name, such as `loss`; None for what became
            no number.
        evaluation: What it was found to be worth; its `model` is the name in the report.
        lists: What it recommended; None for a model that ranks.

    Example:
        >>> found = Evaluation("lr", Protocol(), {}, np.zeros(0, object), {}, {"AUC": 0.7})
        >>> ComparedModel({"model": "lr"}, {"loss": [0.6, 0.5]}, found).kind
        'ranking'
    """

    settings: Mapping[str, Any]
    history: Mapping[str, Sequence[float | None]]
    evaluation: Evaluation
    lists: Lists | None = None

    @property
    def name(self) -> str:
        """Its name in the report."""
        return self.evaluation.model

    @property
    def kind(self) -> str:
        """`retrieval` or `ranking`."""
        return "ranking" if self.lists is None else "retrieval"

    def save(self, folder: str | pathlib.Path) -> None:
        """Write it into a folder; what `load` looks for is written last."""
        folder = pathlib.Path(folder)
        self.evaluation.save(folder)
        if self.lists is not None:
            np.savez_compressed(folder / _LISTS, **vars(self.lists))
        facts = {"kind": self.kind, "settings": self.settings, "history": self.history}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        (folder / _FACTS).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | pathlib.Path, settings: Mapping[str, Any]) -> ComparedModel | None:
        """Return what `save` wrote, or None if there is none of these settings."""
        folder = pathlib.Path(folder)
        if not (folder / _FACTS).is_file():
            return None
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if facts["settings"] != json.loads(json.dumps(settings)):
            return None
        lists = None
        if facts["kind"] == "retrieval":
            with np.load(folder / _LISTS) as arrays:
                lists = Lists(**arrays)
        return cls(settings, facts["history"], Evaluation.load(folder), lists)
