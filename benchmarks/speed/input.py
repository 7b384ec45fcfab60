"""Rows a second of the loaders: ours, TensorFlow's readers and what Keras makes of arrays."""

from __future__ import annotations

import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import tensorflow as tf
from rich.console import Console
from tf_keras.src.engine import data_adapter

from benchmarks.speed.case import BATCH, cases
from benchmarks.speed.memory import gather_rate
from benchmarks.speed.ours import schema_of
from benchmarks.speed.planted import examples
from benchmarks.speed.results import row
from benchmarks.speed.usage import Stopwatch, is_disturbed
from recommenders_tf.data import ColumnarData, read_examples, write_columns

VOCABULARY = 100_000
KERAS, CSV, PARSED = "Keras feed of NumPy arrays", "make_csv_dataset", "parse_single_example"
_BLOCK_SECONDS, _ROUNDS, _REPEATS = 3.0, 5, 5
_console = Console(stderr=True)

Arrays = dict[str, np.ndarray]
Block = dict[str, float]
Loaders = dict[str, Callable[[], tf.data.Dataset | Block]]
Turns = dict[str, list[Block]]


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of data, ours beside a peer that loads the same."""
    rows, turns = (20_000, 1) if quick else (1_000_000, _ROUNDS)
    # Numbers and ids, as of Criteo; then ids and lists.
    for part, model, count in (
        (_columns, "dlrm", rows),
        (_records, "dlrm", rows // 10),
        (_lists, "din", rows // 4),
    ):
        case = cases(VOCABULARY)[model]
        features, labels = examples(case, count, seed=1)
        with tempfile.TemporaryDirectory() as folder:
            arrays = {**features, "label": labels}
            yield from part(schema_of(case), arrays, pathlib.Path(folder), turns)


def _columns(schema: Any, arrays: Arrays, folder: pathlib.Path, turns: int) -> Iterator[dict]:
    table = pa.table(arrays)
    pa.parquet.write_table(table, folder / "rows.parquet")
    pa.csv.write_csv(table, folder / "rows.csv")
    memory = ColumnarData(arrays, schema)
    mapped = ColumnarData(write_columns(folder / "rows.parquet", schema, folder / "rows"), schema)
    limit = gather_rate(*_random_rows(table), os.cpu_count() or 1)
    loaders = {
        "memory": lambda: memory.stream(BATCH),
        "mapped": lambda: mapped.stream(BATCH),
        KERAS: lambda: _keras_feed(arrays),
        CSV: lambda: tf.data.experimental.make_csv_dataset(
            str(folder / "rows.csv"),
            BATCH,
            column_defaults=[tf.constant([], values.dtype) for values in arrays.values()],
            label_name="label",
        ),
    }
    taken = _turns(loaders, turns)
    for ours, peer in (("memory", KERAS), ("memory", CSV), ("mapped", KERAS), ("mapped", CSV)):
        work = {"memory": "input from memory", "mapped": "input from mapped files"}[ours]
        yield _row(work, taken, ours, peer, limit, table.num_rows)


def _records(schema: Any, arrays: Arrays, folder: pathlib.Path, turns: int) -> Iterator[dict]:
    path, count = str(folder / "rows.tfrecord"), len(arrays["label"])
    kinds = {name: "f" if v.dtype.kind == "f" else "i" for name, v in arrays.items()}
    with tf.io.TFRecordWriter(path) as file:
        for number in range(count):
            example = tf.train.Example()
            for name, values in arrays.items():
                feature = example.features.feature[name]
                kind = feature.float_list if kinds[name] == "f" else feature.int64_list
                kind.value.append(values[number])
            file.write(example.SerializeToString())
    types = {"f": tf.float32, "i": tf.int64}
    spec = {name: tf.io.FixedLenFeature([], types[kind]) for name, kind in kinds.items()}

    def one_by_one() -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(path).shuffle(10_000).repeat()
        parsed = records.map(
            lambda record: tf.io.parse_single_example(record, spec),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        return parsed.batch(BATCH).prefetch(tf.data.AUTOTUNE)

    def first_pass() -> Block:
        watch = Stopwatch()
        data = read_examples(path, schema, compression="")
        for _ in data.batches(BATCH):
            pass
        return {"rows": count, **watch.stop()}

    data = read_examples(path, schema, compression="")
    later = {"later": lambda: data.stream(BATCH)}
    taken = _turns({"first": first_pass, **later, PARSED: one_by_one}, turns)
    yield _row("input from TFRecord, first pass", taken, "first", PARSED, None, count)
    yield _row("input from TFRecord, later passes", taken, "later", PARSED, None, count)


def _lists(schema: Any, arrays: Arrays, folder: pathlib.Path, turns: int) -> Iterator[dict]:
    lists = {n: _without_padding(v) for n, v in arrays.items() if v.ndim == 2}
    memory = ColumnarData({**arrays, **lists}, schema)
    mapped = ColumnarData(write_columns({**arrays, **lists}, schema, folder), schema)
    taken = _turns(
        {
            "memory": lambda: memory.stream(BATCH),
            "mapped": lambda: mapped.stream(BATCH),
            KERAS: lambda: _keras_feed(arrays),
        },
        turns,
    )
    for ours, work in (("memory", "from memory"), ("mapped", "from mapped files")):
        count = len(arrays["label"])
        yield _row(f"input of lists {work}", taken, ours, KERAS, None, count)


def _without_padding(padded: np.ndarray) -> pa.ListArray:
    lengths = (padded != 0).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, padded[padded != 0])


def _keras_feed(arrays: Arrays) -> tf.data.Dataset:
    """Return what `Model.fit` makes of arrays, which is how DeepCTR is fed."""
    features = {name: values for name, values in arrays.items() if name != "label"}
    adapter = data_adapter.TensorLikeDataAdapter(
        features, arrays["label"], batch_size=BATCH, epochs=10_000, shuffle=True
    )
    return adapter.get_dataset()


def _random_rows(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as wide as those of a table, and places in them in random order."""
    width = table.nbytes // table.num_rows // 4
    random = np.random.default_rng(0)
    return np.zeros([table.num_rows, width], np.float32), random.permutation(table.num_rows)


