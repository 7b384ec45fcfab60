import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from recommenders_tf import features
from recommenders_tf.models.item_set_retriever import ItemSetRetriever, pool_rows
from recommenders_tf.schema import FeatureSchema

SCHEMA = FeatureSchema.from_dict(
    {
        "columns": {
            "user": {"kind": "id", "role": "user", "vocabulary_size": 5},
            "item": {"kind": "id", "role": "item", "vocabulary_size": 9},
            "rating": {"kind": "label", "role": "label"},
        }
    }
)
ITEMS = [[8, 3, 8, 1, 0], [], [3]]
LABELS = [[1.0, 2.0, 4.0, 9.0, 9.0], [], [5.0]]


class Ratings(ItemSetRetriever):
    combine = "mean"
    needs_label = True


@pytest.mark.parametrize(
    ("combine", "expected"), [("any", [1, 1, 1]), ("sum", [5, 2, 5]), ("mean", [2.5, 2, 5])]
)
def test_a_request_names_each_known_item_once(combine, expected, monkeypatch) -> None:
    monkeypatch.setattr(Ratings, "combine", combine)
    inputs = {
        features.INTERACTION_ITEMS: tf.ragged.constant(ITEMS, dtype=tf.int64),
        features.INTERACTION_LABELS: tf.ragged.constant(LABELS),
    }
    items, values = Ratings(SCHEMA).met(inputs)
    assert items.to_list() == [[8, 3], [], [3]]
    np.testing.assert_allclose(values, expected)


def test_what_has_no_label_is_left_out() -> None:
    inputs = {
        features.INTERACTION_ITEMS: tf.ragged.constant([[4, 5]], dtype=tf.int64),
        features.INTERACTION_LABELS: tf.ragged.constant([[float("nan"), 3.0]]),
    }
    items, values = Ratings(SCHEMA).met(inputs)
    assert items.to_list() == [[5]]
    assert values.numpy().tolist() == [3.0]


def test_a_user_id_names_the_row_of_training() -> None:
    model = Ratings(SCHEMA)
    model.remember(sparse.csr_matrix(([2.0, 3.0, 4.0], ([2, 2, 4], [3, 7, 8])), shape=(5, 9)))
    items, values = model.met({"user": tf.constant([4, 1, 2], tf.int64)})
    assert items.to_list() == [[8], [], [3, 7]]
    assert values.numpy().tolist() == [4.0, 2.0, 3.0]


@pytest.mark.parametrize(("combiner", "norm"), [("mean", lambda n: n), ("sqrtn", np.sqrt)])
def test_pooled_rows_and_their_gradient(combiner, norm) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(6, 3)).astype(np.float32)
    table, rows = tf.Variable(values), [[], [5, 0, 2], [5], []]
    items = tf.ragged.constant(rows, dtype=tf.int64)
    with tf.GradientTape() as tape:
        pooled = pool_rows(table, items, combiner)
        loss = tf.reduce_sum(pooled * tf.constant([[1.0], [2.0], [3.0], [4.0]]))
    expected, gradient = np.zeros([4, 3]), np.zeros([6, 3])
    for example, named in enumerate(rows):
        for row in named:
            expected[example] += values[row] / norm(len(named))
            gradient[row] += (example + 1) / norm(len(named))
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)
    found = tf.convert_to_tensor(tape.gradient(loss, table))
    np.testing.assert_allclose(found, gradient, rtol=1e-5, atol=1e-6)
