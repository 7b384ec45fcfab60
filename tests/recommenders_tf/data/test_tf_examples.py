from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import features
from recommenders_tf.data import EncodedLog, read_examples


@pytest.fixture(scope="module")
def encoded(planted_log) -> EncodedLog:
    return rtf.data.encode(planted_log)


@pytest.fixture(scope="module")
def files(encoded, tmp_path_factory) -> list[str]:
    """Three files of the examples of a log, the last one empty."""
    folder = tmp_path_factory.mktemp("examples")
    batch, label = next(iter(encoded.batches(300, shuffle=False)))
    time = encoded.schema.event_time.name
    times = tf.constant(encoded.log.events[time].to_numpy(np.int64))
    rows = {**batch, encoded.schema.label.name: label, time: times}
    paths = [str(folder / f"part-{number}.gz") for number in range(3)]
    for path, span in zip(paths, (range(200), range(200, 300), ()), strict=True):
        with tf.io.TFRecordWriter(path, "GZIP") as file:
            for row in span:
                example = tf.train.Example()
                for name, values in rows.items():
                    feature, value = example.features.feature[name], values[row].numpy()
                    kind = feature.float_list if value.dtype.kind == "f" else feature.int64_list
                    kind.value.extend(np.ravel(value))
                file.write(example.SerializeToString())
    return paths


def parsed_one_by_one(path: str, encoded: EncodedLog) -> list[dict[str, tf.Tensor]]:
    """Return the examples of a file as plain TensorFlow reads them."""
    spec = features.encoded_spec(encoded.schema)
    types = {n: tf.int64 if s.dtype == tf.bool else s.dtype for n, s in spec.items()}
    parsing = {n: tf.io.FixedLenFeature(s.shape[1:], types[n]) for n, s in spec.items()}
    parsing[encoded.schema.label.name] = tf.io.FixedLenFeature([], tf.float32)
    records = tf.data.TFRecordDataset(path, "GZIP")
    return [tf.io.parse_single_example(record, parsing) for record in records]


@pytest.mark.parametrize("mapped", [False, True])
def test_times_are_a_column_and_no_feature(encoded, files, mapped, tmp_path) -> None:
    data = read_examples(files, encoded.schema, folder=tmp_path if mapped else None)
    user, time = encoded.schema.user_id.name, encoded.schema.event_time.name
    found, expected = (source.columns([user, time]) for source in (data, encoded))
    assert found[time].dtype == np.int64
    for name, values in found.items():
        np.testing.assert_array_equal(values, expected[name][:300])
    assert time not in next(iter(data.batches(4)))[0]


def test_examples_without_a_time_have_0(encoded, files, tmp_path) -> None:
    time = encoded.schema.event_time.name
    path = str(tmp_path / "timeless.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as file:
        for record in tf.data.TFRecordDataset(files[1], "GZIP"):
            example = tf.train.Example.FromString(record.numpy())
            del example.features.feature[time]
            file.write(example.SerializeToString())
    data = read_examples(path, encoded.schema)
    assert not data.columns([time])[time].any()
    with pytest.raises(ValueError, match=f"The events have no `{time}`, by which sequences are in"):
        rtf.models.SASRec(encoded.schema).training_rows(data)


@pytest.mark.parametrize("mapped", [False, True])
def test_rows_are_those_that_are_parsed_one_by_one(encoded, files, mapped, tmp_path) -> None:
    folder = tmp_path if mapped else None
    data = read_examples(files[1], encoded.schema, folder=folder)
    batch, label = next(iter(data.batches(100, shuffle=False)))
    rows = parsed_one_by_one(files[1], encoded)
    assert len(data) == len(rows) == 100
    np.testing.assert_array_equal(label, [row.pop(encoded.schema.label.name) for row in rows])
    assert batch.keys() == rows[0].keys()
    for name, values in batch.items():
        np.testing.assert_array_equal(values, [row[name] for row in rows], err_msg=name)
    spec = features.encoded_spec(encoded.schema)
    assert {n: v.dtype for n, v in batch.items()} == {n: s.dtype for n, s in spec.items()}


def test_every_row_of_all_files_in_an_order_of_its_own(encoded, files, tmp_path) -> None:
    pattern = str(pathlib.Path(files[0]).parent / "part-*")
    data = read_examples(pattern, encoded.schema)
    assert len(data) == 300
    users = [batch["user_id"] for batch, _ in data.batches(64, shuffle=False)]
    own = np.concatenate([b["user_id"] for b, _ in encoded.batches(300, shuffle=False).take(1)])
    assert sorted(np.concatenate(users)) == sorted(own)
    again = read_examples(list(reversed(files)), encoded.schema, folder=tmp_path)
    streams = (source.stream(64, seed=4).take(7) for source in (data, again))
    for (batch, label), (other, other_label) in zip(*streams, strict=True):
        for name, values in batch.items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
        np.testing.assert_array_equal(label, other_label)


def test_files_that_are_missing_or_empty_are_refused(encoded, files, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"There are no examples in .*part-2\.gz"):
        read_examples(files[2], encoded.schema)
    with pytest.raises(tf.errors.InvalidArgumentError, match="No files matched pattern: nothing"):
        read_examples("nothing", encoded.schema)
