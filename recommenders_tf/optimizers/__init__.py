"""Optimizers that Keras lacks, and the setting of its own that recommenders need."""

from recommenders_tf.optimizers.composite_optimizer import CompositeOptimizer
from recommenders_tf.optimizers.gradients import clip_by_global_norm, micro_batch_gradients

INITIAL_ACCUMULATOR = 1e-6
"""Start of the accumulators of Adagrad and FTRL.

Keras starts them at 0.1, far above the squared gradient of one id in the mean loss of a batch, so
that ids would hardly learn: Wide & Deep on MovieLens 100K stays at an AUC of 0.66.
"""

__all__ = [
    "INITIAL_ACCUMULATOR",
    "CompositeOptimizer",
    "clip_by_global_norm",
    "micro_batch_gradients",
]
