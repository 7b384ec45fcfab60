from __future__ import annotations

import numpy as np
import pytest

from recommenders_tf import data
from recommenders_tf.models.collaborative.item_knn import ItemKNN
from recommenders_tf.models.collaborative.user_knn import UserKNN
from recommenders_tf.models.rating_neighbours import RatingNeighbours
from tests.recommenders_tf.models.collaborative.small_ratings import encoded


@pytest.mark.parametrize("kind", [ItemKNN, UserKNN])
def test_weighted_means_are_measured_as_ratings(kind: type[RatingNeighbours]) -> None:
    train, test = encoded().log.split("random", test_share=0.3)
    rows = data.encode(train)
    found = []
    for arguments in ({}, {"ratings": True, "weighted_mean": True}):
        model = kind(rows.schema, **arguments)
        model.compile()
        model.fit(rows, verbose=0)
        found.append(model.evaluate(test))
    assert "RMSE" not in found[0]
    targets = test.events["rating"].to_numpy()
    errors = (model.score(test.events) - targets)[~np.isnan(targets)]
    assert found[1]["RMSE"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
