from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf import features
from recommenders_tf.data import ColumnarData, write_columns
from recommenders_tf.schema import FeatureSchema, SchemaError

ROWS = 500


@pytest.fixture(scope="module")
def schema() -> FeatureSchema:
    id_column = {"kind": "id", "vocabulary_size": 50}
    return FeatureSchema.from_dict(
        {
            "name": "shop",
            "columns": {
                "user": {**id_column, "role": "user"},
                "item": {**id_column, "role": "item"},
                "price": {"kind": "numeric", "role": "item"},
                "tags": {
                    "kind": "multi_hot",
                    "role": "item",
                    "vocabulary_size": 20,
                    "max_length": 3,
                    "weighted": True,
                },
                "history": {
                    "kind": "sequence",
                    "role": "user",
                    "source": "item",
                    "max_length": 12,
                },
                "pair": {"kind": "cross", "role": "context", "sources": ["user", "item"]},
                "time": {"kind": "timestamp", "role": "event_time"},
                "click": {"kind": "label", "role": "label"},
            },
        }
    )


@pytest.fixture(scope="module")
def columns() -> dict:
    """Columns with empty lists, and lists that are longer than the schema's."""
    random = np.random.default_rng(0)
    lists = {}
    for name, size, longest in (("tags", 20, 6), ("history", 50, 30)):
        lengths = random.integers(0, longest + 1, ROWS)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        lists[name] = pa.ListArray.from_arrays(offsets, random.integers(1, size, offsets[-1]))
    weights = random.random(len(lists["tags"].values)).astype(np.float32)
    return {
        "user": random.integers(1, 50, ROWS),
        "item": random.integers(1, 50, ROWS).astype(np.int32),
        "price": random.random(ROWS),
        "click": random.integers(0, 2, ROWS).astype(np.int8),
        "tags_weights": pa.ListArray.from_arrays(lists["tags"].offsets, weights),
        **lists,
    }


def expected(columns: dict, schema: FeatureSchema) -> dict[str, tf.Tensor]:
    """Return all rows, the lists padded by the function that the preprocessor pads with."""
    batch = {n: tf.constant(columns[n], tf.int64) for n in ("user", "item")}
    batch["price"] = tf.constant(columns["price"], tf.float32)
    for name in ("tags", "history"):
        ids = tf.ragged.constant(columns[name].to_pylist(), tf.int64)
        batch |= features.pad(schema, schema[name], ids)
    weights = tf.ragged.constant(columns["tags_weights"].to_pylist(), tf.float32)
    batch["tags_weights"] = weights[:, :3].to_tensor(shape=[None, 3])
    return batch | features.cross(schema, batch)


def all_rows(data: ColumnarData) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    return next(iter(data.batches(len(data), shuffle=False)))


def assert_equal(batch: dict[str, tf.Tensor], other: dict[str, tf.Tensor]) -> None:
    assert batch.keys() == other.keys()
    for name, value in other.items():
        np.testing.assert_array_equal(batch[name], value, err_msg=name)


def test_batches_are_as_the_schema_says(columns, schema) -> None:
    batch, label = all_rows(ColumnarData(columns, schema))
    assert_equal(batch, expected(columns, schema))
    np.testing.assert_array_equal(label, columns["click"])
    spec = features.encoded_spec(schema)
    assert {n: v.dtype for n, v in batch.items()} == {n: v.dtype for n, v in spec.items()}
    assert all(v.shape[1:] == spec[n].shape[1:] for n, v in batch.items())
    assert label.dtype == tf.float32


def test_a_shuffled_pass_keeps_rows_whole(columns, schema) -> None:
    data = ColumnarData(columns, schema)
    rows = expected(columns, schema)
    seen = []
    for batch, label in data.stream(64, seed=3).take(data.steps(64)):
        # The position of each row, by the one column whose values all differ.
        position = np.array([np.flatnonzero(rows["price"] == p)[0] for p in batch["price"]])
        assert_equal(batch, {name: tf.gather(value, position) for name, value in rows.items()})
        np.testing.assert_array_equal(label, columns["click"][position])
        seen.extend(position)
    assert sorted(seen) == list(range(ROWS))


def test_files_give_the_batches_of_memory(columns, schema, tmp_path: pathlib.Path) -> None:
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=130)
    paths = [tmp_path / "rows.parquet", tmp_path / "rows.arrow"]
    parts = [{n: values[i : i + 90] for n, values in columns.items()} for i in range(0, ROWS, 90)]
    written = [*paths, table, columns, parts]
    folders = [write_columns(s, schema, tmp_path / str(i)) for i, s in enumerate(written)]
    memory = list(ColumnarData(columns, schema).stream(64, seed=5).take(20))
    for source in [*paths, table, *folders]:
        stream = ColumnarData(source, schema).stream(64, seed=5).take(20)
        for (batch, label), (other, other_label) in zip(stream, memory, strict=True):
            assert_equal(batch, other)
            np.testing.assert_array_equal(label, other_label)


