"""Joined rows to tf.Examples: histories from before each event, nothing from after it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl.coders import example_coder

from recommenders_tf.data import check_point_in_time, history_spans
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role, SchemaError
from tfx_pipeline.config import SplitConfig

_TIMES = "__times__"
_ENCODE_ROWS = 1024


def with_histories(events: pd.DataFrame, schema: FeatureSchema) -> pa.RecordBatch:
    """Return the raw features of events, sequences made of the same user's earlier events.

    Args:
        events: All events of some users, with the features of their users and items.
        schema: What the columns mean.

    Returns:
        One row an event, one list column a feature; beside each sequence its entries' times,
        which `to_examples` checks and leaves out, and beside a timed one their ages, too.
    """
    arrays = {column.name: list_array(events[column.name], column) for column in schema.stored}
    if schema.sequences:
        assert schema.event_time is not None
        users = pd.factorize(events[schema.user_id.name])[0]
        times = events[schema.event_time.name].to_numpy()
        for column in schema.sequences:
            spans = history_spans(users, times, column.max_length)
            positions, splits = spans.ragged()
            values = events[column.source].to_numpy(object)[positions]
            arrays[column.name] = _lists(_bytes(values), splits)
            arrays[column.name + _TIMES] = _lists(pa.array(times[positions], pa.int64()), splits)
            if column.ages_name:
                ages = np.repeat(times, np.diff(splits)) - times[positions]
                arrays[column.ages_name] = _lists(pa.array(ages, pa.int64()), splits)
    return pa.RecordBatch.from_arrays([*arrays.values()], [*arrays])


def check_histories(batch: pa.RecordBatch, schema: FeatureSchema) -> None:
    """Make sure that no history in a batch of `with_histories` knows the future.

    Raises:
        LeakError: An entry is as late as its event or later.
    """
    for column in schema.sequences:
        assert schema.event_time is not None
        users, times = (
            batch.column(batch.schema.get_field_index(c.name)).flatten()
            for c in (schema.user_id, schema.event_time)
        )
        histories = batch.column(batch.schema.get_field_index(column.name + _TIMES))
        check_point_in_time(
            users.cast(pa.string()).to_numpy(zero_copy_only=False),
            times.to_numpy(),
            histories.flatten().to_numpy(),
            np.concatenate([[0], np.cumsum(pc.list_value_length(histories).to_numpy())]),
        )


def to_examples(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Yield serialized tf.Examples of a batch, without the times of histories."""
    names = [name for name in batch.schema.names if not name.endswith(_TIMES)]
    batch = pa.RecordBatch.from_arrays(
        [batch.column(batch.schema.get_field_index(name)) for name in names], names
    )
    encoder = example_coder.RecordBatchToExamplesEncoder()
    for start in range(0, len(batch), _ENCODE_ROWS):
        yield from encoder.encode(batch.slice(start, _ENCODE_ROWS))


class SplitExamples(beam.DoFn):
    """Makes the examples of all events of some users.

    Held-out ones go to the output `eval`, the number of either to the output `counts`.

    Args:
        schema: What the columns mean.
        split: Which events are held out.
    """

    def __init__(self, schema: FeatureSchema, split: SplitConfig) -> None:
        self._schema = schema
        self._split = split

    def process(
        self, events: pd.DataFrame, cut: int | None
    ) -> Iterator[bytes | beam.pvalue.TaggedOutput]:
        """Yield the examples of a frame; `cut` is the first held-out time of the split `time`."""
        batch = with_histories(events, self._schema)
        check_histories(batch, self._schema)
        if self._split.strategy == "time":
            assert self._schema.event_time is not None
            held_out = (events[self._schema.event_time.name] >= cut).to_numpy()
        else:
            held_out = is_last(events, self._schema)
        train, evaluation = batch.filter(pa.array(~held_out)), batch.filter(pa.array(held_out))
        yield from to_examples(train)
        for example in to_examples(evaluation):
            yield beam.pvalue.TaggedOutput("eval", example)
        yield beam.pvalue.TaggedOutput("counts", ("train", len(train)))
        yield beam.pvalue.TaggedOutput("counts", ("eval", len(evaluation)))


