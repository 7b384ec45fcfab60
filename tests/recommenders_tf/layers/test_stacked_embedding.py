import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import ReservedZeros, StackedEmbedding
from tests.harness import precision, run_layer_test


@tf.keras.saving.register_keras_serializable("tests")
class Lookup(StackedEmbedding):
    def call(self, users, items):
        return super().call([users, items], ["user", "item"])


def test_contract() -> None:
    ids = (tf.constant([[2], [3]], tf.int64), tf.constant([[1, 2], [3, 0]], tf.int64))
    run_layer_test(lambda: Lookup({"user": 4, "item": 5}, 3), ids, (2, 3, 3), 1)


def test_ids_find_their_own_table() -> None:
    layer = StackedEmbedding({"user": 4, "item": 5}, 3)
    rows = layer([tf.constant([[1, 2]]), tf.constant([[3]])], ["item", "user"])
    expected = [layer.table("item")[1], layer.table("item")[2], layer.table("user")[3]]
    np.testing.assert_array_equal(rows[0], expected)
    assert layer.table("user").shape == (4, 3)
    assert layer.table("item").shape == (5, 3)


def test_each_table_reserves_its_first_rows() -> None:
    layer = StackedEmbedding({"user": 4, "item": 5}, 3)
    layer([tf.constant([[2]])], ["user"])
    zero = ~layer.embeddings.numpy().any(axis=1)
    assert zero.tolist() == [True, True, False, False, True, True, False, False, False]


def test_parts_of_a_divided_weight_are_those_of_the_whole() -> None:
    whole = ReservedZeros("ones", sizes=[4, 5])((9, 2)).numpy()
    make = ReservedZeros("ones", sizes=[4, 5])
    parts = [
        make((9, 2), partition_shape=(rows, 2), partition_offset=(start, 0)).numpy()
        for start, rows in ((0, 5), (5, 4))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_gradient_has_the_rows_of_the_batch_alone() -> None:
    layer = StackedEmbedding({"user": 1000, "item": 1000}, 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            layer([tf.constant([[2], [5]]), tf.constant([[7], [7]])], ["user", "item"])
        )
    gradient = tape.gradient(loss, layer.embeddings)
    assert isinstance(gradient, tf.IndexedSlices)
    assert sorted(gradient.indices.numpy().ravel()) == [2, 5, 1007, 1007]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_weight_stays_float32_under_mixed_precision(policy) -> None:
    with precision(policy):
        layer = StackedEmbedding({"user": 1000}, 3)
        graph = tf.function(lambda: layer([tf.constant([[2]])], ["user"])).get_concrete_function()
    assert layer.embeddings.dtype == tf.float32
    casts = [op for op in graph.graph.get_operations() if op.type == "Cast"]
    assert all(op.inputs[0].shape.as_list() == [1, 1, 3] for op in casts)
    assert casts
