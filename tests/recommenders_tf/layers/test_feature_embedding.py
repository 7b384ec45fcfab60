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
        lambda: FeatureEmbedding(encoded.schema, columns, dim=4), (some(encoded),), (6, 4), 3
    )


def test_id_list_and_number(encoded) -> None:
    batch = some(encoded)
    layer = FeatureEmbedding(encoded.schema, ["item_id", "genres", "price"], dim=4)
    item, genres, price = layer(batch)
    tables = {w.name.split("/")[-2]: w.numpy() for w in layer.weights}
    np.testing.assert_allclose(item, tables["item_id"][batch["item_id"].numpy()])
    rows, mask = tables["genres"][batch["genres"].numpy()], batch["genres_mask"].numpy()
    mean = (rows * mask[..., np.newaxis]).sum(1) / mask.sum(1, keepdims=True)
    np.testing.assert_allclose(genres, mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(price[:, 0], batch["price"])


def test_a_sequence_shares_the_table_of_its_source(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["item_id", "history"], dim=4)
    layer(some(encoded))
    assert len(layer.weights) == 1


def test_tables_differ_and_reserve_their_first_rows(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["user_id", "item_id"], dim=4)
    layer(some(encoded))
    user, item = (w.numpy() for w in layer.weights)
    assert not user[:2].any()
    assert user[2:].any(axis=1).all()
    assert not np.allclose(user[2:10], item[2:10])


def test_missing_column_is_named(encoded) -> None:
    layer = FeatureEmbedding(encoded.schema, ["user_id"], dim=4)
    with pytest.raises(SchemaError, match="lacks the column `user_id`"):
        layer({"item_id": tf.constant([2])})
