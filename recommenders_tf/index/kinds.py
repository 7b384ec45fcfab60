"""The kinds of index by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recommenders_tf.index.top_k_index import TopKIndex

_CLASSES = {
    "exact": "exact_index.ExactIndex",
    "ivf": "ivf_index.IVFIndex",
    "ivf_pq": "ivf_pq_index.IVFPQIndex",
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
