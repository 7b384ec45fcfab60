"""The kinds of index by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from recommenders_tf.index.stock_index import StockIndex
    from recommenders_tf.index.top_k_index import TopKIndex

STOCK = ("exact", "ivf", "ivf_pq")
"""Those whose search is a graph of stock ops, which an exported model can hold."""
_CLASSES = {
    "exact": "exact_index.ExactIndex",
    "ivf": "ivf_index.IVFIndex",
    "ivf_pq": "ivf_pq_index.IVFPQIndex",
    "scann": "scann_index.ScannIndex",
    "faiss": "faiss_index.FaissIndex",
}


def get(kind: str) -> type[TopKIndex]:
    """Return the class of a kind of index.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> get("exact").kind
        'exact'
    """
    if kind not in _CLASSES:
        raise ValueError(
            f"There is no index of kind {kind!r}: choose one of {', '.join(_CLASSES)}."
        )
    module, name = _CLASSES[kind].split(".")
    return getattr(importlib.import_module(f"recommenders_tf.index.{module}"), name)


def stock_index(index: Any, vectors: np.ndarray) -> StockIndex:
    """Return an index that an exported model can hold, its ids the rows of the vectors.

    Args:
        index: Kind of index, or the settings of one: `"ivf_pq"`, `IVFPQConfig(probes=64)`.
        vectors: float32 `[items, dim]`.

    Raises:
        ValueError: It is no index of stock ops.

    Example:
        >>> len(stock_index("exact", np.eye(3)))
        3
    """
    classes = {kind: get(kind) for kind in STOCK}
    if not isinstance(index, str):
        index, config = {c.config_class: c.kind for c in classes.values()}.get(type(index)), index
    else:
        config = None
    if index not in classes:
        raise ValueError(
            f"`index` is {index or config!r}, which no exported model can hold: choose one of "
            f"{', '.join(STOCK)}, whose ops every TF Serving has."
        )
    return classes[index](vectors, np.arange(len(vectors)), config=config)
