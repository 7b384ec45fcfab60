"""A retriever whose scores are given, so that a plain loop can say what its metrics are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.models.retriever import Retriever


class TableRetriever(Retriever):
    """Scores users and items from a given table, by encoded ids."""

    def __init__(self, schema, table, **kwargs) -> None:
        super().__init__(schema, **kwargs)
        self.table = table

    def encode_query(self, features):
        return tf.gather(tf.constant(self.table), features["user_id"])

    def encode_candidates(self, features):
        return tf.one_hot(features["item_id"], self.table.shape[1])


@pytest.fixture(scope="session")
def table_of():
    """Returns a table of scores for the encoded ids of a log, of so many levels."""

    def table_of(encoded, levels, seed=0):
        shape = [encoded.schema.vocabulary_size(encoded.schema[c]) for c in ("user_id", "item_id")]
        scores = np.random.default_rng(seed).integers(0, levels, shape)
        return scores.astype(np.float32)

    return table_of


@pytest.fixture(scope="session")
def model_of():
    """Returns a model that scores by a table and answers for the users and items of a log."""

    def model_of(encoded, table, name="table"):
        model = TableRetriever(encoded.schema, table, name=name)
        model.bind(encoded.tables)
        return model

    return model_of


@pytest.fixture(scope="session")
def score_of():
    """Returns the score that a table has for a raw user and all raw items."""

    def score_of(encoded, table, user, items):
        lookup = encoded.tables.encoder.encode
        user_id = lookup({"user_id": tf.constant([user])})["user_id"].numpy()[0]
        item_ids = lookup({"item_id": tf.constant(items)})["item_id"].numpy()
        return table[user_id, item_ids]

    return score_of


@pytest.fixture(scope="session")
def parts(planted_log):
    """Encoded training events and test events, several of each user."""
    train, test = planted_log.split("random", test_share=0.25, seed=1)
    return rtf.data.encode(train), test


@pytest.fixture(scope="session")
def last_parts(planted_log):
    """Encoded training events, and the last event of each user."""
    train, test = planted_log.split()
    return rtf.data.encode(train), test
