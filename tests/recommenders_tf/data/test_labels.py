"""Two labels of a log, by every way that rows become batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data import ColumnarData, EventLog, read_examples
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role

LOVED = Column("loved", Kind.LABEL, Role.LABEL, source="rating", positive_from=5.0)
LABELS = {"rating", "loved"}


@pytest.fixture(scope="module")
def log() -> EventLog:
    made = rtf.data.synthetic(num_users=30, num_items=40, num_events=200, seed=1)
    schema = FeatureSchema([*made.schema.columns.values(), LOVED], "two")
    return dataclasses.replace(made, schema=schema)


@pytest.fixture(scope="module")
def encoded(log):
    return rtf.data.encode(log)


@pytest.fixture(scope="module")
def columns(encoded) -> dict[str, np.ndarray]:
    batch, labels = next(iter(encoded.batches(200, shuffle=False)))
    return {name: value.numpy() for name, value in {**batch, **labels}.items()}


def test_a_log_gives_both_by_name(log, encoded) -> None:
    batch, labels = next(iter(encoded.batches(200, shuffle=False)))
    rating = log.events["rating"].to_numpy()
    np.testing.assert_array_equal(labels["rating"], rating >= 4)
    np.testing.assert_array_equal(labels["loved"], rating >= 5)
    assert 0 < labels["loved"].numpy().sum() < labels["rating"].numpy().sum()
    assert labels.keys() == LABELS
    assert not LABELS & batch.keys()


def test_columns_give_both_by_name(encoded, columns) -> None:
    data = ColumnarData(columns, encoded.schema)
    _, labels = next(iter(data.batches(200, shuffle=False)))
    assert labels.keys() == LABELS
    for name in LABELS:
        np.testing.assert_array_equal(labels[name], columns[name])


@pytest.mark.parametrize("mapped", [False, True])
def test_examples_give_both_by_name(encoded, columns, mapped, tmp_path) -> None:
    path = str(tmp_path / "examples.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as file:
        for row in range(200):
            example = tf.train.Example()
            for name, values in columns.items():
                feature = example.features.feature[name]
                is_float = values.dtype.kind == "f"
                kind = feature.float_list if is_float else feature.int64_list
                kind.value.extend(np.ravel(values[row]))
            file.write(example.SerializeToString())
    data = read_examples(path, encoded.schema, folder=tmp_path / "columns" if mapped else None)
    _, labels = next(iter(data.batches(200, shuffle=False)))
    assert labels.keys() == LABELS
    for name in LABELS:
        np.testing.assert_array_equal(labels[name], columns[name])


def test_one_label_is_a_tensor_and_none_no_pair(encoded, columns) -> None:
    schema = encoded.schema
    one = FeatureSchema([c for c in schema.columns.values() if c != schema["loved"]])
    _, label = next(iter(ColumnarData(columns, one).batches(200, shuffle=False)))
    np.testing.assert_array_equal(label, columns["rating"])
    none = {name: values for name, values in columns.items() if name not in LABELS}
    assert isinstance(next(iter(ColumnarData(none, schema).batches(9))), dict)
