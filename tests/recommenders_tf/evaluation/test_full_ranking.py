import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.evaluation import evaluate_ranking, held_out_ranks
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.serving_graph import ServingGraph


class TableRetriever(Retriever):
    """Scores users and items from a given table, by encoded ids."""

    def __init__(self, schema, table) -> None:
        super().__init__(schema)
        self.table = table

    def encode_query(self, features):
        return tf.gather(tf.constant(self.table), features["user_id"])

    def encode_candidates(self, features):
        return tf.one_hot(features["item_id"], self.table.shape[1])


@pytest.fixture(scope="module")
def split(planted_log):
    train, test = planted_log.split()
    return rtf.data.encode(train), test


def graph_of(encoded, table) -> ServingGraph:
    return ServingGraph(encoded.tables, TableRetriever(encoded.schema, table))


def test_ranks_against_a_plain_loop(split) -> None:
    encoded, test = split
    shape = [encoded.schema.vocabulary_size(encoded.schema[c]) for c in ("user_id", "item_id")]
    table = np.random.default_rng(0).integers(0, 40, shape).astype(np.float32)  # with ties
    ranks = held_out_ranks(graph_of(encoded, table), test)
    lookup = encoded.tables.encoder.encode
    items = encoded.log.items["item_id"].tolist()
    item_ids = lookup({"item_id": tf.constant(items)})["item_id"].numpy()
    for row, (user, item) in enumerate(test.events[["user_id", "item_id"]].to_numpy()[:60]):
        user_id = lookup({"user_id": tf.constant([user])})["user_id"].numpy()[0]
        seen = set(encoded.log.events.loc[encoded.log.events["user_id"] == user, "item_id"])
        scores = {
            i: table[user_id, e] for i, e in zip(items, item_ids, strict=True) if i not in seen
        }
        worse_or_equal = sum(score >= scores[item] for score in scores.values())
        assert ranks[row] == worse_or_equal


def test_constant_scores_earn_nothing(split) -> None:
    encoded, test = split
    shape = [encoded.schema.vocabulary_size(encoded.schema[c]) for c in ("user_id", "item_id")]
    values = evaluate_ranking(graph_of(encoded, np.ones(shape, np.float32)), test)
    assert values == {"HR@10": 0.0, "NDCG@10": 0.0}


def test_formulas(split, monkeypatch) -> None:
    encoded, test = split
    module = "recommenders_tf.evaluation.full_ranking.held_out_ranks"
    monkeypatch.setattr(module, lambda *_: np.array([1.0, 3.0, 10.0, 11.0, np.inf]))
    values = evaluate_ranking(encoded, test, k=[3, 10])
    assert values["HR@3"] == pytest.approx(2 / 5)
    assert values["HR@10"] == pytest.approx(3 / 5)
    ndcg = (1 + 1 / np.log2(4) + 1 / np.log2(11)) / 5
    assert values["NDCG@10"] == pytest.approx(ndcg)


def test_an_item_outside_the_catalogue_is_a_miss(split) -> None:
    encoded, test = split
    import dataclasses

    other = dataclasses.replace(test, events=test.events.head(2).assign(item_id="nothing"))
    shape = [encoded.schema.vocabulary_size(encoded.schema[c]) for c in ("user_id", "item_id")]
    ranks = held_out_ranks(graph_of(encoded, np.ones(shape, np.float32)), other)
    assert np.isinf(ranks).all()
