"""What a model is measured on, with models whose logits are known."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.quality.held_out import LabelledRows
from recommenders_tf.data import ColumnarData
from recommenders_tf.schema import FeatureSchema

SCORES = np.array([0.1, 0.9, 0.4, 0.6])
LIKED, BOUGHT = np.array([0, 1, 1, 0]), np.array([1, 0, 0, 1])


def rows(*labels):
    ids = {"kind": "id", "vocabulary_size": 9}
    columns = {"user": {**ids, "role": "user"}, "item": {**ids, "role": "item"}}
    columns |= {"price": {"kind": "numeric", "role": "context", "scaling": "none"}}
    # In an order that is not that of their names.
    columns |= {name: {"kind": "label", "role": "label"} for name, _ in labels}
    schema = FeatureSchema.from_dict({"columns": columns})
    four = np.array([2, 2, 3, 3])
    return ColumnarData({"user": four, "item": four, "price": SCORES, **dict(labels)}, schema)


def price(batch, training):
    return batch["price"][:, tf.newaxis]


def test_auc_within_users_and_loss():
    values = LabelledRows(rows(("liked", LIKED)), np.array([7, 7, 8, 8])).measure(price)
    # Of the four pairs 0.9 > 0.1, 0.9 > 0.6 and 0.4 > 0.1 are right; within users one of two.
    assert values["AUC"] == pytest.approx(3 / 4)
    assert values["GAUC"] == pytest.approx(1 / 2)
    expected = np.mean(np.log1p(np.exp(SCORES)) - LIKED * SCORES)
    assert values["LogLoss"] == pytest.approx(expected, abs=1e-6)
    assert list(values) == ["AUC", "GAUC", "LogLoss"]


def test_without_users_there_is_no_auc_within_them():
    assert list(LabelledRows(rows(("liked", LIKED))).measure(price)) == ["AUC", "LogLoss"]


def test_every_label_is_measured_by_its_own_logit():
    class Tasks:
        def task_logits(self, batch, training):
            return tf.stack([batch["price"], -batch["price"]], axis=1)

    values = LabelledRows(rows(("liked", LIKED), ("bought", BOUGHT))).measure(Tasks())
    assert values["AUC"] == pytest.approx(3 / 4)
    assert values["AUC of bought"] == pytest.approx(3 / 4)
    one = LabelledRows(rows(("liked", LIKED), ("bought", BOUGHT))).measure(price)
    assert one["AUC"] == pytest.approx(3 / 4)
    assert "AUC of bought" not in one


def test_loss_of_a_model_by_squared_error_is_that_of_its_predictions_as_probabilities():
    class Squared:
        predicts_ratings = True

        def __call__(self, batch, training):
            return 2.0 * batch["price"][:, tf.newaxis]

    values = LabelledRows(rows(("liked", LIKED))).measure(Squared())
    # 0.2, 1.8, 0.8 and 1.2, of which two are held at .99; their order is that of the prices.
    expected = -np.mean(np.log([0.8, 0.99, 0.8, 0.01]))
    assert values["LogLoss"] == pytest.approx(expected, abs=1e-6)
    assert values["AUC"] == pytest.approx(3 / 4)