def test_files_are_mapped_and_not_read(schema, tmp_path: pathlib.Path) -> None:
    rows = 2_000_000
    ids = np.full(rows, 3)
    part = {"user": ids, "item": ids, "price": np.zeros(rows), "tags": np.ones([rows, 3], int)}
    part |= {"tags_weights": np.ones([rows, 3]), "history": np.ones([rows, 12], int)}
    size = sum(values.nbytes for values in part.values())
    folder = write_columns([part], schema, tmp_path)
    del part, ids

    def own_memory() -> int:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024

    before = own_memory()
    batch = next(iter(ColumnarData(folder, schema).stream(256)))
    assert batch["user"].numpy().tolist() == [3] * 256
    assert own_memory() - before < size / 4


def test_lists_may_be_padded_already(columns, schema) -> None:
    rows = expected(columns, schema)
    given = {n: rows[n].numpy() for n in ("user", "item", "price", "tags", "tags_weights")}
    padded = given | {"history": rows["history"].numpy()}
    assert_equal(all_rows(ColumnarData(padded, schema)), rows)
    # A mask that is given stays as it is.
    mask = np.zeros([ROWS, 12], bool)
    masked = all_rows(ColumnarData(padded | {"history_mask": mask}, schema))
    assert not masked["history_mask"].numpy().any()
    assert masked["tags_mask"].numpy().any()


def test_lists_of_a_part_of_a_table(columns, schema) -> None:
    part = ColumnarData(pa.table(columns).slice(100, 50), schema)
    rows = expected(columns, schema)
    assert_equal(all_rows(part)[0], {name: value[100:150] for name, value in rows.items()})


def test_a_column_of_empty_lists(columns, schema) -> None:
    empty = pa.ListArray.from_arrays(np.zeros(ROWS + 1, np.int32), np.zeros(0, np.int64))
    batch, _ = all_rows(ColumnarData({**columns, "history": empty}, schema))
    assert not batch["history"].numpy().any()
    assert not batch["history_mask"].numpy().any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": None}, "Column `item` of schema `shop` is missing; the data has user, price"),
        ({"price": np.zeros(7)}, "Column `price` has 7 rows and `user` has 500"),
        ({"price": np.array(["9"] * ROWS)}, "Column `price` holds <U1, not numbers; encode it"),
        ({"item": np.zeros(ROWS)}, "Column `item` holds float64, not integers"),
        ({"item": np.full(ROWS, 50)}, "`item` holds the id 50, and its vocabulary .* 0 to 49"),
        ({"user": np.full(ROWS, -1)}, "Column `user` holds the id -1"),
        ({"tags": pa.array([[25]] * ROWS)}, "Column `tags` holds the id 25"),
        ({"tags": pa.array([[1]] * 499 + [None])}, "Column `tags` lacks 1 of its values"),
        ({"user": pa.array([1] * 498 + [None] * 2)}, "Column `user` lacks 2 of its values"),
        ({"user": pa.array([[1]] * ROWS)}, "Column `user` holds lists; its schema asks for one"),
        ({"user": np.zeros([ROWS, 2], int)}, r"`user` has the shape .* asks for \[rows\]"),
        (
            {"history": np.zeros([ROWS, 9], int)},
            r"`history` has the shape \[500, 9\].*\[rows, 12\]",
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, schema, change, message) -> None:
    changed = {n: v for n, v in {**columns, **change}.items() if v is not None}
    with pytest.raises(SchemaError, match=message):
        ColumnarData(changed, schema)


def test_no_rows_and_parts_that_differ_are_refused(columns, schema, tmp_path) -> None:
    nothing = {name: values[:0] for name, values in columns.items()}
    with pytest.raises(ValueError, match="There are no rows"):
        ColumnarData(nothing, schema).batches(8)
    with pytest.raises(ValueError, match="There are no rows to write"):
        write_columns([], schema, tmp_path)
    other = {**columns, "item": columns["item"].astype(np.int64)}
    with pytest.raises(SchemaError, match="give all parts the same columns and types"):
        write_columns([columns, other], schema, tmp_path)


def test_the_columns_of_a_log_give_its_batches(planted_log) -> None:
    encoded = rtf.data.encode(planted_log)
    batch, label = next(iter(encoded.batches(len(encoded), shuffle=False)))
    columns = {name: value.numpy() for name, value in batch.items()}
    data = ColumnarData({**columns, encoded.schema.label.name: label.numpy()}, encoded.schema)
    first, second = (next(iter(source.stream(128, seed=1)))[0] for source in (encoded, data))
    assert_equal(second, first)
