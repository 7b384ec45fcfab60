"""A small catalogue in clusters, and how each kind of index is built to find nearly all of it."""

import numpy as np

from recommenders_tf.index import ExactConfig, FaissConfig, IVFConfig, IVFPQConfig, ScannConfig

CONFIGS = {
    "exact": ("exact", ExactConfig()),
    "exact_bfloat16": ("exact", ExactConfig(dtype="bfloat16")),
    "ivf": ("ivf", IVFConfig(lists=40, probes=12)),
    "ivf_bfloat16": ("ivf", IVFConfig(lists=40, probes=12, dtype="bfloat16")),
    "ivf_pq": ("ivf_pq", IVFPQConfig(lists=40, probes=12, subspaces=4, codes=256, rescored=8)),
    "faiss": ("faiss", FaissConfig("IVF40,Flat", effort=12)),
    "faiss_hnsw": ("faiss", FaissConfig("HNSW32", effort=128)),
    "scann": ("scann", ScannConfig(leaves=40, probes=28)),
}


def planted(items, seed=0):
    """Return vectors `[items, 16]`, a genre for each, and queries near some of them."""
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(99).standard_normal((40, 16))
    vectors = centers[random.integers(40, size=items)] + 0.5 * random.standard_normal((items, 16))
    number = np.arange(items)
    genres = np.select([number % 500 == 3, number % 10 > 0], ["rare", "common"], "odd")
    near = vectors[:: items // 20]
    queries = near + 0.3 * random.standard_normal(near.shape)
    return vectors.astype(np.float32), genres.tolist(), queries.astype(np.float32)


def lists_of(items):
    """Return a list of values for each item."""
    return [["all", "third"] if row % 3 == 0 else ["all"] for row in range(items)]
