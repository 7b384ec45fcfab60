from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recommenders_tf import native
from recommenders_tf.models.collaborative import slim
from recommenders_tf.models.collaborative.slim import SLIM, elastic_net, slim_weights
from tests.recommenders_tf.models.collaborative.matrices import fitted, ratings, scores, source

VALUES = ratings(users=30, items=12, seed=2)
X = np.zeros((32, 14), np.float32)
X[2:, 2:] = ~np.isnan(VALUES)


def test_weights_are_at_the_minimum(monkeypatch) -> None:
    """Where w is above 0 the gradient is 0, elsewhere it does not fall: a convex problem's minimum.

    With more neighbours than items no candidate is left out.
    """
    monkeypatch.setattr(slim, "_TOLERANCE", 1e-6)
    monkeypatch.setattr(slim, "_MOST_SWEEPS", 1000)
    weights, error = slim_weights(sparse.csr_matrix(X), l1=0.7, l2=1.5, num_neighbours=20)
    w = weights.toarray()
    gradient = X.T @ X @ w - X.T @ X + 1.5 * w + 0.7
    free = ~np.eye(14, dtype=bool)
    assert (w >= 0).all() and (w[~free] == 0).all()
    assert (w > 0).sum() > 20 and (w[free] == 0).sum() > 20
    np.testing.assert_allclose(gradient[w > 0], 0, atol=2e-3)
    assert (gradient[free] > -2e-3).all()
    assert error == pytest.approx(((X - X @ w) ** 2).sum() / X.any(axis=1).sum(), rel=1e-4)


@pytest.mark.parametrize("most_dense", [0, 2**13])
def test_an_item_is_rebuilt_from_its_nearest_alone(most_dense, monkeypatch) -> None:
    monkeypatch.setattr(slim, "_MOST_DENSE", most_dense)
    monkeypatch.setattr(slim, "_BLOCK_VALUES", 5 * 3**2)  # several blocks
    weights = slim_weights(sparse.csr_matrix(X), 0.1, 1.0, 3)[0].toarray()
    gram = X.T @ X
    norms = np.sqrt(np.maximum(np.diag(gram), 1e-9))
    for item in range(2, 14):
        cosine = gram[:, item] / (norms * norms[item])
        cosine[item] = 0
        order = sorted(range(14), key=lambda i, c=cosine: (-round(float(c[i]), 6), i))
        nearest = [i for i in order[:3] if cosine[i] > 0]
        assert set(np.flatnonzero(weights[:, item])) <= set(nearest)
        if nearest:
            among = gram[np.ix_(nearest, nearest)]
            expected, _ = elastic_net(among[None], gram[nearest, item][None], 0.1, 1.0)
            np.testing.assert_allclose(weights[nearest, item], expected[0], atol=3e-4)


def test_the_compiled_kernel_gives_what_numpy_does() -> None:
    random = np.random.default_rng(0)
    rows = random.random((20, 30, 6)).astype(np.float32)
    gram, targets = rows.transpose(0, 2, 1) @ rows, random.random((20, 6)).astype(np.float32) * 9
    gram[3, :, 2] = gram[3, 2] = 0  # a place that padding fills
    targets[3, 2] = 0
    assert native.ops("models/elastic_net.cc") is not None  # or this would compare nothing
    fast, slow = (elastic_net(gram, targets, 1.5, 0.5, use_native=n) for n in (True, False))
    np.testing.assert_allclose(fast[0], slow[0], atol=2e-3)
    np.testing.assert_allclose(fast[1], targets - np.einsum("pij,pj->pi", gram, fast[0]), atol=1e-3)
    assert 0 < np.count_nonzero(fast[0]) < fast[0].size and fast[0][3, 2] == 0


def test_scores_are_sums_of_weights() -> None:
    model = fitted(SLIM, VALUES, num_neighbours=5)
    weights = slim_weights(sparse.csr_matrix(X), 1.0, 5.0, 5)[0].toarray()
    np.testing.assert_allclose(scores(model, 0, 7), (X @ weights)[[2, 9], 2:], rtol=1e-5, atol=1e-6)


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(ValueError, match=r"`l1` and `l2` must be at least 0, .* Received: -1, 5.0"):
        SLIM(source(VALUES).schema, l1=-1)
