from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import data
from recommenders_tf.data import ColumnarData
from recommenders_tf.features import INTERACTION_ITEMS, INTERACTION_LABELS
from recommenders_tf.index import exact
from recommenders_tf.models.collaborative.ease import EASE
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError

SCHEMA = FeatureSchema.from_dict(
    {
        "name": "pairs",
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": 6},
            "item": {"kind": "id", "role": "item", "vocabulary_size": 7},
            "time": {"kind": "timestamp", "role": "event_time"},
            "rating": {"kind": "label", "role": "label"},
        },
    }
)
EVENTS = {  # no times, as examples of the pipeline have none
    "user": np.array([2, 2, 2, 4, 1, 3, 4]),
    "item": np.array([5, 5, 6, 2, 5, 1, 3]),
    "rating": np.array([1, 4, 2, 3, 5, 5, 0], np.float32),
}


def kept(combine: str, needs_label: bool) -> HistoryRetriever:
    """Return a model that scores items by what they count for a user."""

    class Kept(HistoryRetriever):
        def score_items(self, values, known, training=False):
            return values

    Kept.combine, Kept.needs_label = combine, needs_label
    model = Kept(SCHEMA)
    model.compile()
    return model


CASES = [
    ("any", False, {(2, 5): 1, (2, 6): 1, (4, 2): 1, (4, 3): 1}),
    ("sum", False, {(2, 5): 2, (2, 6): 1, (4, 2): 1, (4, 3): 1}),
    ("sum", True, {(2, 5): 5, (2, 6): 2, (4, 2): 3, (4, 3): 0}),
    ("mean", True, {(2, 5): 2.5, (2, 6): 2, (4, 2): 3, (4, 3): 0}),
]


