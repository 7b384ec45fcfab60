"""Metrics of labelled rows: whether scores order them, and how far predictions are off.

NumPy in float64 on whole arrays, exact on ties. NaN in what a model says gives NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the share of pairs of a positive and a negative that the scores order rightly.

    Equal scores count one half. Keras' AUC, which streams, counts on 200 thresholds: too coarse
    for models that differ in the fourth decimal.

    Args:
        labels: 0 or 1 `[rows]`.
        scores: Of any scale, higher for what is likelier to be 1 `[rows]`.

    Raises:
        ValueError: The lengths differ, or there is only one class.

    Example:
        >>> auc([1, 0, 1, 0], [0.9, 0.4, 0.4, 0.1])
        0.875
    """
    positive, values = _columns(labels=labels, scores=scores)
    by_group, _ = _auc_by_group(positive > 0, values, np.zeros(len(values), np.int64))
    if not len(by_group):
        raise ValueError(
            f"All {len(positive)} labels are of one class, so there is no AUC; give rows of both."
        )
    return float(by_group[0])


def gauc(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the AUC of each group, averaged by its number of impressions: Σ nᵢ AUCᵢ / Σ nᵢ.

    Equal scores count one half. Groups with one class only have no AUC and are left out.

    Args:
        labels: 0 or 1 `[impressions]`.
        scores: Higher for what is likelier to be 1 `[impressions]`.
        groups: Whose impression it is, usually the user `[impressions]`.

    Raises:
        ValueError: The lengths differ, or no group has both classes.

    Example:
        >>> gauc([1, 0, 0, 1, 0], [0.9, 0.1, 0.7, 0.2, 0.4], ["a", "a", "a", "b", "b"])
        0.6

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equation 10.
    """
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    positive, values, codes = _columns(labels=labels, scores=scores, groups=codes)
    by_group, counts = _auc_by_group(positive > 0, values, codes.astype(np.int64))
    if not len(by_group):
        raise ValueError("No group has both classes, so none has an AUC; give more impressions.")
    return float(np.average(by_group, weights=counts))


def log_loss(labels: npt.ArrayLike, logits: npt.ArrayLike) -> float:
    """Return the mean logistic loss, log(1 + exp(z)) − y z, of logits z.

    It takes logits, for a probability that rounds to 0 or 1 would have an infinite loss.

    Args:
        labels: 0 or 1 `[rows]`.
        logits: Log odds of 1 `[rows]`.

    Raises:
        ValueError: The lengths differ or there are no rows.

    Example:
        >>> round(log_loss([1, 0], [0.0, 0.0]), 4)
        0.6931
    """
    target, values = _columns(labels=labels, logits=logits)
    with np.errstate(invalid="ignore"):  # NaN gives NaN without a warning
        return float(np.mean(np.logaddexp(0.0, values) - target * values))


def calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, bins: int = 15) -> float:
    """Return how far probabilities are from frequencies: Σ (nₘ / n) |accₘ − confₘ|.

    accₘ is the mean label and confₘ the mean probability of the nₘ rows in bin m.

    The sum is over bins of equal width, ((m − 1) / M, m / M], of the probability that a label is 1;
    0 belongs to the first. It is known as the expected calibration error, ECE. A model that orders
    well can be badly calibrated, and one that always says the mean is calibrated.

    Args:
        labels: 0 or 1 `[rows]`.
        probabilities: That the label is 1 `[rows]`.
        bins: M; the error depends on it, so compare models at one.

    Raises:
        ValueError: The lengths differ, there are no rows or no bins, or a probability is not in
            0 … 1.

    Example:
        >>> calibration_error([1, 0, 1, 1], [0.5, 0.5, 0.9, 0.9])
        0.05

    References:
        Guo et al.: On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599,
        section 2.
    """
    target, values = _columns(labels=labels, probabilities=probabilities)
    wrong = values[(values < 0) | (values > 1)]
    if len(wrong):
        raise ValueError(
            f"`probabilities` must lie between 0 and 1; there is {wrong[0]:g}: take the sigmoid of "
            "logits."
        )
    gaps = binned_gaps(target, values, np.ones(len(values)), bins)
    return float(np.abs(gaps.numpy()).sum() / len(values))


def binned_gaps(
    labels: tf.Tensor, probabilities: tf.Tensor, weights: tf.Tensor, bins: int
) -> tf.Tensor:
    """Return Σ weight (label − probability) by bin of the probability, see `calibration_error`.

    TensorFlow ops, for whole arrays and for the batches of a Keras metric.

    Args:
        labels: 0 or 1 `[rows]`, as NumPy or TensorFlow has them; all of one dtype.
        probabilities: That the label is 1 `[rows]`.
        weights: What each row counts `[rows]`.
        bins: Bins of equal width.

    Returns:
        Sums `[bins]`.

    Raises:
        ValueError: `bins` is below 1.

    Example:
        >>> ones = tf.ones(2)
        >>> binned_gaps(ones, 0.25 * ones, ones, bins=2).numpy().tolist()
        [1.5, 0.0]
    """
    if bins < 1:
        raise ValueError(f"`bins` must be at least 1; it is {bins}.")
    last = tf.cast(tf.math.ceil(probabilities * bins), tf.int32) - 1
    return tf.math.unsorted_segment_sum(
        weights * (labels - probabilities), tf.clip_by_value(last, 0, bins - 1), bins
    )


def rmse(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Return the root of the mean squared error, in the unit of the targets.

    Args:
        targets: What was observed, such as ratings `[rows]`.
        predictions: What the model says of it `[rows]`.

    Raises:
        ValueError: The lengths differ or there are no rows.

    Example:
        >>> rmse([1.0, 5.0], [2.0, 5.0]) ** 2
        0.5
    """
    target, values = _columns(targets=targets, predictions=predictions)
    return float(np.sqrt(np.mean((target - values) ** 2)))


def mae(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Return the mean absolute error, in the unit of the targets.

    Args:
        targets: What was observed, such as ratings `[rows]`.
        predictions: What the model says of it `[rows]`.

    Raises:
        ValueError: The lengths differ or there are no rows.

    Example:
        >>> mae([1.0, 5.0], [2.0, 5.0])
        0.5
    """
    target, values = _columns(targets=targets, predictions=predictions)
    return float(np.mean(np.abs(target - values)))


def _auc_by_group(
    positive: np.ndarray, values: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return AUC and number of rows of the groups that have both classes.

    The sums of ranks of Mann and Whitney: those of a group's P positives, from 0, are
    U + P (P − 1) / 2.
    """
    if np.isnan(values).any():
        return np.full(1, np.nan), np.ones(1)
    order = np.lexsort((values, codes))
    positive, values, codes = positive[order], values[order], codes[order]
    changes = np.ones(len(codes), bool)
    changes[1:] = (values[1:] != values[:-1]) | (codes[1:] != codes[:-1])
    first = np.flatnonzero(changes)
    ties = np.diff(first, append=len(codes))
    middle = np.repeat(first + (ties - 1) / 2, ties)
    counts = np.bincount(codes)
    positives = np.bincount(codes, positive)
    starts = np.cumsum(counts) - counts
    ranks = np.bincount(codes, positive * (middle - starts[codes]))
    pairs = positives * (counts - positives)
    kept = pairs > 0
    wins = ranks[kept] - positives[kept] * (positives[kept] - 1) / 2
    return wins / pairs[kept], counts[kept]


def _columns(**columns: npt.ArrayLike) -> list[np.ndarray]:
    """Return the arguments in float64.

    Raises:
        ValueError: They are not `[rows]`, of one length above 0.
    """
    arrays = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1 or any(array.ndim != 1 or not len(array) for array in arrays.values()):
        found = ", ".join(f"`{name}` is {list(array.shape)}" for name, array in arrays.items())
        raise ValueError(f"Give one value of each for every row, and at least one row: {found}.")
    return list(arrays.values())
