"""How long ago each step of a history was: in batches, in memory, served, as tf.Examples."""

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.past import Past
from recommenders_tf.preprocessor import raw_batch
from tests.harness import ask

SMALL = {"embedding_dim": 6, "attention_units": (8,), "hidden_units": (8,)}


@pytest.fixture(scope="module")
def ranker(planted_log):
    train = rtf.data.encode(planted_log)
    tf.keras.utils.set_random_seed(1)
    model = rtf.models.SLiRec(train.schema, **SMALL, time_unit=3600)
    model.compile(tf.keras.optimizers.Adam(0.02))
    model.fit(train, epochs=3, batch_size=256, verbose=0)
    return model


@pytest.fixture(scope="module")
def served(ranker, tmp_path_factory):
    return tf.saved_model.load(str(ranker.export(tmp_path_factory.mktemp("ranker") / "1")))


@pytest.fixture(scope="module")
def batch(ranker, planted_log):
    """Every event as training sees it."""
    encoded = rtf.data.EncodedLog(planted_log, ranker.tables)
    return next(iter(encoded.batches(len(encoded), shuffle=False)))[0]


def pairs(events):
    names = {"user_id": object, "item_id": object, "device": object, "timestamp": np.int64}
    return {name: tf.constant(events[name].to_numpy(kind)) for name, kind in names.items()}


def test_ages_are_the_seconds_from_each_step_to_the_event(batch, planted_log) -> None:
    events = planted_log.events
    for row in range(0, len(events), 101):
        event = events.iloc[row]
        own = events.loc[events["user_id"] == event["user_id"], "timestamp"]
        before = np.sort(own[own < event["timestamp"]])[-50:]
        kept = batch["history_mask"][row].numpy()
        expected = event["timestamp"] - before
        assert batch["history_ages"][row].numpy()[kept].tolist() == expected.tolist()
        assert not batch["history_ages"][row].numpy()[~kept].any()


def test_a_pair_is_scored_as_of_its_time_offline_and_served(ranker, served, batch, planted_log):
    """The stored histories know all later events, which must not enter."""
    expected = tf.sigmoid(ranker(batch))[:, 0].numpy()
    assert np.ptp(expected) > 0.05
    events = planted_log.events
    np.testing.assert_allclose(ranker.score(events), expected, rtol=1e-4, atol=1e-5)
    answer = ask(served.signatures["score"], **pairs(events))
    np.testing.assert_allclose(answer["score"], expected, rtol=1e-4, atol=1e-5)
    without = ranker.score(events.drop(columns="timestamp"))
    assert np.abs(without - expected).max() > 1e-3


def test_examples_bring_the_ages_of_their_histories(ranker, served, planted_log) -> None:
    row = planted_log.events.tail(1).merge(planted_log.users, on="user_id")
    row = row.merge(planted_log.items, on="item_id")
    past, ages = planted_log.items["item_id"].tolist()[:3], [90_000, 7000, 20]
    raw = row.assign(history=[past], history_ages=[ages])
    columns = [c for c in ranker.schema.raw if c.kind != "label"]
    encoded = ranker.tables.encoder.encode(raw_batch(raw, columns))
    assert encoded["history_ages"][0, :4].numpy().tolist() == [90_000, 7000, 20, 0]
    example = tf.train.Example()
    for column in columns:
        value, feature = raw[column.name][0], example.features.feature[column.name]
        if column.kind == "numeric":
            feature.float_list.value.append(value)
        elif column.kind == "timestamp":
            feature.int64_list.value.append(value)
        else:
            values = value if isinstance(value, list) else [value]
            feature.bytes_list.value.extend(v.encode() for v in values)
    example.features.feature["history_ages"].int64_list.value.extend(ages)
    answer = served.signatures["serving_default"](tf.constant([example.SerializeToString()]))
    np.testing.assert_allclose(answer["score"], tf.sigmoid(ranker(encoded))[:, 0], rtol=1e-4)
    younger = dict(encoded) | {"history_ages": encoded["history_ages"] // 10}
    assert not np.allclose(ranker(younger), ranker(encoded), rtol=1e-4)


def test_a_request_without_a_time_is_made_at_the_last_step(ranker, planted_log) -> None:
    last = planted_log.events.groupby("user_id")["timestamp"].max()
    users = last.index.to_numpy()[:20]
    asked = {"user_id": tf.constant(users), "item_id": tf.constant(["i1"] * 20)}
    graph = ranker.serving_graph()
    default = graph.score(**asked)["score"]
    later = [
        graph.score(**asked, timestamp=tf.constant(last[users] + s, tf.int64))["score"]
        for s in (1, 10**8)
    ]
    np.testing.assert_allclose(default, later[0], rtol=1e-4)
    assert np.abs(default - later[1]).max() > 1e-3


def test_a_new_user_is_scored_from_a_request_as_a_stored_one(ranker, served, planted_log) -> None:
    user = planted_log.events["user_id"].iloc[0]
    own = planted_log.events[planted_log.events["user_id"] == user].sort_values(
        "timestamp", kind="stable"
    )
    tables = ranker.tables
    now = tf.constant([own["timestamp"].iloc[-1] + 500], tf.int64)
    rows = tables.items.rows(tf.constant(own["item_id"].to_numpy(object)))
    graph = ranker.serving_graph()
    times = tf.constant(own["timestamp"].to_numpy()[np.newaxis])
    context = {"timestamp": now, "history_times": times}
    none = tables.users.rows(tf.constant(["nobody"]))
    history = tf.constant([own["item_id"].to_numpy(object)])
    told, _ = graph._past(none, history, context)
    stored, _ = graph._past(
        tables.users.rows(tf.constant([user])),
        tf.zeros([1, 0], tf.string),
        {"history_times": tf.zeros([1, 0], tf.int64)},
    )
    for one, other in zip(told.as_of(now), stored.as_of(now), strict=True):
        assert one.to_list() == other.to_list()
    assert told.rows[0].numpy().tolist() == rows.numpy().tolist()

    rank = {"user_id": ["nobody"], "candidates": [["i1", "i2"]], "history": history, **context}
    rank = {name: tf.constant(value) for name, value in rank.items()}
    known = ask(served.signatures["rank"], **rank)["score"]
    untold = ask(served.signatures["rank"], **{**rank, "history_times": tf.zeros([0, 0], tf.int64)})
    assert not np.allclose(known, untold["score"], rtol=1e-4)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="`history_times` must have a time for"
    ):
        ask(served.signatures["rank"], **{**rank, "history_times": tf.constant([[5, 6]], tf.int64)})


