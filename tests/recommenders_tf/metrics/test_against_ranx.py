"""The metrics of lists against ranx, an independent implementation.

ranx has no rule for ties: equal scores come in the order of its sort. Its scores here are minus the
ranks that our rule gives, so that both judge one order. It divides average precision by all
relevant items, where we divide by those that k places can hold.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from recommenders_tf.metrics import ranking

os.environ["NUMBA_DISABLE_JIT"] = "1"  # or ranx would compile for a minute and run for a moment
import ranx  # isort: skip

NAMES = {
    "hit_rate": ranking.hit_rate,
    "recall": ranking.recall,
    "precision": ranking.precision,
    "ndcg": ranking.ndcg,
    "mrr": ranking.reciprocal_rank,
    "map": ranking.average_precision,
}


@pytest.mark.parametrize("k", [1, 5, 12, 30])
def test_equals_ranx_with_ties_and_k_above_the_candidates(k):
    random = np.random.default_rng(k)
    labels = (random.random([80, 12]) < random.choice([0.05, 0.2, 0.7], [80, 1])) * 1
    scores = random.integers(0, 5, [80, 12]) / 4
    number = labels.sum(axis=1)
    assert (number == 0).any() and (number > 5).any()
    asked = np.flatnonzero(number)  # ranx wants a relevant item in every row
    # Last key first: by score, and of equal scores the irrelevant before the relevant.
    order = np.lexsort((labels, -scores), axis=1)
    relevant = {str(row): {str(i): 1 for i in np.flatnonzero(labels[row])} for row in asked}
    found = {
        str(row): {str(item): 12.0 - rank for rank, item in enumerate(order[row])} for row in asked
    }
    names = [f"{name}@{k}" for name in NAMES]
    theirs = ranx.evaluate(
        ranx.Qrels(relevant), ranx.Run(found), names, return_mean=False, make_comparable=True
    )
    relevance = ranking.relevance_by_rank(labels, scores, k)
    # ranx keeps its rows in the order of their names.
    rows = asked[np.argsort([str(row) for row in asked])]
    for name, formula in NAMES.items():
        ours = formula(relevance, number).numpy()[rows]
        if name == "map":
            ours *= np.minimum(number, k)[rows] / number[rows]
        np.testing.assert_allclose(ours, theirs[f"{name}@{k}"], atol=1e-6, err_msg=name)
