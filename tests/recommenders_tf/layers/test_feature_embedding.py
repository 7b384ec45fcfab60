import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.layers import FeatureEmbedding
from recommenders_tf.schema import SchemaError
from tests.harness import run_layer_test


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


def some(encoded):
    features, _ = next(iter(encoded.batches(6, shuffle=False)))
    return features


def test_contract(encoded) -> None:
    columns = ["user_id", "genres", "history"]
    run_layer_test(
        lambda: FeatureEmbedding(encoded.schema, columns, dim=4), (some(encoded),), (6, 4), 1
    )


def expected_vectors(layer, batch, schema) -> dict[str, np.ndarray]:
    """Return the vector of each column, computed column by column."""
    vectors = {}
    for name in layer.columns:
        column, values = schema[name], batch[name].numpy()
        if column.is_numeric:
            vectors[name] = values[:, np.newaxis]
            continue
        rows = layer.table(name).numpy()[values]
        if schema.list_source(column):
            mask = batch[schema.mask_name(column)].numpy()[..., np.newaxis]
            rows = (rows * mask).sum(1) / np.maximum(mask.sum(1), 1)
        vectors[name] = rows
    return vectors


def test_every_kind_of_column_in_the_order_asked_for(encoded) -> None:
    batch, schema = some(encoded), encoded.schema
    columns = ["price", "genres", "item_id", "history", "age", "user_id", "device_x_category"]
    schema = schema.replace([dataclasses.replace(schema["genres"], embedding_dim=3)])
    layer = FeatureEmbedding(schema, columns, dim=4)
    vectors = layer(batch)
    expected = expected_vectors(layer, batch, schema)
    assert [v.shape[1] for v in vectors] == [1, 3, 4, 4, expected["age"].shape[1], 4, 4]
    for name, vector in zip(columns, vectors, strict=True):
        np.testing.assert_allclose(vector, expected[name], rtol=1e-5, atol=1e-7)


def test_concatenated_is_ids_then_lists_then_numbers(encoded) -> None:
    batch, schema = some(encoded), encoded.schema
    columns = ["price", "genres", "item_id", "user_id"]
    layer = FeatureEmbedding(schema, columns, dim=4, output="concatenated")
    whole = layer(batch)
    parts = expected_vectors(layer, batch, schema)
    order = ["item_id", "user_id", "genres", "price"]
    np.testing.assert_allclose(
        whole, np.concatenate([parts[n] for n in order], axis=1), rtol=1e-5, atol=1e-7
    )


def test_stacked_and_numbers_as_vectors(encoded) -> None:
    batch, schema = some(encoded), encoded.schema
    layer = FeatureEmbedding(
        schema, ["price", "item_id"], dim=4, numeric="vector", output="stacked"
    )
    item, price = tf.unstack(layer(batch), axis=1)
    np.testing.assert_allclose(item, layer.table("item_id").numpy()[batch["item_id"].numpy()])
    np.testing.assert_allclose(price, batch["price"][:, tf.newaxis] * layer.vectors, rtol=1e-5)


def test_weighted_list_has_the_weighted_mean(encoded) -> None:
    batch, schema = dict(some(encoded)), encoded.schema
    schema = schema.replace([dataclasses.replace(schema["genres"], weighted=True)])
    weights = np.arange(1.0, 1 + batch["genres"].numpy().size, dtype=np.float32)
    weights = weights.reshape(batch["genres"].shape)
    layer = FeatureEmbedding(schema, ["genres"], dim=4)
    (vectors,) = layer(batch | {"genres_weights": tf.constant(weights)})
    shares = (weights * batch["genres_mask"].numpy())[..., np.newaxis]
    rows = layer.table("genres").numpy()[batch["genres"].numpy()]
    np.testing.assert_allclose(vectors, (rows * shares).sum(1) / shares.sum(1), rtol=1e-5)


def test_stacked_needs_one_width(encoded) -> None:
    schema = encoded.schema
    wide = schema.replace([dataclasses.replace(schema["item_id"], embedding_dim=9)])
    with pytest.raises(SchemaError, match="`item_id` is 9 wide and the others 4"):
        FeatureEmbedding(wide, ["user_id", "item_id"], 4, output="stacked")
    with pytest.raises(SchemaError, match="`price` is 1 wide"):
        FeatureEmbedding(schema, ["user_id", "price"], 4, output="stacked")


def test_rows_are_those_before_the_pooling(encoded) -> None:
    batch = some(encoded)
    layer = FeatureEmbedding(encoded.schema, ["item_id", "history"], dim=4)
    layer(batch)
    table = layer.table("history").numpy()
    np.testing.assert_array_equal(layer.rows(batch, "history"), table[batch["history"].numpy()])
    np.testing.assert_array_equal(layer.rows(batch, "item_id"), table[batch["item_id"].numpy()])


@pytest.mark.parametrize("argument", ["numeric", "output"])
def test_an_unknown_option_is_named(encoded, argument) -> None:
    with pytest.raises(ValueError, match=f"`{argument}` is `sum`; it must be one of"):
        FeatureEmbedding(encoded.schema, ["user_id"], 4, **{argument: "sum"})


def test_a_sequence_shares_the_table_of_its_source(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["item_id", "history"], dim=4)
    layer(some(encoded))
    assert len(layer.weights) == 1


def test_tables_differ_and_reserve_their_first_rows(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["user_id", "item_id"], dim=4)
    layer(some(encoded))
    user, item = (layer.table(name).numpy() for name in ("user_id", "item_id"))
    assert not user[:2].any()
    assert user[2:].any(axis=1).all()
    assert not np.allclose(user[2:10], item[2:10])


def test_missing_column_is_named(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["user_id"], dim=4)
    with pytest.raises(SchemaError, match="lacks the column `user_id`"):
        layer({"item_id": tf.constant([2])})
