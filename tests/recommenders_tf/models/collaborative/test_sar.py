from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recommenders_tf import data
from recommenders_tf.models.collaborative.sar import SAR
from recommenders_tf.schema import FeatureSchema
from tests.recommenders_tf.models.collaborative.matrices import ratings, source

DAY = 86_400
EVENTS = [  # user, item, day, rating
    *(("a", "p", 100, 5.0), ("a", "q", 90, 2.0), ("a", "p", 80, 3.0)),
    *(("b", "p", 50, 4.0), ("b", "q", 60, 1.0), ("b", "r", 70, np.nan)),
    *(("c", "r", 100, 2.0), ("c", "q", 20, 3.0)),
]


def log() -> data.EventLog:
    schema = FeatureSchema.from_dict(
        {
            "name": "sar",
            "columns": {
                "user": {"kind": "id", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "time": {"kind": "timestamp", "role": "event_time"},
                "rating": {"kind": "label", "role": "label"},
            },
        }
    )
    events = pd.DataFrame(EVENTS, columns=["user", "item", "time", "rating"])
    events["time"] = events["time"] * DAY
    users, items = (pd.DataFrame({n: list(v)}) for n, v in (("user", "abcd"), ("item", "pqrs")))
    return data.EventLog(events, users, items, schema)


def fitted(**arguments) -> SAR:
    encoded = data.encode(log())
    model = SAR(encoded.schema, **arguments)
    model.compile()
    model.fit(encoded, verbose=0)
    return model


def together(first: str, second: str) -> int:
    met = {user: {item for u, item, *_ in EVENTS if u == user} for user in "abc"}
    return sum({first, second} <= items for items in met.values())


def similarity(first: str, second: str, kind: str) -> float:
    both, one, other = together(first, second), together(first, first), together(second, second)
    return {
        "cooccurrence": both,
        "jaccard": both / (one + other - both),
        "lift": both / (one * other),
    }[kind]


def affinity(user: str, item: str, half_life: float | None) -> float:
    """Return the sum of the user's ratings of an item, 1 for an unknown one, halved by age."""
    return sum(
        (1.0 if np.isnan(rating) else rating)
        * (2 ** (-(100 - day) / half_life) if half_life else 1)
        for u, i, day, rating in EVENTS
        if (u, i) == (user, item)
    )


@pytest.mark.parametrize("kind", ["cooccurrence", "jaccard", "lift"])
@pytest.mark.parametrize("half_life", [30.0, None])
def test_scores_are_affinities_times_similarities(kind: str, half_life: float | None) -> None:
    model = fitted(similarity=kind, half_life=half_life)
    for user in "abc":
        answer = model.recommend([user], k=4, exclude_seen=False).set_index("item")["score"]
        for item in "pqr":
            expected = sum(
                affinity(user, met, half_life) * similarity(met, item, kind) for met in "pqr"
            )
            assert answer[item] == pytest.approx(expected, rel=1e-5)


def test_items_met_together_too_rarely_are_not_similar() -> None:
    model = fitted(threshold=2, half_life=None, similarity="cooccurrence")
    similar = model.similarities(tf.range(5, dtype=tf.int64))[0].numpy()
    rows = model.tables.items.index.get_indexer(list("pqr"))
    ids = model.tables.items.features["item"].numpy()[rows]
    # p and q were met together by two users, q and r by two, p and r by one.
    assert similar[np.ix_(ids, ids)].tolist() == [[2, 2, 0], [2, 3, 2], [0, 2, 2]]


def test_what_comes_with_a_request_is_of_now() -> None:
    model = fitted(similarity="jaccard")
    answer = model.serving_graph().recommend(
        user_id=tf.constant(["nobody"]),
        history=tf.constant([["p"]]),
        exclude_seen=tf.constant(False),
    )
    scores = dict(zip(answer["item_id"].numpy()[0], answer["score"].numpy()[0], strict=True))
    for item in "pqr":
        assert scores[item.encode()] == pytest.approx(similarity("p", item, "jaccard"), rel=1e-6)


def test_without_times_all_events_count_alike() -> None:
    values = ratings()
    rows = source(values)
    model = SAR(rows.schema)
    model.compile()
    model.fit(rows, verbose=0)
    expected = np.nan_to_num(values)
    expected[0] *= 2  # the events of the first user are there twice
    np.testing.assert_allclose(model.matrix.toarray()[2:, 2:], expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": "cosine"}, "`similarity` must be one of cooccurrence, jaccard, lift"),
        ({"half_life": 0.0}, "`half_life` must be above 0 days, or None. Received: 0.0"),
        ({"threshold": 0}, "`threshold` and `num_neighbours` must be at least 1. Received: 0 and"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SAR(data.encode(log()).schema, **arguments)
