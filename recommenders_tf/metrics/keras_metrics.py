"""The metrics as Keras has them: fed batch by batch, for `compile` or a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from recommenders_tf.metrics import ranking
from recommenders_tf.metrics.probabilities import binned_gaps


class RankingMetric(tf.keras.metrics.Mean):
    """The mean over rows of a metric of their first k candidates; see `metrics.ranking`.

    Rows without a relevant candidate don't count. Ties count against the model.

    Args:
        k: Length of the list.
        name: Of the metric; by default such as `NDCG@10`.
        dtype: Of its state; float32 by default.

    Call arguments:
        y_true: Above 0 for relevant candidates `[rows, candidates]`.
        y_pred: Scores, higher is better `[rows, candidates]`.
        sample_weight: What each row counts `[rows]` or `[rows, 1]`; None counts all alike.

    Attributes:
        title: What names begin with.
        formula: Function of `metrics.ranking`.

    Raises:
        ValueError: `k` is below 1.
    """

    title: ClassVar[str]
    formula: ClassVar[Callable[..., tf.Tensor]]

    def __init__(self, k: int = 10, name: str | None = None, dtype: Any = None) -> None:
        if k < 1:
            raise ValueError(f"`k` must be at least 1; it is {k}.")
        super().__init__(name=name or f"{self.title}@{k}", dtype=dtype)
        self.k = k

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add a batch."""
        relevance = ranking.relevance_by_rank(y_true, y_pred, self.k)
        relevant = tf.cast(tf.cast(y_true, tf.float32) > 0, tf.float32)
        num_relevant = tf.reduce_sum(relevant, axis=1)
        weights = tf.cast(num_relevant > 0, tf.float32)
        if sample_weight is not None:
            given = tf.cast(sample_weight, tf.float32)
            if given.shape.rank != 1 and given.shape[1:] != [1]:
                raise ValueError(
                    f"`sample_weight` of {self.name} must have one weight for each row, `[rows]` "
                    f"or `[rows, 1]`; it is {given.shape}."
                )
            weights *= tf.reshape(given, [-1])
        return super().update_state(self.formula(relevance, num_relevant), weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"k": self.k}


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class HitRate(RankingMetric):
    """The share of rows with a relevant candidate among the first k; see `metrics.hit_rate`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = HitRate(k=1)
        >>> _ = metric.update_state([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]])
        >>> metric.name, float(metric.result())
        ('HR@1', 0.5)
    """

    title, formula = "HR", staticmethod(ranking.hit_rate)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Recall(RankingMetric):
    """The share of the relevant candidates among the first k; see `metrics.recall`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = Recall(k=1)
        >>> _ = metric.update_state([[1, 1, 0]], [[0.5, 0.9, 0.1]])
        >>> metric.name, float(metric.result())
        ('Recall@1', 0.5)
    """

    title, formula = "Recall", staticmethod(ranking.recall)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Precision(RankingMetric):
    """The relevant share of the first k candidates; see `metrics.precision`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = Precision(k=2)
        >>> _ = metric.update_state([[1, 0, 0]], [[0.5, 0.9, 0.1]])
        >>> metric.name, float(metric.result())
        ('Precision@2', 0.5)
    """

    title, formula = "Precision", staticmethod(ranking.precision)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class NDCG(RankingMetric):
    """The normalized discounted cumulative gain of the first k candidates; see `metrics.ndcg`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = NDCG(k=3)
        >>> _ = metric.update_state([[1, 0, 0]], [[0.1, 0.9, 0.5]])
        >>> metric.name, float(metric.result())
        ('NDCG@3', 0.5)
    """

    title, formula = "NDCG", staticmethod(ranking.ndcg)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MAP(RankingMetric):
    """The mean average precision of the first k candidates; see `metrics.average_precision`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = MAP(k=4)
        >>> _ = metric.update_state([[1, 0, 0, 1]], [[0.9, 0.8, 0.7, 0.6]])
        >>> metric.name, float(metric.result())
        ('MAP@4', 0.75)
    """

    title, formula = "MAP", staticmethod(ranking.average_precision)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MRR(RankingMetric):
    """The mean of 1 / rank of the first relevant candidate; see `metrics.reciprocal_rank`.

    Args, calls and errors are those of `RankingMetric`.

    Example:
        >>> metric = MRR(k=2)
        >>> _ = metric.update_state([[0, 1], [1, 0]], [[0.9, 0.1], [0.9, 0.1]])
        >>> metric.name, float(metric.result())
        ('MRR@2', 0.75)
    """

    title, formula = "MRR", staticmethod(ranking.reciprocal_rank)


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class CalibrationError(tf.keras.metrics.Metric):
    """How far probabilities are from frequencies, by bins; see `metrics.calibration_error`.

    Args:
        bins: Of equal width.
        name: Of the metric.
        dtype: Of its state; float32 by default.

    Call arguments:
        y_true: 0 or 1 `[rows]` or `[rows, 1]`.
        y_pred: Probability of 1, of as many values.
        sample_weight: What each row counts, of as many values; None counts all alike.

    Example:
        >>> metric = CalibrationError()
        >>> _ = metric.update_state([1, 0, 1, 1], [0.5, 0.5, 0.75, 0.75])
        >>> float(metric.result())
        0.125
    """

    def __init__(self, bins: int = 15, name: str = "calibration_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.bins = bins
        self.gaps = self.add_weight("gaps", [bins], initializer="zeros")
        self.count = self.add_weight("count", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        labels, probabilities = (self._flat(values) for values in (y_true, y_pred))
        weights = tf.ones_like(labels) if sample_weight is None else self._flat(sample_weight)
        self.gaps.assign_add(binned_gaps(labels, probabilities, weights, self.bins))
        self.count.assign_add(tf.reduce_sum(weights))

    def result(self) -> tf.Tensor:
        """Return the error of all batches so far."""
        return tf.math.divide_no_nan(tf.reduce_sum(tf.abs(self.gaps)), self.count)

    def reset_state(self) -> None:
        """Begin anew."""
        for variable in self.variables:
            variable.assign(tf.zeros_like(variable))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"bins": self.bins}

    def _flat(self, values: Any) -> tf.Tensor:
        return tf.reshape(tf.cast(values, self.dtype), [-1])
