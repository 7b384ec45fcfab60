"""Top-K search over item vectors."""

from recommenders_tf.index.exact import exact_top_k

__all__ = ["exact_top_k"]
