"""SLIM: a sparse linear model that rebuilds each item from a few others."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from recommenders_tf import native
from recommenders_tf.models.neighbours import NeighbourRetriever, in_blocks, largest, measure_of
from recommenders_tf.registry import register
from recommenders_tf.schema import PADDING_ID, FeatureSchema
from recommenders_tf.search_space import Range

_GRAM_ROWS = 256
_BLOCK_VALUES = 2**22
_MOST_DENSE = 2**13
"""Items up to which the Gram matrix is also held dense, where looking up is faster: 256 MiB."""
_MOST_SWEEPS = 100
_TOLERANCE = 1e-4


@register(
    paper="Ning, Karypis: SLIM: Sparse Linear Methods for Top-N Recommender Systems, ICDM 2011",
    search_space={
        "l1": Range(0.01, 10.0, "log"),
        "l2": Range(0.1, 100.0, "log"),
    },
)
class SLIM(NeighbourRetriever):
    """Scores the items by x W, where the sparse W rebuilds each item from others.

    W minimizes ½‖X - XW‖² + β/2 ‖W‖² + λ‖W‖₁ under W ≥ 0 and diag(W) = 0 (eq. 4), one column after
    another by coordinate descent on the Gram matrix XᵀX. As in fsSLIM (section 4.3) the candidates
    of an item are the k others with the greatest cosine. A user's x is 1 for every item met.

    When to choose it:
        Where `ease` is too large: it is about as good, and W has no more than k numbers an item. It
        takes longer to train than neighbours do, and no longer to serve. In training it holds a
        number for every two items that somebody met both.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        l1: λ: the more, the fewer numbers W has.
        l2: β.
        num_neighbours: k.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: An argument is out of its range.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SLIM(train.schema, num_neighbours=20)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        l1: float = 1.0,
        l2: float = 5.0,
        num_neighbours: int = 100,
        **kwargs: Any,
    ) -> None:
        if l1 < 0 or l2 < 0 or num_neighbours < 1:
            raise ValueError(
                "`l1` and `l2` must be at least 0, `num_neighbours` at least 1. Received: "
                f"{l1}, {l2} and {num_neighbours}."
            )
        super().__init__(schema, **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.num_neighbours = num_neighbours

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Set W, and return the mean over users of the squared error ‖x - xW‖²."""
        weights, error = slim_weights(matrix, self.l1, self.l2, self.num_neighbours)
        self.similarities.assign(weights)
        return error


def slim_weights(
    matrix: sparse.csr_matrix, l1: float, l2: float, num_neighbours: int
) -> tuple[sparse.csr_matrix, float]:
    """Return W, float32 `[items, items]`, and the mean over users of ‖x - xW‖².

    Example:
        >>> matrix = sparse.csr_matrix(np.array([[0, 1, 1], [0, 1, 1], [0, 1, 0]], np.float32))
        >>> weights, error = slim_weights(matrix, 0.5, 0.0, 1)
        >>> weights.toarray().tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, 0.75, 0.0]]
    """
    rows, by_item = np.arange(matrix.shape[1]), matrix.T.tocsr()
    parts = in_blocks(lambda items: by_item[items] @ matrix, rows, _GRAM_ROWS)
    gram = sparse.vstack(parts, "csr")
    gram.sort_indices()
    counts = gram.diagonal()
    cosine = measure_of("cosine", 0.0)
    table = gram.toarray() if len(counts) <= _MOST_DENSE else gram

    def columns_of(items: np.ndarray) -> tuple[sparse.csr_matrix, float]:
        similar = gram[items]
        owners = np.repeat(items, np.diff(similar.indptr))
        similar.data = cosine(similar.data, counts[owners], counts[similar.indices])
        similar.data[owners == similar.indices] = 0.0
        similar = largest(similar, num_neighbours)
        others = _padded(similar, num_neighbours)
        targets = _looked_up(table, others, items[:, np.newaxis])
        among = _looked_up(table, others[:, :, np.newaxis], others[:, np.newaxis])
        weights, residual = elastic_net(among, targets, l1, l2)
        # ‖x_j - Xw‖² = c_j - 2 wᵀb + wᵀGw, and Gw is b less the residual.
        error = counts[items].sum() - np.sum(weights * (targets + residual), dtype=np.float64)
        similar.data = weights[np.arange(others.shape[1]) < np.diff(similar.indptr)[:, np.newaxis]]
        similar.eliminate_zeros()
        return similar, float(error)

    step = max(1, _BLOCK_VALUES // num_neighbours**2)
    columns, errors = zip(*in_blocks(columns_of, rows, step), strict=True)
    users = max(1, np.count_nonzero(np.diff(matrix.indptr)))
    return sparse.vstack(columns, "csr").T.tocsr(), sum(errors) / users


def elastic_net(
    gram: np.ndarray, targets: np.ndarray, l1: float, l2: float, use_native: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights w ≥ 0 that minimize ½wᵀGw - wᵀb + λΣw + β/2 ‖w‖² of many problems.

    Coordinates are taken in turn until none moves: by a compiled kernel (`elastic_net.cc`) if a C++
    compiler is at hand, or else by NumPy in all problems at once; both give the same.

    Args:
        gram: G, float32 `[problems, k, k]`.
        targets: b, float32 `[problems, k]`.
        l1: λ.
        l2: β.
        use_native: Whether the compiled kernel may be used.

    Returns:
        w, and the residual b - Gw, both float32 `[problems, k]`.

    Example:
        >>> gram = np.array([[[2.0, 1.0], [1.0, 2.0]]], np.float32)
        >>> weights, _ = elastic_net(gram, np.array([[3.0, 0.5]], np.float32), 1.0, 0.0)
        >>> weights.tolist()
        [[1.0, 0.0]]
    """
    kernel = native.ops("models/elastic_net.cc") if use_native else None
    if kernel is not None:
        found = kernel.recommenders_tf_elastic_net(
            gram, targets, l1=l1, l2=l2, tolerance=_TOLERANCE, most_sweeps=_MOST_SWEEPS
        )
        return found.weights.numpy(), found.residual.numpy()
    weights, residual = np.zeros_like(targets), targets.copy()
    own = np.einsum("pii->pi", gram)
    divisors = np.where(own > 0, own + l2, 1.0).astype(np.float32)
    for _ in range(_MOST_SWEEPS):
        furthest = 0.0
        for place in range(gram.shape[1]):
            before = weights[:, place]
            rest = residual[:, place] + own[:, place] * before
            change = np.maximum(rest - l1, 0) / divisors[:, place] - before
            if change.any():
                residual -= change[:, np.newaxis] * gram[:, place]
                weights[:, place] += change
                furthest = max(furthest, float(np.abs(change).max()))
        if furthest < _TOLERANCE:
            break
    return weights, residual


def _padded(rows: sparse.csr_matrix, width: int) -> np.ndarray:
    """Return the columns of each row, `[rows, width]`; padding, an item nobody met, fills them."""
    padded = np.full((rows.shape[0], width), PADDING_ID, np.int32)
    padded[np.arange(width) < np.diff(rows.indptr)[:, np.newaxis]] = rows.indices
    return padded


def _looked_up(
    matrix: np.ndarray | sparse.csr_matrix, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Return the values of a matrix at places that broadcast."""
    if isinstance(matrix, np.ndarray):
        return matrix[rows, columns]
    rows, columns = np.broadcast_arrays(rows, columns)
    return np.asarray(matrix[rows.flatten(), columns.flatten()]).reshape(rows.shape)