def _turns(loaders: Loaders, rounds: int) -> Turns:
    """Return what each loader did in each round, undisturbed ones if there are enough."""
    taken: Turns = {name: [] for name in loaders}
    # A single round is a trial.
    repeats, seconds = (_REPEATS, _BLOCK_SECONDS) if rounds > 1 else (0, 0.1)
    while rounds:
        blocks = {name: _block(make(), seconds) for name, make in loaders.items()}
        rates = {name: f"{block['rows'] / block['seconds']:,.0f}" for name, block in blocks.items()}
        _console.print(f"  rows/s: {rates}")
        if any(map(is_disturbed, blocks.values())) and repeats:
            repeats -= 1
            continue
        rounds -= 1
        for name, block in blocks.items():
            taken[name].append(block)
    return taken


def _block(dataset: tf.data.Dataset | Block, seconds: float) -> Block:
    """Take batches for some seconds, in a graph as `fit` does, once the buffers are full.

    What is a block already stays as it is.
    """
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
    iterator = iter(dataset)

    @tf.function
    def take(steps: tf.Tensor) -> tf.Tensor:
        rows = tf.constant(0)
        for _ in tf.range(steps):
            rows += tf.shape(tf.nest.flatten(next(iterator))[0])[0]
        return rows

    take(tf.constant(5))
    start = time.perf_counter()
    take(tf.constant(10))
    steps = max(10, int(10 * seconds / (time.perf_counter() - start)))
    watch = Stopwatch()
    rows = int(take(tf.constant(steps)))
    return {"rows": rows, **watch.stop()}


def _row(
    work: str, taken: Turns, ours: str, peer: str, limit: float | None, count: int
) -> dict[str, Any]:
    def rate(name: str) -> float:
        return statistics.median(block["rows"] / block["seconds"] for block in taken[name])

    cpu, seconds = (sum(block[key] for block in taken[ours]) for key in ("cpu", "seconds"))
    return row(
        work=work,
        unit="rows/s",
        ours=rate(ours),
        peer=f"{peer}, TensorFlow {tf.__version__}",
        peer_value=rate(peer),
        limit=limit,
        cpu_over_wall=cpu / seconds,
        rows=count,
        batch_size=BATCH,
        threads=os.cpu_count(),
        disturbed=any(is_disturbed(block) for name in (ours, peer) for block in taken[name]),
    )
