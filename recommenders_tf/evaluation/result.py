"""What an evaluation found, with its protocol; kept in a folder, compared with another."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.evaluation.protocol import Protocol, differences
from recommenders_tf.evaluation.significance import (
    bootstrap_interval,
    paired_t,
    randomization_test,
)

_FACTS, _USERS = "evaluation.json", "users.npz"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The metrics of a model, by name and by user.

    Args:
        model: Its name.
        protocol: What it was asked, and how.
        data: What it was asked about: name of the data, sizes, and a digest of the held-out pairs.
        users: Raw ids of the users with held-out events `[users]`.
        per_user: Of metrics that each user has, such as `NDCG@10`, float64 `[users]`.
        overall: Of metrics of all lists or events together, such as `Coverage@10` and `AUC`.

    Example:
        >>> from recommenders_tf import data, evaluation, models
        >>> protocol = evaluation.Protocol()
        >>> train, test = protocol.cut(data.load("synthetic"))
        >>> encoded = data.encode(train)
        >>> model = models.Popularity(encoded.schema)
        >>> model.compile()
        >>> _ = model.fit(encoded, verbose=0)
        >>> found = evaluation.evaluate(model, test, protocol, metrics=("HR", "NDCG"))
        >>> list(found.metrics), len(found.users)
        (['HR@10', 'NDCG@10'], 1000)
        >>> low, high = found.interval("NDCG@10")
        >>> low < found.metrics["NDCG@10"] < high
        True
    """

    model: str
    protocol: Protocol
    data: Mapping[str, Any]
    users: npt.NDArray[np.object_]
    per_user: Mapping[str, npt.NDArray[np.float64]]
    overall: Mapping[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics by name; those of users as means over them."""
        means = {name: float(np.mean(values)) for name, values in self.per_user.items()}
        return {**means, **self.overall}

    def interval(self, metric: str, confidence: float = 0.95) -> tuple[float, float]:
        """Return the bootstrap interval of a metric's mean over users.

        Args:
            metric: Name, such as `NDCG@10`.
            confidence: See `significance.bootstrap_interval`.

        Raises:
            KeyError: Users have no such values.
        """
        low, high = bootstrap_interval(self.of_users(metric), confidence)
        return float(low), float(high)

    def intervals(self, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
        """Return the bootstrap intervals of all metrics that users have, on the same draws."""
        if not self.per_user:
            return {}
        low, high = bootstrap_interval(np.stack([*self.per_user.values()], axis=1), confidence)
        return dict(zip(self.per_user, zip(low.tolist(), high.tolist(), strict=True), strict=True))

    def of_users(self, metric: str) -> npt.NDArray[np.float64]:
        """Return the values of a metric by user.

        Raises:
            KeyError: Users have no such values.
        """
        if metric not in self.per_user:
            raise KeyError(
                f"There are no values of `{metric}` by user in the evaluation of `{self.model}`; "
                f"there are some of {', '.join(self.per_user) or 'none'}."
            )
        return self.per_user[metric]

    def difference(self, other: Evaluation, metric: str) -> Difference:
        """Return by how much this model is better than another one on the same users.

        Args:
            other: Evaluation by the same protocol on the same data.
            metric: One that users have, such as `NDCG@10`.

        Raises:
            ValueError: Protocol or data differ.
            KeyError: Users have no values of the metric.
        """
        self.check_comparable(other)
        order = pd.Index(other.users).get_indexer(pd.Index(self.users))
        mine, theirs = self.of_users(metric), other.of_users(metric)[order]
        low, high = bootstrap_interval(mine - theirs)
        return Difference(
            metric=metric,
            mean=float(np.mean(mine - theirs)),
            low=float(low),
            high=float(high),
            t_test=paired_t(mine, theirs),
            randomization=randomization_test(mine, theirs),
        )

    def save(self, folder: str | pathlib.Path) -> None:
        """Write it into a folder: protocol, data and means as JSON, values by user as npz."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "model": self.model,
            "protocol": self.protocol.to_dict(),
            "data": dict(self.data),
            "metrics": self.metrics,
            "intervals": self.intervals(),
            "overall": dict(self.overall),
        }
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        (folder / _FACTS).write_text(text + "\n", encoding="utf-8")
        np.savez_compressed(folder / _USERS, users=self.users.astype(str), **self.per_user)

    @classmethod
    def load(cls, folder: str | pathlib.Path) -> Evaluation:
        """Read what `save` wrote."""
        folder = pathlib.Path(folder)
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        with np.load(folder / _USERS) as arrays:
            per_user = {name: arrays[name] for name in arrays.files if name != "users"}
            users = arrays["users"].astype(object)
        protocol = Protocol.from_dict(facts["protocol"])
        return cls(facts["model"], protocol, facts["data"], users, per_user, facts["overall"])

    def check_comparable(self, other: Evaluation) -> None:
        """Make sure that both answered the same questions.

        Args:
            other: Evaluation of another model.

        Raises:
            ValueError: Protocol or data differ.
        """
        found = differences(self.protocol.to_dict(), other.protocol.to_dict())
        what = "protocols"
        if not found:
            found, what = differences(self.data, other.data), "data"
        if found:
            raise ValueError(
                f"The {what} of `{self.model}` and `{other.model}` differ in {', '.join(found)}, "
                "so their figures can't be compared: evaluate both by one protocol on one data set."
            )


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one model is better than another on the same users.

    Args:
        metric: What was measured.
        mean: Of the differences by user.
        low: Lower bound of its 95 % bootstrap interval.
        high: Upper bound.
        t_test: Two-sided p of the paired t-test.
        randomization: Two-sided p of the randomization test.

    Example:
        >>> found = Difference("NDCG@10", 0.01, 0.004, 0.016, t_test=0.001, randomization=0.002)
        >>> found.low > 0
        True
    """

    metric: str
    mean: float
    low: float
    high: float
    t_test: float
    randomization: float