@pytest.mark.parametrize(("combine", "needs_label", "expected"), CASES)
def test_events_of_a_pair_are_combined(combine, needs_label, expected) -> None:
    model = kept(combine, needs_label)
    rows = model.training_rows(ColumnarData(EVENTS, SCHEMA))
    batch = next(iter(rows.batches(8, shuffle=False)))
    assert batch["user"].numpy().tolist() == [2, 4]  # 1 and 3 met nothing that is known
    matrix = model.matrix.tocoo()
    entries = zip(matrix.row, matrix.col, matrix.data, strict=True)
    found = {(int(u), int(i)): v for u, i, v in entries}
    assert found == expected
    values, known = model.read(batch)
    assert {(2 + 2 * int(u), int(i)) for u, i in np.argwhere(known.numpy())} == set(expected)
    assert all(values[(user - 2) // 2, item] == v for (user, item), v in expected.items())
    assert model.training_rows(rows) is rows


@pytest.mark.parametrize(("combine", "needs_label", "expected"), CASES)
def test_a_request_is_read_as_training_was(combine, needs_label, expected) -> None:
    model = kept(combine, needs_label)
    items = tf.ragged.constant([[5, 1, 5, 6, 3], [], [2, 3]], tf.int64)
    labels = tf.ragged.constant([[1.0, 5.0, 4.0, 2.0, np.nan], [], [3.0, 0.0]], tf.float32)
    request = {INTERACTION_ITEMS: items, "user": tf.constant([1, 1, 1], tf.int64)}
    if needs_label:
        request[INTERACTION_LABELS] = labels
    else:
        request[INTERACTION_ITEMS] = tf.ragged.constant([[5, 1, 5, 6], [], [2, 3]], tf.int64)
    values, known = model.read(request)
    assert known.shape == (3, 7) and not np.any(known[1])
    found = {
        (2 if u == 0 else 4, int(i)): float(values[u, i]) for u, i in np.argwhere(known.numpy())
    }
    assert found == expected
    assert np.count_nonzero(values) == sum(v != 0 for v in expected.values())


@pytest.fixture(scope="module")
def log() -> data.EventLog:
    return data.synthetic(num_users=60, num_items=40, num_events=900, seed=2)


@pytest.fixture(scope="module")
def encoded(log) -> data.EncodedLog:
    return data.encode(log)


@pytest.fixture(scope="module")
def model(encoded) -> EASE:
    model = EASE(encoded.schema, l2=10.0)
    model.compile()
    model.fit(encoded, verbose=0)
    return model


def recommended(model, **request) -> tuple[list[bytes], np.ndarray]:
    answer = model.serving_graph().recommend(**request)
    return answer["item_id"].numpy()[0].tolist(), answer["score"].numpy()[0]


def test_the_history_of_a_new_user_answers_as_that_of_a_user_of_training(log, model) -> None:
    user = log.events["user_id"].iloc[0]
    history = log.events.loc[log.events["user_id"] == user, "item_id"].tolist()
    known = recommended(model, user_id=tf.constant([user]))
    new = recommended(
        model, user_id=tf.constant(["nobody"]), history=tf.constant([[*history, "nothing"]])
    )
    assert known[0] == new[0]
    np.testing.assert_allclose(known[1], new[1], rtol=1e-5)
    half = recommended(
        model, user_id=tf.constant(["nobody"]), history=tf.constant([history[: len(history) // 2]])
    )
    assert half[0] != known[0]


def test_what_came_since_training_counts_too(log, model) -> None:
    user = log.events["user_id"].iloc[0]
    before = recommended(model, user_id=tf.constant([user]))
    after = recommended(
        model, user_id=tf.constant([user]), history=tf.constant([[before[0][0].decode()]])
    )
    assert before[0][0] not in after[0]
    assert after[1].tolist() != before[1][1:].tolist()


def test_a_new_user_gets_the_most_popular(log, model) -> None:
    met = log.events.drop_duplicates(["user_id", "item_id"])["item_id"].value_counts()
    share = met / log.events["user_id"].nunique()
    items, scores = recommended(model, user_id=tf.constant(["nobody"]))
    np.testing.assert_allclose(scores, share.to_numpy()[:10], rtol=1e-6)
    assert [share[item.decode()] for item in items] == pytest.approx(scores)


def test_a_kept_model_answers_alike(log, model, tmp_path) -> None:
    model.save(tmp_path / "model.keras")
    loaded = rtf.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.interactions.values, model.interactions.values)
    users = log.users["user_id"].tolist()[:5]
    assert loaded.recommend(users)["item_id"].tolist() == model.recommend(users)["item_id"].tolist()


def test_the_score_of_a_pair_is_that_of_the_list(log, model) -> None:
    answer = model.recommend(log.users["user_id"].tolist()[:4], k=5)
    np.testing.assert_allclose(model.score(answer), answer["score"], rtol=1e-6)
    users, items = tf.constant([5, 3, 5, 5], tf.int64), tf.constant([4, 4, 7, 9], tf.int64)
    every = model.encode_query({"user_id": users}).numpy()
    pairs = model({"user_id": users, "item_id": items})
    np.testing.assert_allclose(pairs[:, 0], every[np.arange(4), items.numpy()], rtol=1e-6)


def test_pairs_are_scored_in_blocks_of_users_that_fit_memory(log, model, monkeypatch) -> None:
    pairs = log.events[["user_id", "item_id"]].head(40)
    at_once, sizes, graph = model.score(pairs), [], model.serving_graph()

    def score(**inputs):
        sizes.append(len(inputs["user_id"]))
        return graph.score(**inputs)

    counting = types.SimpleNamespace(context=graph.context, score=score)
    monkeypatch.setattr(exact, "BLOCK_BYTES", 4 * model.num_items * 7)
    monkeypatch.setattr(EASE, "serving_graph", lambda self: counting)
    np.testing.assert_allclose(model.score(pairs), at_once, rtol=1e-6)
    assert sizes == [7] * 5 + [5]


def test_it_is_solved_once_and_every_epoch_says_how_well(encoded, monkeypatch) -> None:
    model, calls = EASE(encoded.schema), []
    monkeypatch.setattr(EASE, "solve", lambda self, matrix: calls.append(matrix.nnz) or 3.5)
    model.compile()
    losses = model.fit(encoded, epochs=3, batch_size=16, verbose=0).history["loss"]
    assert losses == [3.5, 3.5, 3.5]
    assert calls == [model.matrix.nnz]
    model.fit(encoded, verbose=0)
    assert len(calls) == 2  # a new call of fit has new events


def test_the_loss_of_a_solution_is_the_one_that_batches_have(encoded, model) -> None:
    solved = model.fit(encoded, verbose=0).history["loss"][0]
    rows = model.training_rows(encoded)
    assert model.evaluate(rows.batches(len(rows))) == pytest.approx(solved, rel=1e-3)


def test_what_cannot_be_learned_from_is_said(encoded) -> None:
    model = EASE(encoded.schema)
    model.compile()
    with pytest.raises(ValueError, match="is solved from all events at once: fit it on an `Enco"):
        model.fit(encoded.batches(64), verbose=0)
    strangers = {name: np.ones_like(values) for name, values in EVENTS.items()}
    with pytest.raises(ValueError, match="None of the 7 events has a known user, a known item"):
        kept("any", False).training_rows(ColumnarData(strangers, SCHEMA))
    with pytest.raises(SchemaError, match="`pairs` has no label: `Rated` learns how much"):

        class Rated(MatrixRetriever):
            needs_label = True

        Rated(FeatureSchema([c for c in SCHEMA.columns.values() if c.name != "rating"], "pairs"))
    growing = Column("item", Kind.ID, Role.ITEM, growing=True, max_vocabulary=9)
    with pytest.raises(SchemaError, match=r"`item` grows, .*: give it `hash_buckets`"):
        EASE(SCHEMA.replace([growing]))
