"""Metrics: one implementation of each formula, for whole arrays and, in capitals, for Keras."""

from recommenders_tf.metrics.keras_metrics import (
    MAP,
    MRR,
    NDCG,
    CalibrationError,
    HitRate,
    Precision,
    Recall,
)
from recommenders_tf.metrics.lists import (
    coverage,
    gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
    serendipity,
)
from recommenders_tf.metrics.probabilities import (
    auc,
    calibration_error,
    gauc,
    log_loss,
    mae,
    rmse,
)
from recommenders_tf.metrics.ranking import (
    average_precision,
    hit_rate,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    relevance_by_rank,
)

__all__ = [
    "MAP",
    "MRR",
    "NDCG",
    "CalibrationError",
    "HitRate",
    "Precision",
    "Recall",
    "auc",
    "average_precision",
    "calibration_error",
    "coverage",
    "gauc",
    "gini",
    "hit_rate",
    "intra_list_diversity",
    "log_loss",
    "mae",
    "ndcg",
    "novelty",
    "popularity_bias",
    "precision",
    "recall",
    "reciprocal_rank",
    "relevance_by_rank",
    "rmse",
    "serendipity",
]
