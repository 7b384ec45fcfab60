import numpy as np
import pytest

from recommenders_tf.evaluation import evaluate
from recommenders_tf.evaluation.report.groups import (
    by_item_popularity,
    by_user_activity,
    quantile_groups,
)


def test_groups_hold_about_as_many_and_equal_ones_stay_together():
    counts = np.random.default_rng(0).geometric(0.05, 1000)
    codes, bounds = quantile_groups(counts)
    assert len(bounds) == 4
    assert all(200 < np.count_nonzero(codes == group) < 300 for group in range(4))
    for group, (least, most) in enumerate(bounds):
        assert (counts[codes == group].min(), counts[codes == group].max()) == (least, most)
    ends = [most for _, most in bounds]
    assert ends == sorted(set(ends))
    assert quantile_groups([7, 7, 7])[1] == [(7, 7)]
    assert quantile_groups([0, 0, 0, 0, 0, 9])[1] == [(0, 0), (9, 9)]


def test_users_are_grouped_by_what_they_did_before(compared):
    activity = np.arange(len(compared[0].evaluation.users))
    groups = by_user_activity(compared, activity, "NDCG@10", 0.9)
    assert sum(group["users"] for group in groups) == len(activity)
    for group in groups:
        own = slice(group["from"], group["to"] + 1)
        for model in compared:
            found = group["models"][model.name]
            assert found["mean"] == pytest.approx(model.evaluation.per_user["NDCG@10"][own].mean())
            assert found["low"] < found["mean"] < found["high"]


def test_recall_is_told_by_how_known_the_held_out_items_are(compared, parts):
    encoded, test = parts
    groups = by_item_popularity(compared, encoded.log, test, 5, 0.95)
    counts = encoded.log.events["item_id"].value_counts()
    catalogue = encoded.log.items["item_id"].to_numpy()
    held_out = test.events.groupby("user_id")["item_id"].agg(set)
    for model in compared:
        shares = [[] for _ in groups]
        for user, items, right in zip(
            model.evaluation.users, model.lists.items, model.lists.is_relevant, strict=True
        ):
            hits = set(catalogue[items[:5][right[:5]]])
            assert hits <= held_out[user]
            for place, group in enumerate(groups):
                own = {
                    item
                    for item in held_out[user]
                    if group["from"] <= counts.get(item, 0) <= group["to"]
                }
                if own:
                    shares[place].append(len(hits & own) / len(own))
        for group, own in zip(groups, shares, strict=True):
            assert group["users"] == len(own)
            assert group["models"][model.name]["mean"] == pytest.approx(np.mean(own))


def test_lists_are_those_that_the_metrics_are_of(compared, parts, model_of, table_of):
    encoded, test = parts
    for model in compared:
        hit = model.lists.is_relevant.any(axis=1)
        np.testing.assert_array_equal(hit, model.evaluation.per_user["HR@10"])
    again = evaluate(
        model_of(encoded, table_of(encoded, 10**6, 0)),
        test,
        compared[0].evaluation.protocol,
        metrics=["HR"],
    )
    assert again.users.tolist() == compared[0].evaluation.users.tolist()
