from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recommenders_tf import data
from recommenders_tf.models.collaborative.content import Content
from recommenders_tf.schema import FeatureSchema, SchemaError
from recommenders_tf.serving_tables import ServingTables

ITEMS = {
    "p": ("the red red house", "fiction", ["old:2", "long"]),
    "q": ("the blue house", "fiction", ["old"]),
    "r": ("a sea", "travel", ["long:0.5"]),
    "s": ("the red sea", "travel", []),
    "t": ("", "", []),  # nothing is known of it
}
EVENTS = [("a", "p", 5.0), ("a", "r", 1.0), ("b", "q", 4.0), ("c", "t", 3.0)]


def log() -> data.EventLog:
    schema = FeatureSchema.from_dict(
        {
            "name": "content",
            "columns": {
                "user": {"kind": "id", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "title": {"kind": "text", "role": "item"},
                "genre": {"kind": "categorical", "role": "item"},
                "tags": {"kind": "multi_hot", "role": "item", "weighted": True},
                "rating": {"kind": "label", "role": "label"},
            },
        }
    )
    items = pd.DataFrame([(i, *v) for i, v in ITEMS.items()], columns=["item", *schema_features()])
    events = pd.DataFrame(EVENTS, columns=["user", "item", "rating"])
    return data.EventLog(events, pd.DataFrame({"user": list("abcd")}), items, schema)


def schema_features() -> list[str]:
    return ["title", "genre", "tags"]


def terms(title: str, genre: str, tags: list[str]) -> dict[str, float]:
    """Return what counts how much in an item."""
    counts: dict[str, float] = {}
    words = [(word, 1.0) for word in title.split()] + ([(f"genre {genre}", 1.0)] if genre else [])
    for tag in tags:
        name, _, weight = tag.partition(":")
        words.append((f"tag {name}", float(weight or 1)))
    for word, weight in words:
        counts[word] = counts.get(word, 0) + weight
    return counts


def vector(item: str) -> dict[str, float]:
    bags = {name: terms(*said) for name, said in ITEMS.items()}
    described = [bag for bag in bags.values() if bag]
    weights = {
        term: tf_ * (math.log((1 + len(described)) / (1 + sum(term in b for b in described))) + 1)
        for term, tf_ in bags[item].items()
    }
    norm = math.sqrt(sum(w * w for w in weights.values()))
    return {term: w / norm for term, w in weights.items()}


def cosine(met: dict[str, float], item: str) -> float:
    """Return the cosine of an item and the sum of what was met, item by item with its weight."""
    profile: dict[str, float] = {}
    for name, weight in met.items():
        for term, value in vector(name).items():
            profile[term] = profile.get(term, 0) + weight * value
    norm = math.sqrt(sum(v * v for v in profile.values())) or 1.0
    return sum(value * profile.get(term, 0) for term, value in vector(item).items()) / norm


def fitted(**arguments) -> Content:
    encoded = data.encode(log())
    model = Content(encoded.schema, **arguments)
    model.compile()
    model.fit(encoded, verbose=0)
    return model


@pytest.mark.parametrize("ratings", [False, True])
def test_scores_are_cosines_of_weighted_terms(ratings: bool) -> None:
    model = fitted(ratings=ratings)
    answer = model.recommend(["a"], k=5, exclude_seen=False).set_index("item")["score"]
    met = {"p": 5.0, "r": 1.0} if ratings else {"p": 1.0, "r": 1.0}
    for item in ITEMS:
        assert answer[item] == pytest.approx(cosine(met, item), abs=1e-6)
    pairs = pd.DataFrame({"user": ["a"] * 5, "item": list(ITEMS)})
    np.testing.assert_allclose(model.score(pairs), answer[list(ITEMS)], atol=1e-6)


def test_an_item_that_nobody_met_is_found_by_what_is_said_of_it() -> None:
    """`s` has no event, so no id of its own, and is still told from `t`, of which nothing is
    said."""
    answer = fitted().recommend(["a"], k=5)
    assert answer["item"].tolist()[0] == "s"
    assert set(answer["item"]) == {"q", "s", "t"}


def test_an_item_that_came_after_training_is_scored_with_the_others() -> None:
    model = fitted()
    later = log()
    items = pd.concat(
        [
            later.items,
            pd.DataFrame(
                {"item": ["u"], "title": ["red house"], "genre": ["unheard"], "tags": [["old"]]}
            ),
        ],
        ignore_index=True,
    )
    later = data.EventLog(later.events, later.users, items, later.schema)
    model.bind(ServingTables(model.tables.encoder, later))
    answer = model.recommend(["b"], k=3, candidates=["s", "t", "u"])
    assert answer["item"].tolist() == ["u", "s", "t"]


def test_a_history_in_the_request_is_a_profile() -> None:
    answer = (
        fitted()
        .serving_graph()
        .recommend(user_id=tf.constant(["nobody"]), history=tf.constant([["q"]]))
    )
    scores = dict(zip(answer["item_id"].numpy()[0], answer["score"].numpy()[0], strict=True))
    assert scores[b"p"] == pytest.approx(cosine({"q": 1.0}, "p"), abs=1e-6)
    assert b"q" not in scores


def test_who_has_met_nothing_gets_the_most_popular() -> None:
    answer = fitted().recommend(["d"], k=5).set_index("item")["score"]
    assert answer.to_dict() == pytest.approx(
        {"p": 1 / 3, "q": 1 / 3, "r": 1 / 3, "t": 1 / 3, "s": 0}
    )


def test_columns_of_a_batch_do_in_place_of_tables() -> None:
    """As in the pipeline, where there are examples and no table of items to learn from."""
    encoded = data.encode(log())
    model, other = (Content(encoded.schema) for _ in range(2))
    model._learn_items(model._items_of(encoded))
    batch = encoded.columns(["item", "title", "title_mask", "genre", "tags", "tags_mask"])
    batch["tags_weights"] = encoded.columns(["tags_weights"])["tags_weights"]

    class Rows:
        def columns(self, names):
            assert set(names) == set(batch)
            return batch

    other._learn_items(other._items_of(Rows()))
    # Without `s`, which no event has, terms are a little rarer; those of one item stay together.
    a, b = (m.item_terms(tf.range(m.num_items))[1].numpy() for m in (model, other))
    np.testing.assert_array_equal(a, b)
    assert a.any()


def test_a_schema_without_a_description_of_items_is_refused() -> None:
    schema = data.encode(log()).schema
    bare = FeatureSchema(
        [c for c in schema.columns.values() if c.name not in schema_features()], "bare"
    )
    with pytest.raises(SchemaError, match="`bare` has no column that describes items"):
        Content(bare)
