import numpy as np
import pandas as pd
import pytest

from recommenders_tf.data import synthetic
from recommenders_tf.data.cleaning import clean
from recommenders_tf.data.files import read_rows


@pytest.fixture(scope="module")
def log():
    return synthetic()


@pytest.fixture(scope="module")
def joined(log):
    return log.events.merge(log.items).merge(log.users)


def test_same_seed_same_log():
    sizes = {"num_users": 40, "num_items": 50, "num_events": 600}
    one, two, other = (synthetic(**sizes, seed=seed) for seed in (3, 3, 4))
    for table in ("events", "users", "items"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(two, table))
        assert not getattr(one, table).equals(getattr(other, table))


def test_sizes_and_order(log):
    assert (len(log.events), len(log.users), len(log.items)) == (50_000, 1_000, 500)
    assert log.events["timestamp"].is_monotonic_increasing
    assert not log.events.duplicated(["user_id", "item_id"]).any()
    assert sorted(log.events["rating"].unique()) == [1, 2, 3, 4, 5]


def test_it_passes_its_own_door(log):
    tables = {name: read_rows(getattr(log, name)) for name in ("events", "users", "items")}
    good, report = clean(tables, log.schema)
    assert report.counts() == {} and report.unknown_columns == {}
    for name, frame in good.items():
        pd.testing.assert_frame_equal(frame, getattr(log, name), check_like=True)


def test_popularity_is_skewed(log):
    counts = log.events["item_id"].value_counts()
    assert counts.head(50).sum() > 0.3 * len(log)


def test_users_meet_the_items_of_few_clusters(joined):
    def top_share(category):
        shares = category.groupby(joined["user_id"]).value_counts(normalize=True)
        return shares.groupby("user_id").max().mean()

    shuffled = joined["category"].sample(frac=1, random_state=0).set_axis(joined.index)
    assert top_share(joined["category"]) > top_share(shuffled) + 0.1


def test_taste_moves_over_time(joined):
    halves = joined.groupby(["user_id", "timestamp"]).ngroup() % 2 == 0
    late = joined["timestamp"] > joined["timestamp"].median()

    def distance(part):
        counts = pd.crosstab(joined["user_id"], [part, joined["category"]])
        shares = [counts[side].div(counts[side].sum(axis=1), axis=0) for side in (True, False)]
        return (shares[0] - shares[1]).abs().sum(axis=1).mean()

    assert distance(late) > 1.3 * distance(halves)


def test_ratings_follow_taste_and_context(joined):
    liked = joined.groupby(["user_id", "category"])["rating"].transform("size")
    share = liked / joined.groupby("user_id")["rating"].transform("size")
    assert np.corrcoef(share, joined["rating"])[0, 1] > 0.3
    action = joined[joined["category"] == "Action"]
    by_device = action.groupby("device")["rating"].mean()
    assert by_device["tv"] > by_device[["phone", "laptop"]].max() + 0.2
    positive = (joined["rating"] >= 4).mean()
    assert 0.2 < positive < 0.8


def test_features_tell_of_taste(log, joined):
    favourite = joined.groupby("user_id")["category"].agg(lambda c: c.value_counts().index[0])
    pairs = log.users.set_index("user_id").join(favourite).dropna()
    table = pd.crosstab(pairs["occupation"], pairs["category"], normalize="index")
    assert table.max(axis=1).mean() > 0.5
    words = log.items["title"].str.split().str[1]
    assert log.items["category"].groupby(words).nunique().max() == 1
    assert all(c in g for c, g in zip(log.items["category"], log.items["genres"], strict=True))


@pytest.mark.parametrize("sizes", [(0, 5, 5), (10, 10, 51), (5, 5, 0)])
def test_impossible_sizes(sizes):
    with pytest.raises(ValueError, match="no user rates an item twice"):
        synthetic(*sizes)


def test_sizes_at_the_edge():
    assert len(synthetic(num_users=10, num_items=10, num_events=50)) == 50
    assert len(synthetic(num_users=2, num_items=1, num_events=1)) == 1
