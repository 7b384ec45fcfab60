import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import features
from recommenders_tf.data import ColumnarData
from recommenders_tf.data.context_rows import FIRST, LAST, PLACE
from recommenders_tf.schema import FeatureSchema, SchemaError

SCHEMA = FeatureSchema.from_dict(
    {
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": 6},
            "item": {"kind": "id", "role": "item", "vocabulary_size": 9},
            "time": {"kind": "timestamp", "role": "event_time"},
        }
    }
)
HISTORIES = {2: [3, 5, 7, 8], 3: [5, 3], 4: [6]}


class Timed(ColumnarData):
    """Events in falling order of time: the sequences come out only if they are sorted."""

    def columns(self, names):
        times = np.arange(len(self))[::-1]
        return {**super().columns(names), **({"time": times} if "time" in names else {})}


@pytest.fixture
def events() -> Timed:
    pairs = np.array([(u, i) for u, items in HISTORIES.items() for i in items])[::-1]
    return Timed({"user": pairs[:, 0], "item": pairs[:, 1]}, SCHEMA)


def new(events, **kwargs):
    tf.keras.utils.set_random_seed(1)
    model = rtf.models.Item2Vec(SCHEMA, embedding_dim=3, **kwargs)
    return model, model.training_rows(events)


@pytest.mark.parametrize(("window", "reach"), [(None, 9), (1, 1)])
def test_contexts_are_drawn_from_all_neighbours_but_the_event(events, window, reach) -> None:
    model, rows = new(events, window=window)
    batch = rows.gather(tf.repeat(tf.range(len(rows)), 500))
    drawn = {}
    for item, context in zip(
        batch["item"].numpy(), model._draw_context(batch).numpy(), strict=True
    ):
        drawn.setdefault(int(item), []).append(int(context))
    expected: dict[int, list[int]] = {}
    for items in HISTORIES.values():
        for place, item in enumerate(items):
            near = items[max(0, place - reach) : place] + items[place + 1 : place + reach + 1]
            expected.setdefault(item, []).extend(near)
    assert drawn.keys() == {item for item, near in expected.items() if near}
    for item, contexts in drawn.items():
        assert set(contexts) == set(expected[item])
    _, counts = np.unique(drawn[7], return_counts=True)
    np.testing.assert_allclose(counts, counts.mean(), rtol=0.2)


def test_loss_of_one_context_and_negatives(events) -> None:
    model, _ = new(events, num_negatives=4, subsample=0.1)
    random = np.random.default_rng(0)
    for table in (model.item_vectors, model.context_vectors):
        table.assign(random.normal(size=table.shape))
    # One neighbour, so that the context is known; the negatives are seen by their seed.
    batch = {"item": [3], PLACE: [0], FIRST: [0], LAST: [2]}
    batch = {name: tf.constant(value, tf.int64) for name, value in batch.items()}
    state = model.negatives.generator.state.numpy()
    model._draw_context(batch)
    (negatives,) = model.negatives(batch["item"]).numpy()
    model.negatives.generator.state.assign(state)
    u, v = model.item_vectors.numpy(), model.context_vectors.numpy()
    loss = np.log1p(np.exp(-u[3] @ v[5]))
    loss += sum(np.log1p(np.exp(u[3] @ v[k])) for k in negatives if k != 5)
    frequency = 2 / 7  # of item 3 as of item 5: above the threshold, so they count less
    np.testing.assert_allclose(model.compute_loss(batch), loss * 0.1 / frequency, rtol=1e-4)


def test_a_user_is_the_mean_of_the_history(events) -> None:
    model, _ = new(events)
    u = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    model.item_vectors.assign(u)
    history = tf.ragged.constant([[3, 7, 3], [], [1]], dtype=tf.int64)
    request = {"user": tf.constant([1, 1, 1], tf.int64), features.INTERACTION_ITEMS: history}
    query = model.encode_query(request)
    mean = (u[3] + u[7]) / 2
    items = model.encode_candidates({"item": tf.constant([5, 8], tf.int64)})
    scores = model.score_candidates(query, items).numpy()
    cosines = [mean @ u[i] / np.linalg.norm(mean) / np.linalg.norm(u[i]) for i in (5, 8)]
    np.testing.assert_allclose(scores[0], cosines, rtol=1e-4)
    popularity = [2 / 3, 1 / 3]
    np.testing.assert_allclose(scores[1:], [popularity, popularity], rtol=1e-5)
    known = model.encode_query({"user": tf.constant([3], tf.int64)}).numpy()
    mean = (u[3] + u[5]) / 2
    np.testing.assert_allclose(known[0, :3], mean / np.linalg.norm(mean), rtol=1e-4)


def test_vectors_are_found_by_raw_id(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.Item2Vec(train.schema, embedding_dim=4)
    model.compile()
    model.fit(train, epochs=1, verbose=0)
    vectors = model.vectors()
    assert len(vectors) == planted_log.events["item_id"].nunique()
    item = vectors.index[7]
    code = train.tables.encoder.encode({"item_id": tf.constant([item])})["item_id"][0]
    assert (vectors.loc[item].to_numpy() == model.item_vectors[code].numpy()).all()


def test_items_that_stand_together_get_vectors_alike(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.Item2Vec(train.schema, embedding_dim=16, num_negatives=5)
    model.compile()
    model.fit(train, epochs=20, batch_size=256, verbose=0)
    vectors = model.vectors()
    rows = vectors.to_numpy() / np.linalg.norm(vectors.to_numpy(), axis=1, keepdims=True)
    order = train.log.items["item_id"].tolist()
    groups = np.array([order.index(item) % 6 for item in vectors.index])
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1)
    assert np.mean(groups[cosines.argmax(axis=1)] == groups) > 0.7


def test_what_it_cannot_learn_from_is_said(events) -> None:
    alone = ColumnarData({"user": np.array([2, 3]), "item": np.array([4, 4])}, SCHEMA)
    with pytest.raises(ValueError, match="None of the 2 events has another"):
        rtf.models.Item2Vec(SCHEMA).training_rows(alone)
    ids = [column for name, column in SCHEMA.columns.items() if name != "time"]
    with pytest.raises(SchemaError, match="no event time, which a `window` of 3 needs"):
        rtf.models.Item2Vec(FeatureSchema(ids), window=3)
