import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import recommenders_tf as rtf
from recommenders_tf import metrics
from recommenders_tf.data import LeakError, Split
from recommenders_tf.evaluation import Candidates, Protocol, evaluate, ranks

RANDOM = Protocol(Split("random", test_share=0.25, seed=1))
CUTS = (1, 3, 10, 200)  # the last is above the number of items


def naive_list(scores, allowed, relevant, k):
    """Order item by item: of equal scores the irrelevant ones first, by their row."""
    rows = {item: row for row, item in enumerate(scores)}
    return sorted(allowed, key=lambda i: (-scores[i], i in relevant, rows[i]))[:k]


def naive_metrics(found, relevant, k):
    hits = [item in relevant for item in found] + [False] * (k - len(found))
    gains = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(hits))
    best = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))
    precisions = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit]
    return {
        f"HR@{k}": float(any(hits)),
        f"Recall@{k}": sum(hits) / len(relevant),
        f"Precision@{k}": sum(hits) / k,
        f"NDCG@{k}": gains / best,
        f"MAP@{k}": sum(precisions) / min(k, len(relevant)),
        f"MRR@{k}": 1 / (hits.index(True) + 1) if any(hits) else 0.0,
    }


def naive_lists(encoded, table, test, score_of, exclude_seen=True, among=None):
    """Yield each user with the relevant items and the whole ordered list."""
    items = encoded.log.items["item_id"].tolist()
    for user in test.events["user_id"].unique():
        scores = dict(zip(items, score_of(encoded, table, user, items), strict=True))
        relevant = set(test.events.loc[test.events["user_id"] == user, "item_id"])
        seen = set(test.past.loc[test.past["user_id"] == user, "item_id"]) if exclude_seen else ()
        pool = items if among is None else relevant | among[user]
        allowed = [item for item in pool if item in scores and item not in seen]
        yield user, relevant, naive_list(scores, allowed, relevant, max(CUTS))


@pytest.mark.parametrize("levels", [4, 100_000])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_metrics_of_lists_against_a_plain_loop(
    parts, table_of, model_of, score_of, levels, exclude_seen, monkeypatch
):
    monkeypatch.setattr(ranks, "rows_at_once", lambda items: 50)  # several blocks, the last short
    encoded, test = parts
    events = test.events.head(400)
    strange = events.head(3).assign(user_id=["stranger", "stranger", events["user_id"][0]])
    strange["item_id"] = [events["item_id"][0], "nothing", "nothing"]
    test = dataclasses.replace(test, events=pd.concat([events, strange], ignore_index=True))
    table = table_of(encoded, levels)
    protocol = dataclasses.replace(RANDOM, exclude_seen=exclude_seen)
    found = evaluate(model_of(encoded, table), test, protocol, k=CUTS)
    assert "stranger" in found.users
    for user, relevant, expected in naive_lists(encoded, table, test, score_of, exclude_seen):
        (row,) = np.flatnonzero(found.users == user)
        for k in CUTS:
            for name, value in naive_metrics(expected[:k], relevant, k).items():
                assert found.per_user[name][row] == pytest.approx(value, abs=1e-6), (user, name)


def test_after_leave_last_out_the_values_are_those_of_the_events(last_parts, table_of, model_of):
    encoded, test = last_parts
    model = model_of(encoded, table_of(encoded, levels=30))
    found = evaluate(model, test, Protocol(), k=(5, 10), metrics=("HR", "NDCG"))
    assert found.metrics == pytest.approx(model.evaluate(test, k=(5, 10)), abs=1e-7)
    assert 0 < found.metrics["NDCG@5"] < found.metrics["HR@10"] < 1


def test_constant_scores_earn_nothing(parts, table_of, model_of):
    encoded, test = parts
    found = evaluate(model_of(encoded, table_of(encoded, levels=1)), test, RANDOM)
    assert set(found.metrics.values()) == {0.0}


def test_candidates_of_a_file_against_a_plain_loop(parts, table_of, model_of, score_of, tmp_path):
    encoded, test = parts
    items, random = encoded.log.items["item_id"].to_numpy(), np.random.default_rng(0)
    among = {
        user: set(random.choice(items, random.integers(5, 30), replace=False))
        for user in test.events["user_id"].unique()
    }
    path = tmp_path / "negatives.csv"
    pairs = [(user, item) for user, own in among.items() for item in sorted(own)]
    pd.DataFrame(pairs + pairs[:9], columns=["user_id", "item_id"]).to_csv(path, index=False)
    protocol = dataclasses.replace(RANDOM, candidates=Candidates("file", file=str(path)))
    table = table_of(encoded, levels=8)
    found = evaluate(model_of(encoded, table), test, protocol, k=CUTS)
    for user, relevant, expected in naive_lists(encoded, table, test, score_of, among=among):
        (row,) = np.flatnonzero(found.users == user)
        for k in CUTS:
            for name, value in naive_metrics(expected[:k], relevant, k).items():
                assert found.per_user[name][row] == pytest.approx(value, abs=1e-6), (user, name)


def test_a_hundred_candidates_are_easier_than_the_catalogue(parts, table_of, model_of):
    encoded, test = parts
    model = model_of(encoded, table_of(encoded, levels=10_000))
    few = dataclasses.replace(RANDOM, candidates=Candidates("uniform", number=20))
    full, sampled, again = (
        evaluate(model, test, protocol, metrics=("NDCG",)).metrics["NDCG@10"]
        for protocol in (RANDOM, few, few)
    )
    assert full < sampled == again


