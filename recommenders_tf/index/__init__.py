"""Top-K search over item vectors."""

from recommenders_tf.index.exact import exact_top_k
from recommenders_tf.index.exact_index import ExactConfig, ExactIndex
from recommenders_tf.index.faiss_index import FaissConfig, FaissIndex
from recommenders_tf.index.ivf_index import IVFConfig, IVFIndex
from recommenders_tf.index.ivf_pq_index import IVFPQConfig, IVFPQIndex
from recommenders_tf.index.scann_index import ScannConfig, ScannIndex
from recommenders_tf.index.top_k_index import TopKIndex

__all__ = [
    "ExactConfig",
    "ExactIndex",
    "FaissConfig",
    "FaissIndex",
    "IVFConfig",
    "IVFIndex",
    "IVFPQConfig",
    "IVFPQIndex",
    "ScannConfig",
    "ScannIndex",
    "TopKIndex",
    "exact_top_k",
]
