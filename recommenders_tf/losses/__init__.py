"""Losses of rankings, as Keras has them."""

from recommenders_tf.losses.bpr_max import BPRMax

__all__ = ["BPRMax"]
