"""Top-K search over item vectors."""

from recommenders_tf.index.exact import exact_top_k
from recommenders_tf.index.exact_index import ExactConfig, ExactIndex
from recommenders_tf.index.top_k_index import TopKIndex

__all__ = ["ExactConfig", "ExactIndex", "TopKIndex", "exact_top_k"]
