"""Raw requests: offline, exported, and as serialized tf.Examples, with the same answers."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.preprocessor import raw_batch
from recommenders_tf.schema import Kind
from tests.harness import ask


@pytest.fixture(scope="module")
def cascade(planted_log):
    train = rtf.data.encode(planted_log)
    retriever, ranker = rtf.models.TwoTower(train.schema), rtf.models.WideDeep(train.schema)
    for model in (retriever, ranker):
        model.compile()
        model.fit(train, epochs=3, batch_size=256, verbose=0)
    return rtf.Cascade(retriever, ranker, num_retrieved=30), retriever, ranker


@pytest.fixture(scope="module")
def served(cascade, tmp_path_factory):
    path = cascade[0].export(tmp_path_factory.mktemp("cascade") / "1")
    return tf.saved_model.load(str(path))


def request(users, **given):
    defaults = {"k": tf.constant(5), "exclude_seen": tf.constant(True)}
    return {"user_id": tf.constant(users), **defaults, **given}


def items_of(answer) -> list[list[str]]:
    return [[item.decode() for item in row] for row in answer["item_id"].numpy()]


def test_no_skew_on_a_thousand_requests_from_raw_strings(planted_log, cascade, served) -> None:
    """Encoded by the offline loader, asked as raw ids and as tf.Examples: one score to 1e-5."""
    _, _, ranker = cascade
    events = planted_log.events.head(1000)
    encoded = rtf.data.EncodedLog(
        rtf.data.EventLog(events, planted_log.users, planted_log.items, planted_log.schema),
        ranker.tables,
    )
    batches = [f for f, _ in encoded.batches(250, shuffle=False)]
    in_memory = np.concatenate([tf.sigmoid(ranker(batch))[:, 0] for batch in batches])
    assert np.ptp(in_memory) > 0.1

    joined = events.merge(planted_log.users, on="user_id").merge(planted_log.items, on="item_id")
    joined = (
        joined.set_index(["user_id", "item_id"])
        .loc[list(zip(events["user_id"], events["item_id"], strict=True))]
        .reset_index()
    )
    histories = _histories(events)
    examples = [
        _example(row, history, encoded.schema)
        for (_, row), history in zip(joined.iterrows(), histories, strict=True)
    ]
    answer = served.signatures["serving_default"](examples=tf.constant(examples))
    np.testing.assert_allclose(answer["score"], in_memory, rtol=1e-5, atol=1e-5)


def test_offline_equals_served_on_every_user(planted_log, cascade, served) -> None:
    users = planted_log.users["user_id"].tolist()
    frame = cascade[0].recommend(users, k=5)
    answer = ask(served.signatures["recommend"], **request(users))
    assert [i for row in items_of(answer) for i in row] == frame["item_id"].tolist()
    scores = answer["score"].numpy().ravel()
    np.testing.assert_allclose(scores, frame["score"], rtol=1e-5, atol=1e-5)


def test_the_cascade_orders_what_was_retrieved_by_the_ranker(planted_log, cascade, served) -> None:
    _, retriever, ranker = cascade
    user = planted_log.users["user_id"][3]
    retrieved = retriever.recommend([user], k=30)["item_id"].tolist()
    pairs = pd.DataFrame({"user_id": user, "item_id": retrieved})
    scores = ranker.score(pairs)
    best = [retrieved[i] for i in np.argsort(-scores, kind="stable")[:5]]
    assert items_of(ask(served.signatures["recommend"], **request([user]))) == [best]
    k = tf.constant(30)
    assert items_of(ask(served.signatures["retrieve"], **request([user], k=k))) == [retrieved]
    asked = {"user_id": tf.constant([user]), "candidates": tf.constant([retrieved])}
    ranked = ask(served.signatures["rank"], **asked)
    np.testing.assert_allclose(ranked["score"][0], scores, rtol=1e-5, atol=1e-5)


def test_recent_history_is_excluded_and_changes_the_answer(planted_log, cascade, served) -> None:
    user = planted_log.users["user_id"][3]
    before = items_of(ask(served.signatures["recommend"], **request([user])))[0]
    recent = tf.constant([before[:2]])
    after = ask(served.signatures["recommend"], **request([user], history=recent))
    assert not set(before[:2]) & set(items_of(after)[0])
    free = request([user], history=recent, exclude_seen=tf.constant(False))
    scores = ask(served.signatures["retrieve"], **free)["score"]
    plain = ask(served.signatures["retrieve"], **request([user], exclude_seen=tf.constant(False)))
    assert not np.allclose(scores, plain["score"])


def test_context_changes_the_score_and_may_be_given_once_for_all(cascade, served) -> None:
    score = served.signatures["score"]
    pair = {
        "user_id": tf.constant(["1", "2"]),
        "item_id": tf.constant(["1", "2"]),
    }
    phone, both = (ask(score, **pair, device=tf.constant(d)) for d in (["phone"], ["phone"] * 2))
    none = ask(score, **pair)
    np.testing.assert_array_equal(phone["score"], both["score"])
    assert not np.allclose(phone["score"], none["score"])


def test_recommend_takes_the_context_of_the_request(cascade, served) -> None:
    frame = cascade[0].recommend(["1", "2"], k=5, context={"device": "phone"})
    asked = request(["1", "2"], device=tf.constant(["phone"]))
    answer = ask(served.signatures["recommend"], **asked)
    assert [i for row in items_of(answer) for i in row] == frame["item_id"].tolist()
    np.testing.assert_allclose(answer["score"].numpy().ravel(), frame["score"], rtol=1e-5)
    assert not np.allclose(frame["score"], cascade[0].recommend(["1", "2"], k=5)["score"])
    with pytest.raises(ValueError, match=r"has `devise`, which is no context column .* `device`"):
        cascade[0].recommend(["1"], context={"devise": "phone"})


def test_candidates_per_user_and_one_row_for_all(planted_log, served) -> None:
    users = planted_log.users["user_id"].tolist()[:2]
    recommend = served.signatures["recommend"]
    items = planted_log.items["item_id"].tolist()
    off = tf.constant(False)
    each = ask(
        recommend,
        **request(users, candidates=tf.constant([items[:3], items[3:6]]), exclude_seen=off),
    )
    first, second = ({i for i in row if i} for row in items_of(each))
    assert first == set(items[:3])
    assert second == set(items[3:6])
    assert np.isneginf(each["score"].numpy()[:, 3:]).all()
    shared = ask(recommend, **request(users, candidates=tf.constant([items[:3]]), exclude_seen=off))
    assert [{i for i in row if i} for row in items_of(shared)] == [set(items[:3])] * 2


def test_candidates_named_twice_unknown_or_seen_come_once_or_not_at_all(planted_log, served):
    user = planted_log.users["user_id"][3]
    met = set(planted_log.events.loc[planted_log.events["user_id"] == user, "item_id"])
    items = planted_log.items["item_id"].tolist()[:40]
    assert met & set(items)
    whole = ask(
        served.signatures["retrieve"], **request([user], k=tf.constant(len(planted_log.items)))
    )
    expected = [item for item in items_of(whole)[0] if item in items]
    asked = tf.constant([[*items, "nothing", *items[:5]]])
    answer = ask(
        served.signatures["retrieve"],
        **request([user], candidates=asked, k=tf.constant(len(items))),
    )
    found = [item for item in items_of(answer)[0] if item]
    assert found == expected and set(found) == set(items) - met


def test_defaults_are_recorded_in_the_saved_model(cascade, tmp_path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    path = cascade[0].export(tmp_path / "1")
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    defaults = saved.meta_graphs[0].signature_def["recommend"].defaults
    assert set(defaults) == {"history", "candidates", "k", "exclude_seen", "device"}
    assert tf.make_ndarray(defaults["k"]) == 10
    assert not list(tmp_path.glob(".*")), "a partial export was left behind"


def test_many_users_are_answered_in_blocks_that_fit_memory(
    planted_log, cascade, monkeypatch
) -> None:
    users = planted_log.users["user_id"].tolist()[:50]
    at_once = cascade[1].recommend(users, k=4)
    monkeypatch.setattr("recommenders_tf.models.retriever.rows_at_once", lambda items: 7)
    pd.testing.assert_frame_equal(cascade[1].recommend(users, k=4), at_once)


def test_bad_requests_name_the_argument(cascade) -> None:
    model = cascade[1]
    with pytest.raises(ValueError, match="`k` must be at least 1; it is 0"):
        model.recommend(["1"], k=0)
    with pytest.raises(ValueError, match=r"wrap the one id, \['1'\]"):
        model.recommend("1")
    with pytest.raises(ValueError, match="None of the 1 `candidates` is in the catalogue"):
        model.recommend(["1"], candidates=["nothing"])
    with pytest.raises(KeyError, match="needs the column `item_id`"):
        model.score(pd.DataFrame({"user_id": ["1"]}))
    assert len(model.recommend([], k=3)) == 0


def test_a_model_that_was_not_fitted_says_so(planted_log) -> None:
    schema = rtf.data.encode(planted_log).schema
    with pytest.raises(RuntimeError, match="knows no raw ids yet"):
        rtf.models.MF(schema).recommend(["1"])


def test_answers_follow_further_training(planted_log) -> None:
    train = rtf.data.encode(planted_log)
    model = rtf.models.MF(train.schema)
    model.compile()
    model.fit(train, epochs=1, verbose=0)
    before = model.recommend(["1"], k=5)["score"].to_numpy()
    model.fit(train.batches(256), epochs=2, verbose=0)
    assert not np.allclose(before, model.recommend(["1"], k=5)["score"])


def _histories(events: pd.DataFrame) -> list[list[str]]:
    """Return each event's past items, by a plain loop."""
    past = []
    for _, event in events.iterrows():
        own = events[events["user_id"] == event["user_id"]]
        before = own[own["timestamp"] < event["timestamp"]].sort_values("timestamp", kind="stable")
        past.append(before["item_id"].tolist()[-50:])
    return past


