"""Columns of every kind, without a log: the tests of ranking models share them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.models.base import Recommender
from recommenders_tf.schema import FeatureSchema

BATCH = 6
COLUMNS = {
    "user_id": {"kind": "id", "role": "user", "vocabulary_size": 7},
    "age": {"kind": "numeric", "role": "user", "boundaries": [18.0, 30.0], "vocabulary_size": 5},
    "history": {"kind": "sequence", "role": "user", "source": "item_id", "max_length": 4},
    "categories": {"kind": "sequence", "role": "user", "source": "category", "max_length": 4},
    "item_id": {"kind": "id", "role": "item", "vocabulary_size": 9},
    "similar": {"kind": "categorical", "role": "item", "share_with": "item_id"},
    "category": {"kind": "categorical", "role": "item", "vocabulary_size": 6},
    "tags": {
        "kind": "multi_hot",
        "role": "item",
        "vocabulary_size": 8,
        "max_length": 3,
        "weighted": True,
    },
    "price": {"kind": "numeric", "role": "item", "scaling": "log", "mean": 0.0, "stddev": 1.0},
    "age_x_category": {"kind": "cross", "role": "context", "sources": ["age", "category"]},
    "time": {"kind": "timestamp", "role": "event_time"},
    "label": {"kind": "label", "role": "label"},
}


@pytest.fixture(scope="package")
def schema() -> FeatureSchema:
    """A fitted schema with every kind of column that a ranker takes."""
    return FeatureSchema.from_dict({"name": "toy", "columns": COLUMNS})


@pytest.fixture(scope="package")
def batch(schema) -> dict[str, tf.Tensor]:
    """An encoded batch whose lists have from none to all places filled."""
    random = np.random.default_rng(0)
    values: dict[str, tf.Tensor] = {}
    for column in schema.features:
        source = schema.list_source(column)
        if column.is_numeric:
            values[column.name] = tf.constant(random.normal(size=BATCH), tf.float32)
            continue
        shape = [BATCH, source.max_length] if source else [BATCH]
        ids = random.integers(2, schema.vocabulary_size(column), shape)
        if source:
            filled = np.arange(BATCH) % (source.max_length + 1)
            mask = np.arange(source.max_length) < filled[:, np.newaxis]
            values[schema.mask_name(column)] = tf.constant(mask)
            ids = np.where(mask, ids, 0)
        values[column.name] = tf.constant(ids)
        if weights := schema.weights_name(column):
            values[weights] = tf.constant(random.uniform(0.5, 2, shape), tf.float32)
    assert set(values) == set(features.encoded_spec(schema))
    return values


@pytest.fixture(scope="package")
def randomized(batch) -> Callable[[Recommender], Recommender]:
    """Returns a model whose weights are all random, so that no term hides behind a zero."""

    def randomize(model: Recommender) -> Recommender:
        model(batch)
        random = np.random.default_rng(1)
        model.set_weights([random.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
        return model

    return randomize


@pytest.fixture(scope="package")
def column_vectors(schema, batch) -> Callable[..., dict[str, np.ndarray]]:
    """Returns each column's vector by NumPy from the tables of an embedding."""

    def vectors(embed, numeric=None) -> dict[str, np.ndarray]:
        found = {}
        for name in embed.columns:
            column = schema[name]
            if column.is_numeric:
                found[name] = batch[name].numpy()[:, np.newaxis]
                if numeric is not None:
                    found[name] = found[name] * numeric
                continue
            rows = embed.table(name).numpy()[batch[name].numpy()]
            if schema.list_source(column):
                share = batch[schema.mask_name(column)].numpy().astype(float)
                if weights := schema.weights_name(column):
                    share = share * batch[weights].numpy()
                total = np.maximum(share.sum(1, keepdims=True), 1e-9)
                rows = np.einsum("bld,bl->bd", rows, share / total)
            found[name] = rows
        return found

    return vectors
