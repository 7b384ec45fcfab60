"""Three models compared on a small log, each by a table of scores."""

from __future__ import annotations

import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data import Split
from recommenders_tf.evaluation import Protocol, evaluate
from recommenders_tf.evaluation.report import ComparedModel, Lists, gather_facts

PROTOCOL = Protocol(Split("random_events", test_share=0.25, seed=1))
METRICS = ("NDCG", "HR", "Coverage", "PopularityBias")


@pytest.fixture(scope="session")
def parts(planted_log):
    """Encoded training events and test events; users have more or fewer of them."""
    train, test = PROTOCOL.cut(planted_log)
    return rtf.data.encode(train), test


@pytest.fixture(scope="session")
def compared(parts, table_of, model_of, score_of):
    """Two models of chance, and one that often knows what was held out."""
    encoded, test = parts
    chance = [table_of(encoded, 10**6, seed) for seed in range(3)]
    pairs = test.events.sample(frac=0.3, random_state=0)
    lookup = encoded.tables.encoder.encode
    raw = {name: tf.constant(pairs[name].to_numpy(object)) for name in ("user_id", "item_id")}
    ids = {name: values.numpy() for name, values in lookup(raw).items() if name in raw}
    chance[2][ids["user_id"], ids["item_id"]] += 10**6
    models = []
    for name, table in zip(("chance", "other_chance", "knowing"), chance, strict=True):
        model = model_of(encoded, table, name)
        models.append(
            ComparedModel(
                {"model": "mf", "parameters": {"embedding_dim": 8}, "training": {"epochs": 2}},
                {"loss": [0.7, 0.6]},
                evaluate(model, test, PROTOCOL, metrics=METRICS),
                Lists.of(model, test, PROTOCOL, 10),
            )
        )
    return models


@pytest.fixture(scope="session")
def facts(compared, parts):
    """What there is to say of the three."""
    encoded, test = parts
    return gather_facts(compared, encoded.log, test)