def is_last(events: pd.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.bool_]:
    """Return which events are the last of a user with more than one, as `EventLog.split` says."""
    user, time = schema.user_id.name, schema.event_time
    ordered = events.sort_values(time.name, kind="stable") if time else events
    last = ~ordered.duplicated(user, keep="last") & ordered.duplicated(user, keep=False)
    return last.reindex(events.index).to_numpy()


def entity_examples(rows: pd.DataFrame, schema: FeatureSchema, role: Role) -> Iterator[bytes]:
    """Yield the examples of users or items: their id and raw features."""
    columns = [c for c in schema.stored if c.role is role]
    arrays = [list_array(rows[column.name], column) for column in columns]
    yield from to_examples(pa.RecordBatch.from_arrays(arrays, [c.name for c in columns]))


def find_cut(events: beam.PCollection, schema: FeatureSchema, split: SplitConfig) -> object:
    """Return the first held-out time as an argument of a ParDo; None where no cut is asked for."""
    if split.strategy != "time" or split.at is not None:
        return split.at
    if schema.event_time is None:
        raise SchemaError(
            f"Schema `{schema.name}` has no column of role `event_time`, so it cannot be split by "
            "`time`; add one or use `leave_last_out`."
        )
    # One count a second: no more of them than the log has seconds, however many events.
    cut = (
        events
        | "Times" >> beam.Map(_count_times, schema.event_time.name)
        | "Counts" >> beam.CombineGlobally(_add_counts)
        | "Cut" >> beam.Map(_cut_of, split.test_share)
    )
    return beam.pvalue.AsSingleton(cut)


def list_array(values: pd.Series, column: Column) -> pa.Array:
    """Return raw values as a tf.Example holds them, a list a row.

    A missing string is the empty string, a missing number no value at all.
    """
    if column.kind is Kind.MULTI_HOT:
        lengths = values.map(len).to_numpy()
        flat = np.concatenate([*values, np.array([], object)]).astype(object)
        return _lists(_bytes(flat), np.concatenate([[0], np.cumsum(lengths)]))
    splits = np.arange(len(values) + 1)
    if column.kind in (Kind.NUMERIC, Kind.LABEL):
        known = ~np.isnan(values.to_numpy(np.float64))
        splits = np.concatenate([[0], np.cumsum(known)])
        return _lists(pa.array(values.to_numpy(np.float32)[known]), splits, missing=~known)
    if column.kind is Kind.TIMESTAMP:
        return _lists(pa.array(values.to_numpy(np.int64)), splits)
    return _lists(_bytes(values), splits)


def _bytes(values: Any) -> pa.Array:
    return pa.array(values, pa.string()).cast(pa.binary())


def _lists(
    values: pa.Array,
    splits: npt.NDArray[np.integer],
    missing: npt.NDArray[np.bool_] | None = None,
) -> pa.ListArray:
    mask = None if missing is None else np.append(missing, False)
    return pa.ListArray.from_arrays(pa.array(splits, pa.int32(), mask=mask), values)


def _count_times(events: pd.DataFrame, name: str) -> pd.Series:
    return events[name].value_counts()


def _add_counts(counts: Collection[pd.Series]) -> pd.Series:
    counts = [*counts]
    return pd.concat(counts).groupby(level=0).sum() if counts else pd.Series([], dtype=np.int64)


def _cut_of(counts: pd.Series, test_share: float) -> int:
    """Return the time at which the last share of the events begins."""
    before = counts.sort_index().cumsum()
    place = int(before.iloc[-1] * (1 - test_share)) if len(before) else 0
    return int(before.index[np.searchsorted(before, place, side="right")]) if len(before) else 0
