import dataclasses

import numpy as np
import pytest

from recommenders_tf.evaluation import evaluate_ranking, held_out_ranks


@pytest.fixture
def graph_of(model_of):
    return lambda encoded, table: model_of(encoded, table).serving_graph()


def test_ranks_against_a_plain_loop(last_parts, table_of, graph_of, score_of) -> None:
    encoded, test = last_parts
    table = table_of(encoded, levels=40)
    ranks = held_out_ranks(graph_of(encoded, table), test)
    items = encoded.log.items["item_id"].tolist()
    for row, (user, item) in enumerate(test.events[["user_id", "item_id"]].to_numpy()[:60]):
        seen = set(encoded.log.events.loc[encoded.log.events["user_id"] == user, "item_id"])
        by_item = dict(zip(items, score_of(encoded, table, user, items), strict=True))
        worse_or_equal = sum(by_item[i] >= by_item[item] for i in items if i not in seen)
        assert ranks[row] == worse_or_equal


def test_constant_scores_earn_nothing(last_parts, table_of, graph_of) -> None:
    encoded, test = last_parts
    values = evaluate_ranking(graph_of(encoded, table_of(encoded, levels=1)), test)
    assert values == {"HR@10": 0.0, "NDCG@10": 0.0}


def test_formulas(last_parts, monkeypatch) -> None:
    encoded, test = last_parts
    module = "recommenders_tf.evaluation.full_ranking.held_out_ranks"
    monkeypatch.setattr(module, lambda *_: np.array([1.0, 3.0, 10.0, 11.0, np.inf]))
    values = evaluate_ranking(encoded, test, k=[3, 10])
    assert values["HR@3"] == pytest.approx(2 / 5)
    assert values["HR@10"] == pytest.approx(3 / 5)
    ndcg = (1 + 1 / np.log2(4) + 1 / np.log2(11)) / 5
    assert values["NDCG@10"] == pytest.approx(ndcg)


def test_an_item_outside_the_catalogue_is_a_miss(last_parts, table_of, graph_of) -> None:
    encoded, test = last_parts
    other = dataclasses.replace(test, events=test.events.head(2).assign(item_id="nothing"))
    ranks = held_out_ranks(graph_of(encoded, table_of(encoded, levels=1)), other)
    assert np.isinf(ranks).all()
