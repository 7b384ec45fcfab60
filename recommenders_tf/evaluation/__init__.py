"""Offline evaluation: protocols, metrics of lists and labels, and whether models differ."""

from recommenders_tf.evaluation.comparison import compare
from recommenders_tf.evaluation.evaluator import evaluate
from recommenders_tf.evaluation.full_ranking import evaluate_ranking, held_out_ranks
from recommenders_tf.evaluation.protocol import Candidates, Protocol
from recommenders_tf.evaluation.result import Difference, Evaluation
from recommenders_tf.evaluation.significance import (
    bootstrap_interval,
    holm,
    paired_t,
    randomization_test,
)

__all__ = [
    "Candidates",
    "Difference",
    "Evaluation",
    "Protocol",
    "bootstrap_interval",
    "compare",
    "evaluate",
    "evaluate_ranking",
    "held_out_ranks",
    "holm",
    "paired_t",
    "randomization_test",
]
