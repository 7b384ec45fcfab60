"""Models keep their contract when the schema asks for tables that need not hold a row an id."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import FeatureEmbedding
from recommenders_tf.raw_strings import hash_ids
from recommenders_tf.schema import UNKNOWN_ID, SchemaError
from tests.harness import Contract

POINTS = [
    "learns",
    "padding_does_not_matter",
    "keras_file_round_trip",
    "saved_model_parity",
    "mixed_precision",
    "unknown_ids_have_an_answer",
    "recommend",
]
HASHED = {"hash_buckets": 2000}
COMPOSED = {"quotient_remainder": "multiply", "collisions": 4}
GROWING = {"growing": True, "max_vocabulary": 400, "min_count": 2}
MODELS = {
    "two_tower": {"user_id": HASHED, "item_id": GROWING},
    "wide_deep": {"user_id": GROWING, "item_id": HASHED | COMPOSED},
}


def with_options(log: rtf.data.EventLog, options: dict) -> rtf.data.EventLog:
    """Return the log under a schema whose columns have options, and whose genres have weights."""
    genres = [[f"{genre}:{len(genre) / 4}" for genre in genres] for genres in log.items["genres"]]
    options = options | {"genres": {"weighted": True}}
    changed = [dataclasses.replace(log.schema[name], **fields) for name, fields in options.items()]
    items = log.items.assign(genres=genres)
    return dataclasses.replace(log, items=items, schema=log.schema.replace(changed))


@pytest.fixture(scope="module", params=MODELS)
def contract(request, planted_log) -> Contract:
    return Contract(request.param, with_options(planted_log, MODELS[request.param]))


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_contract(contract: Contract, point: str, tmp_path) -> None:
    check = getattr(contract, f"check_{point}")
    check(*([tmp_path] if "folder" in inspect.signature(check).parameters else []))


def test_weights_change_the_answer(planted_log) -> None:
    log = with_options(planted_log, {})
    encoded = rtf.data.encode(log)
    model = rtf.models.WideDeep(encoded.schema)
    batch, _ = next(iter(encoded.batches(64, shuffle=False)))
    weights, mask = batch["genres_weights"].numpy(), batch["genres_mask"].numpy()
    unequal = [len(set(row[own])) > 1 for row, own in zip(weights, mask, strict=True)]
    assert any(unequal) and not all(unequal)
    alike = batch | {"genres_weights": tf.cast(batch["genres_mask"], tf.float32)}
    differ = (tf.abs(model(batch) - model(alike)) > 1e-6).numpy()[:, 0]
    np.testing.assert_array_equal(differ, unequal)


def test_growing_vocabularies_learn_in_fit_and_begin_anew_with_every_owner(planted_log) -> None:
    # Fewer places than items, so that some must go.
    options = {"item_id": {**GROWING, "max_vocabulary": 64, "forget_after": 3}}
    encoded = rtf.data.encode(with_options(planted_log, options))
    model = rtf.models.WideDeep(encoded.schema)
    model.compile(tf.keras.optimizers.Adam(0.01))
    model.fit(encoded, epochs=1, batch_size=16, verbose=0)
    layers = [la for la in model._flatten_layers() if isinstance(la, FeatureEmbedding)]
    grown = [layer.vocabularies["item_id"] for layer in layers if layer.vocabularies]
    assert grown
    ids = encoded.tables.items.features["item_id"]
    for vocabulary in grown:
        rows = vocabulary(ids).numpy()
        admitted = rows[rows > UNKNOWN_ID]
        assert 30 < len(admitted) == len(set(admitted)) <= 64
        assert int(vocabulary.steps) == -(-len(encoded) // 16)
    layer = next(layer for layer in layers if "item_id" in layer.vocabularies)
    before = layer.table("item_id").numpy()
    assert (before[2:-1] != before[-1]).any(axis=1).sum() > 30
    # A long time without the items, then others in their place.
    batch = first(encoded)
    for _ in range(9):
        layer.grow({**batch, "item_id": tf.zeros([64], tf.int64)}, model.optimizer)
    names = tf.strings.as_string(tf.range(64))
    layer.grow({**batch, "item_id": hash_ids(names, 2**62)}, model.optimizer)
    after = layer.table("item_id").numpy()
    lost = (before != after).any(axis=1)
    assert lost.sum() > 30
    np.testing.assert_array_equal(after[lost], np.broadcast_to(after[-1], after[lost].shape))


def test_popularity_counts_the_items_of_a_growing_vocabulary(planted_log) -> None:
    answers = []
    for fields in ({}, {"growing": True, "max_vocabulary": 10**6}):
        encoded = rtf.data.encode(with_options(planted_log, {"item_id": fields}))
        model = rtf.models.Popularity(encoded.schema)
        model.compile()
        model.fit(encoded, epochs=1, verbose=0)
        user = planted_log.users["user_id"][:1].tolist()
        answers.append(model.recommend(user, k=120, exclude_seen=False)["score"].to_numpy())
    assert len(answers[0]) == 120
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-6)


def test_matrix_factorization_draws_from_a_vocabulary_that_is_there(planted_log) -> None:
    log = with_options(planted_log, {"item_id": GROWING})
    with pytest.raises(SchemaError, match="Column `item_id` grows, so its vocabulary is not there"):
        rtf.models.MF(rtf.data.encode(log).schema)


def test_columns_in_memory_may_hold_the_ids_of_a_growing_vocabulary(planted_log) -> None:
    encoded = rtf.data.encode(with_options(planted_log, {"item_id": GROWING}))
    features, label = next(iter(encoded.batches(64, shuffle=False)))
    columns = {name: value.numpy() for name, value in features.items()} | {
        encoded.schema.label.name: label.numpy()
    }
    again, _ = next(iter(rtf.data.ColumnarData(columns, encoded.schema).batches(64, shuffle=False)))
    for name in ("item_id", "history", "genres_weights"):
        np.testing.assert_array_equal(again[name], features[name])


def test_xla_and_a_growing_vocabulary_are_told_apart(planted_log) -> None:
    encoded = rtf.data.encode(with_options(planted_log, {"item_id": GROWING}))
    model = rtf.models.WideDeep(encoded.schema)
    model.compile(jit_compile=True)
    with pytest.raises(ValueError, match="how the ids of `item_id` grow: compile the model with"):
        model.fit(encoded, epochs=1, verbose=0)


def first(encoded) -> dict[str, tf.Tensor]:
    return next(iter(encoded.batches(64, shuffle=False)))[0]
