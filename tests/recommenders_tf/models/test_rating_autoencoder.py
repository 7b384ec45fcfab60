from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import data, models


@pytest.mark.parametrize("kind", [models.AutoRecItem, models.AutoRecUser])
def test_ratings_at_random_are_not_learned_by_heart_with_the_default_penalty(kind: type) -> None:
    log = data.synthetic(num_users=60, num_items=50, num_events=1500, seed=1)
    stars = dataclasses.replace(log.schema["rating"], positive_from=None)
    ratings = np.random.default_rng(0).integers(1, 6, len(log)).astype(float)
    log = dataclasses.replace(
        log, schema=log.schema.replace([stars]), events=log.events.assign(rating=ratings)
    )
    train, test = log.split("random", test_share=0.25)
    rows = data.encode(train)
    tf.keras.utils.set_random_seed(1)
    model = kind(rows.schema)
    model.compile()
    model.fit(rows, epochs=40, batch_size=8, verbose=0)
    # The mean of all ratings would be off by their standard deviation.
    assert model.evaluate(test)["RMSE"] < 1.1 * test.events["rating"].std()