def test_lists_are_what_the_model_recommends(parts, table_of, model_of):
    encoded, test = parts
    model = model_of(encoded, table_of(encoded, levels=10**7))
    names = ("Coverage", "Gini", "Novelty", "Serendipity", "Diversity", "PopularityBias")
    vectors = np.random.default_rng(0).normal(size=(len(encoded.log.items), 4))
    found = evaluate(model, test, RANDOM, k=5, metrics=names, vectors=vectors).metrics
    frame = model.recommend(test.events["user_id"].unique(), k=5)
    items = encoded.log.items["item_id"]
    lists = pd.Index(items).get_indexer(frame["item_id"]).reshape(-1, 5)
    own = test.events.groupby("user_id")["item_id"].agg(set)
    relevance = [i in own[u] for u, i in frame[["user_id", "item_id"]].to_numpy()]
    met = encoded.log.events.drop_duplicates(["user_id", "item_id"])["item_id"].value_counts()
    popularity = met.reindex(items, fill_value=0).to_numpy() / 240
    relevance = np.reshape(relevance, [-1, 5])
    assert found == pytest.approx(
        {
            "Coverage@5": metrics.coverage(lists, len(items)),
            "Gini@5": metrics.gini(lists, len(items)),
            "Novelty@5": metrics.novelty(lists, popularity),
            "Serendipity@5": metrics.serendipity(lists, relevance, popularity),
            "Diversity@5": metrics.intra_list_diversity(lists, vectors),
            "PopularityBias@5": metrics.popularity_bias(lists, popularity),
        }
    )
    assert found["Serendipity@5"] > 0


def test_diversity_compares_categories_by_default(parts, table_of, model_of):
    encoded, test = parts
    model = model_of(encoded, table_of(encoded, levels=10**7))
    lists = encoded.log.items.set_index("item_id")
    (column,) = [c.name for c in encoded.schema.columns.values() if c.kind.value == "multi_hot"]
    names = sorted(set(lists[column].explode().dropna()))
    vectors = np.array([[name in own for name in names] for own in lists[column]], float)
    by_default = evaluate(model, test, RANDOM, metrics=("Diversity",)).metrics
    given = evaluate(model, test, RANDOM, metrics=("Diversity",), vectors=vectors).metrics
    assert by_default == pytest.approx(given, abs=1e-6)


def test_a_model_that_learned_from_test_events_is_refused(planted_log, parts, table_of, model_of):
    encoded, test = parts
    everything = rtf.data.encode(planted_log)
    with pytest.raises(LeakError, match="has learned from 1,200 of 1,200 held-out pairs, such as"):
        evaluate(model_of(everything, table_of(everything, 9)), test, RANDOM)
    _, other = planted_log.split("time")
    with pytest.raises(LeakError, match="train it on the training part of the protocol"):
        evaluate(model_of(encoded, table_of(encoded, 9)), other, Protocol(Split("time")))


def test_an_item_met_again_is_no_leak(parts, table_of, model_of):
    encoded, test = parts
    again = test.past.head(5).assign(timestamp=test.past["timestamp"].max() + 1)
    repeated = dataclasses.replace(
        test,
        events=pd.concat([test.events, again], ignore_index=True),
        past=test.past.sample(frac=1, random_state=0),  # in another order, so it is read anew
    )
    model = model_of(encoded, table_of(encoded, 9))
    assert evaluate(model, repeated, RANDOM).data["test_events"] == len(test) + 5


def test_users_held_out_whole_are_asked_with_their_past_alone(planted_log, table_of, model_of):
    protocol = Protocol(Split("users", test_share=0.2))
    train, test = protocol.cut(planted_log)
    encoded = rtf.data.encode(train)
    table = table_of(encoded, levels=10**6)
    found = evaluate(model_of(encoded, table), test, protocol, metrics=("HR",))
    assert len(found.users) == 48
    assert not set(found.users) & set(train.events["user_id"])


def test_a_context_is_that_of_the_first_test_event(parts, table_of, model_of):
    from recommenders_tf.evaluation.questions import Questions

    encoded, test = parts
    asked = Questions.of(model_of(encoded, table_of(encoded, 9)).serving_graph(), test)
    first = test.events.sort_values("timestamp", kind="stable").drop_duplicates("user_id")
    expected = first.set_index("user_id")["device"].reindex(asked.users)
    assert asked.context["device"].tolist() == expected.tolist()
    assert expected.nunique() > 1


def test_wrong_requests_are_named(parts, table_of, model_of):
    encoded, test = parts
    model = model_of(encoded, table_of(encoded, 9))
    with pytest.raises(ValueError, match="There is no metric `Recal`; there are HR, Recall,"):
        evaluate(model, test, RANDOM, metrics=("Recal",))
    with pytest.raises(ValueError, match="`k` must be at least 1"):
        evaluate(model, test, RANDOM, k=(10, 0))
    ranker = rtf.models.LR(encoded.schema, name="lr")
    ranker.bind(encoded.tables)
    with pytest.raises(ValueError, match="`lr` is a model of kind ranking, which finds no items"):
        evaluate(ranker, test, RANDOM, metrics=("HR",))
