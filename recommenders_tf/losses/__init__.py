"""Losses of rankings, as Keras has them, and of what belongs together."""

from recommenders_tf.losses.bpr_max import BPRMax
from recommenders_tf.losses.mutual_information import attribute_loss, pairwise_loss

__all__ = ["BPRMax", "attribute_loss", "pairwise_loss"]
