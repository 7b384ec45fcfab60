"""Optimizers that Keras lacks."""

from recommenders_tf.optimizers.composite_optimizer import CompositeOptimizer

__all__ = ["CompositeOptimizer"]
