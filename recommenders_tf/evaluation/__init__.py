"""Offline evaluation of held-out items over the full catalogue."""

from recommenders_tf.evaluation.full_ranking import evaluate_ranking, held_out_ranks

__all__ = ["evaluate_ranking", "held_out_ranks"]
