"""SAR: counts of items that were met together, and how much a user cares for each by now."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.interactions import IdRows
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.models.neighbours import (
    Measure,
    NeighbourRetriever,
    loss_of_some,
    nearest_rows,
    quotient,
)
from recommenders_tf.registry import register
from recommenders_tf.schema import Column, FeatureSchema
from recommenders_tf.search_space import Choice, Range

_DAY = 86_400.0

_SIMILARITIES: dict[str, Measure] = {
    "cooccurrence": lambda together, first, second: together,
    "jaccard": lambda together, first, second: quotient(together, first + second - together),
    "lift": lambda together, first, second: quotient(together, first * second),
}


@register(
    paper="Microsoft: Smart Adaptive Recommendations (SAR), as described in "
    "github.com/recommenders-team/recommenders",
    search_space={
        "similarity": Choice(("jaccard", "lift", "cooccurrence")),
        "half_life": Choice((None, 7.0, 30.0, 90.0)),
        "threshold": Range(1, 10),
        "num_neighbours": Choice((None, 50, 200)),
    },
)
class SAR(NeighbourRetriever):
    """Scores an item by Σ_i a_ui s_ij: affinity of the user to what was met, times similarity.

    The affinity a_ui is the sum over the user's events with item i of w 2^(-t / T): w is the label,
    1 where there is none, t the age of the event at the end of training and T the half-life. With
    c_ij the number of users who met both items, s_ij is c_ij (`cooccurrence`),
    c_ij / (c_ii + c_jj - c_ij) (`jaccard`) or c_ij / (c_ii c_jj) (`lift`), and 0 where c_ij is
    below the threshold.

    When to choose it:
        Where tastes change and events have times: what was met of late counts most. It trains by
        counting, and tells why it recommends. `cooccurrence` favours popular items, `lift` rare
        ones.

    Args:
        schema: Fitted schema; of columns beside the ids it uses label and event time, as far as
            there are any.
        similarity: `jaccard`, `lift` or `cooccurrence`.
        half_life: T, in days; None lets all events count alike.
        threshold: Fewest users who must have met both items.
        num_neighbours: Most items that an item is similar to; None keeps all, which is much
            memory where there are many items.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: An argument is out of its range.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SAR(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    combine = "sum"

    def __init__(
        self,
        schema: FeatureSchema,
        similarity: str = "jaccard",
        half_life: float | None = 30.0,
        threshold: int = 1,
        num_neighbours: int | None = None,
        **kwargs: Any,
    ) -> None:
        if similarity not in _SIMILARITIES:
            raise ValueError(
                f"`similarity` must be one of {', '.join(_SIMILARITIES)}. Received: {similarity!r}."
            )
        if half_life is not None and half_life <= 0:
            raise ValueError(f"`half_life` must be above 0 days, or None. Received: {half_life}.")
        if threshold < 1 or (num_neighbours is not None and num_neighbours < 1):
            raise ValueError(
                "`threshold` and `num_neighbours` must be at least 1. Received: "
                f"{threshold} and {num_neighbours}."
            )
        super().__init__(schema, **kwargs)
        self.similarity = similarity
        self.half_life = half_life
        self.threshold = threshold
        self.num_neighbours = num_neighbours
        self.latest = self.add_weight(
            name="latest", shape=[], initializer="zeros", trainable=False, dtype=tf.int64
        )

    def interaction_columns(self) -> list[Column]:
        """Return the columns of past events that count: label and time, where there are any."""
        time = self.schema.event_time if self.half_life is not None else None
        return [column for column in (self._label, time) if column is not None]

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather the affinities of all users as of the latest event."""
        time = self.schema.event_time
        if time is not None and not isinstance(source, IdRows):
            times = source.columns([time.name]).get(time.name, np.zeros(1))
            self.latest.assign(int(times.max()))
        return super().training_rows(source)

    def event_values(self, labels: Any, times: Any) -> Any:
        """Return w 2^(-t / T) of each event, float32 `[events]`; an unknown time is the present."""
        weights = tf.where(tf.math.is_nan(labels), tf.ones_like(labels), labels)
        if self.half_life is None:
            return weights
        age = tf.where(times > 0, tf.maximum(self.latest - times, 0), tf.zeros_like(times))
        return weights * 2.0 ** (-tf.cast(age, tf.float32) / (self.half_life * _DAY))

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Count who met what together, and return the loss of some users."""
        items = matrix.T.tocsr()
        items.data = np.ones_like(items.data)
        measure = _SIMILARITIES[self.similarity]
        similar = nearest_rows(
            items,
            lambda together, *counts: np.where(
                together >= self.threshold, measure(together, *counts), 0
            ),
            self.num_neighbours,
            with_itself=True,
        )
        self.similarities.assign(similar.T.tocsr())
        return loss_of_some(self, matrix)