def test_a_cascade_ranks_as_of_the_time_of_the_request(ranker, planted_log, tmp_path) -> None:
    train = rtf.data.encode(planted_log)
    retriever = rtf.models.TwoTower(train.schema, embedding_dim=8)
    retriever.compile()
    retriever.fit(train, verbose=0)
    cascade = rtf.Cascade(retriever, ranker, num_retrieved=20)
    recommend = tf.saved_model.load(str(cascade.export(tmp_path / "1"))).signatures["recommend"]
    user = planted_log.events["user_id"].iloc[0]
    own = planted_log.events.query("user_id == @user")["timestamp"].sort_values()
    asked = {"user_id": tf.constant([user]), "k": tf.constant(5), "exclude_seen": tf.constant(True)}
    for time in (own.iloc[5], own.iloc[-1] + 10):
        answer = ask(recommend, **asked, timestamp=tf.constant([time], tf.int64))
        found = [item.decode() for item in answer["item_id"].numpy()[0]]
        told = planted_log.events.head(5).assign(user_id=user, item_id=found, timestamp=time)
        scores = ranker.score(told[["user_id", "item_id", "timestamp"]])
        np.testing.assert_allclose(answer["score"][0], scores, rtol=1e-4, atol=1e-5)
        assert (np.diff(scores) <= 1e-6).all()


def test_requests_to_other_models_have_no_time(ranker, planted_log, tmp_path) -> None:
    model = rtf.models.WideDeep(ranker.schema)
    model.bind(ranker.tables)
    own, other = (
        set(
            tf.saved_model.load(str(m.export(tmp_path / m.name)))
            .signatures["score"]
            .structured_input_signature[1]
        )
        for m in (ranker, model)
    )
    assert own - other == {"timestamp", "history_times"}
    assert "history" in other


def test_what_is_of_an_unknown_time_is_now_and_kept() -> None:
    rows = tf.ragged.constant([[5, 6, 7], [], [8]], dtype=tf.int64)
    times = tf.ragged.constant([[10, 20, 0], [], [40]], dtype=tf.int64)
    kept, ages = Past(rows, times).as_of(tf.constant([20, 20, 0], tf.int64))
    assert kept.to_list() == [[5, 7], [], [8]]
    assert ages.to_list() == [[10, 0], [], [0]]
    assert Past(rows).as_of(None) == (rows, None)
    more = tf.constant([[1, 2], [3, 4], [0, 9]], tf.int64)
    whole = Past(rows, times).then(more, more > 1, tf.constant([[0, 50]] * 3, tf.int64))
    assert whole.rows.to_list() == [[5, 6, 7, 2], [3, 4], [8, 9]]
    assert whole.times.to_list() == [[10, 20, 0, 50], [0, 50], [40, 50]]
