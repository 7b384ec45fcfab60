import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recommenders_tf import data
from recommenders_tf.schema import FeatureSchema, SchemaError

KEYS = ["user_id", "item_id"]


@pytest.fixture(scope="module")
def parts():
    log = data.synthetic(num_users=30, num_items=60, num_events=900, seed=3)
    return log.split("time")


def test_negatives_are_unseen_items_at_the_same_time(parts) -> None:
    _, test = parts
    sampled = data.with_sampled_negatives(test, per_positive=3, seed=1)
    happened, added = sampled.events.iloc[: len(test)], sampled.events.iloc[len(test) :]
    pd.testing.assert_frame_equal(happened, test.events)
    repeated = test.events.iloc[np.repeat(np.arange(len(test)), 3)].reset_index(drop=True)
    same = [c for c in repeated if c not in ("item_id", test.schema.label.name)]
    pd.testing.assert_frame_equal(added[same].reset_index(drop=True), repeated[same])
    assert (added[test.schema.label.name] == 0).all()
    seen = pd.MultiIndex.from_frame(pd.concat([test.events, test.past])[KEYS])
    assert not pd.MultiIndex.from_frame(added[KEYS]).isin(seen).any()
    assert added["item_id"].isin(test.items["item_id"]).all()


def test_the_draw_is_uniform_and_told_by_its_seed(parts) -> None:
    _, test = parts
    one = data.with_sampled_negatives(test, per_positive=1000, seed=1).events
    again, other = (
        data.with_sampled_negatives(test, per_positive=1000, seed=seed).events for seed in (1, 2)
    )
    pd.testing.assert_frame_equal(one, again)
    assert (one["item_id"] != other["item_id"]).any()
    happened = pd.concat([test.events, test.past])
    user = test.events["user_id"].iloc[0]
    added = one.iloc[len(test) :]
    counts = added.loc[added["user_id"] == user, "item_id"].value_counts()
    seen = happened.loc[happened["user_id"] == user, "item_id"]
    assert set(counts.index) == set(test.items["item_id"]) - set(seen)
    assert counts.max() < 2 * counts.min()


def test_histories_hold_what_happened_alone(parts) -> None:
    train, test = parts
    sampled = data.with_sampled_negatives(train, seed=1)
    encoded = data.encode(sampled)
    for log, drawn in ((train, sampled), (test, data.with_sampled_negatives(test, seed=2))):
        index = tf.range(len(log), dtype=tf.int64)
        plain, _ = data.EncodedLog(log, encoded.tables).gather(index)
        with_drawn = data.EncodedLog(drawn, encoded.tables)
        positive, labels = with_drawn.gather(index)
        negative, zeros = with_drawn.gather(index + len(log))
        for name in ("history", "history_mask"):
            np.testing.assert_array_equal(positive[name], plain[name])
            np.testing.assert_array_equal(negative[name], plain[name])
        assert not tf.reduce_any(positive["item_id"] == negative["item_id"])
        assert tf.reduce_sum(labels) > 0
        assert tf.reduce_sum(zeros) == 0
    served = encoded.tables.events[KEYS].reset_index(drop=True)
    pd.testing.assert_frame_equal(served, train.events[KEYS].reset_index(drop=True))


def test_bad_input_is_named(parts) -> None:
    train, _ = parts
    sampled = data.with_sampled_negatives(train)
    with pytest.raises(ValueError, match="sample the negatives of each part"):
        sampled.split("time")
    with pytest.raises(ValueError, match="has sampled negatives already"):
        data.with_sampled_negatives(sampled)
    with pytest.raises(ValueError, match=r"`per_positive` must be at least 1. Received: 0"):
        data.with_sampled_negatives(train, per_positive=0)
    columns = {"user": {"kind": "id", "role": "user"}, "item": {"kind": "id", "role": "item"}}
    frame = pd.DataFrame({"user": ["ann", "ann", "bob"], "item": ["1", "2", "1"]})
    schema = FeatureSchema.from_dict({"name": "toy", "columns": columns})
    with pytest.raises(SchemaError, match="`toy` has no label"):
        data.with_sampled_negatives(data.load_files(frame, schema=schema))
    columns |= {"label": {"kind": "label", "role": "label"}}
    schema = FeatureSchema.from_dict({"name": "toy", "columns": columns})
    with pytest.raises(ValueError, match="User `ann` has met all 2 items"):
        data.with_sampled_negatives(data.load_files(frame.assign(label=1), schema=schema))


def test_files_are_not_written_of_what_did_not_happen(tmp_path):
    sampled = data.with_sampled_negatives(data.load("synthetic").split("time")[1])
    with pytest.raises(ValueError, match="write the log first"):
        data.write_files(sampled, tmp_path)
    assert not list(tmp_path.iterdir())
