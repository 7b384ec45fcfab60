"""Offline evaluation: over the full catalogue, and of a ranker user by user."""

from recommenders_tf.evaluation.full_ranking import evaluate_ranking, held_out_ranks
from recommenders_tf.evaluation.grouped_auc import gauc

__all__ = ["evaluate_ranking", "gauc", "held_out_ranks"]
