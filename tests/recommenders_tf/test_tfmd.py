import dataclasses

import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from recommenders_tf import data
from recommenders_tf.schema import Column, Kind, Role, SchemaError
from recommenders_tf.tfmd import from_tfmd, load_schema_pbtxt, save_schema_pbtxt, to_tfmd


@pytest.fixture
def schema():
    return data.synthetic(num_users=5, num_items=5, num_events=10).schema


@pytest.fixture
def fitted(schema):
    """A schema with every field of every column set."""
    return schema.replace(
        [
            dataclasses.replace(
                schema["user_id"], embedding_dim=8, min_count=2, max_vocabulary=9, vocabulary_size=7
            ),
            dataclasses.replace(schema["age"], boundaries=(1.5, 2.5), mean=0.1, stddev=1 / 3),
            dataclasses.replace(
                schema["genres"], separator="é", share_with="category", weighted=True
            ),
            dataclasses.replace(schema["gender"], hash_buckets=5),
            dataclasses.replace(
                schema["device"], growing=True, max_vocabulary=4, min_count=3, forget_after=8
            ),
            dataclasses.replace(schema["device_x_category"], num_buckets=50),
            dataclasses.replace(schema["item_id"], quotient_remainder="concat", collisions=4),
            dataclasses.replace(schema["occupation_x_category"], num_buckets=100),
        ]
    )


@pytest.mark.parametrize("name", ["schema", "fitted"])
def test_there_and_back_is_exact(name, request, tmp_path):
    schema = request.getfixturevalue(name)
    assert from_tfmd(to_tfmd(schema)) == schema
    save_schema_pbtxt(schema, tmp_path / "schema.pbtxt")
    again = load_schema_pbtxt(tmp_path / "schema.pbtxt")
    assert again == schema
    assert list(again.columns) == list(schema.columns)
    assert again.name == "synthetic"


def test_features_say_what_the_raw_examples_hold(schema):
    features = {feature.name: feature for feature in to_tfmd(schema).feature}
    ages = features.pop("history_ages")
    assert (ages.type, ages.presence.min_fraction) == (schema_pb2.INT, 0.0)
    assert list(features) == list(schema.columns)
    types = {name: schema_pb2.FeatureType.Name(f.type) for name, f in features.items()}
    assert types["user_id"] == types["genres"] == types["title"] == types["history"] == "BYTES"
    assert types["age"] == types["rating"] == "FLOAT"
    assert types["timestamp"] == "INT"
    required = {name for name, f in features.items() if f.presence.min_fraction == 1.0}
    assert required == {
        "user_id",
        "item_id",
        "gender",
        "occupation",
        "category",
        "device",
        "timestamp",
        "rating",
    }
    assert all(features[name].shape.dim[0].size == 1 for name in required)
    assert features["occupation_x_category"].lifecycle_stage == schema_pb2.PLANNED


def test_an_edited_file_keeps_the_edit(schema, tmp_path):
    proto = to_tfmd(schema)
    kept = [f for f in proto.feature if f.name not in ("device", "device_x_category")]
    del proto.feature[:]
    proto.feature.extend(kept)
    proto.feature.add(name="tags", type=schema_pb2.BYTES)
    again = from_tfmd(proto)
    assert "device" not in again
    assert again["tags"] == Column("tags", Kind.MULTI_HOT, Role.CONTEXT)
    assert again["age"] == schema["age"]


def test_a_foreign_schema_gives_a_draft():
    proto = schema_pb2.Schema()
    for name, kind in (("userId", "INT"), ("movieId", "INT"), ("timestamp", "INT")):
        proto.feature.add(name=name, type=kind)
    proto.feature.add(name="rating", type="FLOAT")
    proto.feature.add(name="price", type="FLOAT")
    proto.feature.add(name="genres", type="BYTES")
    proto.feature.add(name="city", type="BYTES").value_count.max = 1
    proto.feature.add(name="device", type="BYTES").shape.dim.add(size=1)
    kinds = {c.name: (c.kind.value, c.role.value) for c in from_tfmd(proto).columns.values()}
    assert kinds == {
        "userId": ("id", "user"),
        "movieId": ("id", "item"),
        "timestamp": ("timestamp", "event_time"),
        "rating": ("label", "label"),
        "price": ("numeric", "context"),
        "genres": ("multi_hot", "context"),
        "city": ("categorical", "context"),
        "device": ("categorical", "context"),
    }
    with pytest.raises(SchemaError, match="user id"):
        del proto.feature[0]
        from_tfmd(proto)
    assert from_tfmd(proto, user_id="city").user_id.name == "city"


def test_a_file_that_is_no_schema(tmp_path):
    path = tmp_path / "schema.pbtxt"
    path.write_text("columns: 3")
    with pytest.raises(SchemaError, match="not a TensorFlow Metadata schema"):
        load_schema_pbtxt(path)


def examples(log):
    """The raw examples of a log as StatisticsGen sees them: every value in a list."""
    frame = log.events.merge(log.users).merge(log.items)
    frame["history"] = [["i1"] * (i % 3) for i in range(len(frame))]
    columns = {}
    for column in log.schema.columns.values():
        if column.kind is Kind.CROSS:
            continue
        values = frame[column.name]
        is_list = column.kind in (Kind.MULTI_HOT, Kind.SEQUENCE)
        lists = values.tolist() if is_list else [[value] for value in values]
        if column.kind is Kind.NUMERIC:  # a missing number
            lists[3] = None
        kind = {Kind.TIMESTAMP: pa.int64(), Kind.NUMERIC: pa.float32(), Kind.LABEL: pa.float32()}
        columns[column.name] = pa.array(lists, pa.list_(kind.get(column.kind, pa.binary())))
    return pa.RecordBatch.from_arrays([*columns.values()], [*columns])


def test_data_validation_accepts_good_examples_and_sees_bad_ones():
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory

    log = data.synthetic(num_users=20, num_items=30, num_events=200)
    proto = to_tfmd(log.schema)
    batch = examples(log)
    options = tfdv.StatsOptions(schema=proto)

    def anomalies(batch):
        statistics = generate_statistics_in_memory(batch, options)
        return set(tfdv.validate_statistics(statistics, proto).anomaly_info)

    assert anomalies(batch) == set()

    def replaced(name, values):
        index = batch.schema.names.index(name)
        column = pa.array(values, batch.schema.types[index])
        columns = [*batch.columns[:index], column, *batch.columns[index + 1 :]]
        return pa.RecordBatch.from_arrays(columns, batch.schema.names)

    rest = len(log) - 1
    assert anomalies(replaced("rating", [[float("nan")], *[[3.0]] * rest])) == {"rating"}
    assert anomalies(replaced("user_id", [None, *[[b"u"]] * rest])) == {"user_id"}
    assert anomalies(replaced("age", [[1.0, 2.0], *[[3.0]] * rest])) == {"age"}


def test_transform_parses_what_the_schema_says(schema):
    from tensorflow_transform.tf_metadata import schema_utils

    spec = schema_utils.schema_as_feature_spec(to_tfmd(schema)).feature_spec
    crosses = {column.name for column in schema.crosses}
    assert set(spec) == set(schema.columns) - crosses | {"history_ages"}
    assert spec["user_id"].shape == [1]
    assert not hasattr(spec["history"], "shape")