def _example(row: pd.Series, history: list[str], schema) -> bytes:
    example = tf.train.Example()
    for column in schema.columns.values():
        if column.kind is Kind.CROSS:
            continue
        value = history if column.kind is Kind.SEQUENCE else row[column.name]
        feature = example.features.feature[column.name]
        if column.kind in (Kind.NUMERIC, Kind.LABEL):
            feature.float_list.value.append(value)
        elif column.kind is Kind.TIMESTAMP:
            feature.int64_list.value.append(value)
        else:
            values = value if column.kind in (Kind.SEQUENCE, Kind.MULTI_HOT) else [value]
            feature.bytes_list.value.extend(v.encode() for v in values)
    return example.SerializeToString()


def test_transform_features_gives_what_the_preprocessor_gives(planted_log, cascade, served) -> None:
    encoder = cascade[1].tables.encoder
    row = planted_log.events.head(1).merge(planted_log.users, on="user_id")
    row = row.merge(planted_log.items, on="item_id")
    example = _example(row.iloc[0], [], encoder.schema)
    encoded = served.signatures["transform_features"](examples=tf.constant([example]))
    expected = encoder.encode(raw_batch(row, encoder.schema.stored))
    for name, value in expected.items():
        np.testing.assert_array_equal(encoded[name], value, err_msg=name)


def test_the_evaluate_signature_counts_as_the_offline_evaluation_does(planted_log, tmp_path):
    train, test = planted_log.split()
    encoded = rtf.data.encode(train)
    model = rtf.models.EASE(encoded.schema, l2=10.0)
    model.compile()
    model.fit(encoded, verbose=0)
    loaded = tf.saved_model.load(str(model.export(tmp_path / "1")))
    joined = test.events.merge(planted_log.users, on="user_id").merge(
        planted_log.items, on="item_id"
    )
    examples = [_example(row, [], encoded.schema) for _, row in joined.iterrows()]
    found = loaded.signatures["evaluate"](examples=tf.constant(examples))
    expected = model.evaluate(test)
    assert 0 < expected["HR@10"] < 1
    for name, value in expected.items():
        np.testing.assert_allclose(np.mean(found[name]), value, rtol=1e-5)
