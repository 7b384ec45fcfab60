import dataclasses

import numpy as np
import pytest

import recommenders_tf as rtf


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


def order(encoded, **kwargs) -> list[int]:
    batches = [features["price"].numpy() for features, _ in encoded.batches(64, **kwargs)]
    return np.concatenate(batches).tolist()


def test_every_event_once_an_epoch_in_a_new_order(encoded) -> None:
    dataset = encoded.batches(64, seed=1)
    first, second = (
        np.concatenate([features["item_id"].numpy() for features, _ in dataset]) for _ in range(2)
    )
    assert len(first) == len(encoded)
    assert sorted(first) == sorted(second)
    assert first.tolist() != second.tolist()


def test_the_same_seed_gives_the_same_batches(encoded) -> None:
    assert order(encoded, seed=5) == order(encoded, seed=5)
    assert order(encoded, seed=5) != order(encoded, seed=6)


def test_batches_join_user_item_event_and_label(encoded, planted_log) -> None:
    features, label = next(iter(encoded.batches(50, shuffle=False)))
    events = planted_log.events.head(50)
    encode = encoded.tables.encoder.encode
    from recommenders_tf.preprocessor import raw_batch

    joined = events.merge(planted_log.users, on="user_id").merge(planted_log.items, on="item_id")
    joined = joined.set_index(["user_id", "item_id"]).loc[
        list(zip(events["user_id"], events["item_id"], strict=True))
    ]
    columns = [c for c in encoded.schema.stored if c.name in joined]
    expected = encode(raw_batch(joined.reset_index(), columns))
    for name, value in expected.items():
        if name not in ("rating", "timestamp"):
            np.testing.assert_array_equal(features[name], value, err_msg=name)
    np.testing.assert_array_equal(label, events["rating"] >= 4)


def test_histories_hold_what_came_strictly_before(encoded, planted_log) -> None:
    vocabulary = encoded.tables.encoder.vocabularies["item_id"]
    features, _ = next(iter(encoded.batches(len(encoded), shuffle=False)))
    events = planted_log.events
    for row in range(0, len(events), 97):
        event = events.iloc[row]
        own = events[(events["user_id"] == event["user_id"])]
        before = own[own["timestamp"] < event["timestamp"]].sort_values("timestamp", kind="stable")
        ids = features["history"][row].numpy()[features["history_mask"][row].numpy()]
        assert vocabulary[ids - 2].tolist() == before["item_id"].tolist()[-50:]


def test_a_test_log_takes_its_history_from_the_past(planted_log) -> None:
    train, test = planted_log.split()
    encoded = rtf.data.EncodedLog(test, rtf.data.encode(train).tables)
    features, _ = next(iter(encoded.batches(8, shuffle=False)))
    lengths = features["history_mask"].numpy().sum(axis=1)
    assert (lengths > 0).all()
    alone = rtf.data.EncodedLog(dataclasses.replace(test, past=None), encoded.tables)
    features, _ = next(iter(alone.batches(8, shuffle=False)))
    assert not features["history_mask"].numpy().any()


def test_raw_events_are_refused_with_the_remedy(planted_log, encoded) -> None:
    model = rtf.models.MF(encoded.schema)
    model.compile()
    with pytest.raises(TypeError, match="encode them first"):
        model.fit(planted_log)


def test_unknown_users_do_not_share_a_history(planted_log, encoded) -> None:
    events = planted_log.events.head(40).copy()
    events["user_id"] = [f"new {row}" for row in range(len(events))]
    strangers = rtf.data.EncodedLog(dataclasses.replace(planted_log, events=events), encoded.tables)
    features, _ = next(iter(strangers.batches(40, shuffle=False)))
    assert not features["history_mask"].numpy().any()
