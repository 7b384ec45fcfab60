"""The raw splits of ExampleGen, back as event logs: what answers in raw ids are built from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.data import EventLog
from recommenders_tf.data.cleaning import event_columns
from recommenders_tf.data.tf_examples import parsed
from recommenders_tf.schema import Column, FeatureSchema, Role


def read_logs(examples: str, schema: FeatureSchema) -> tuple[EventLog, EventLog]:
    """Return the training events and the held-out ones, whose past the training events are.

    Args:
        examples: Folder of the artifact that ExampleGen wrote.
        schema: What the columns mean.
    """
    tables = {
        role: read_split(examples, f"{role.value}s", [c for c in schema.stored if c.role is role])
        for role in (Role.USER, Role.ITEM)
    }
    logs, past = [], None
    for split in ("train", "eval"):
        events = read_split(examples, split, event_columns(schema))
        # Beam keeps no order; a run shall give the same histories every time.
        by = [c.name for c in (schema.event_time, schema.user_id, schema.item_id) if c]
        events = events.sort_values(by, ignore_index=True)
        logs.append(EventLog(events, tables[Role.USER], tables[Role.ITEM], schema, past))
        past = events
    return logs[0], logs[1]


def read_split(examples: str, split: str, columns: Sequence[Column]) -> pd.DataFrame:
    """Return columns of a split, values as in `EventLog`."""
    files = os.path.join(examples, f"Split-{split}", "*")
    spec = features.parsing_spec(columns)
    parts = [
        pd.DataFrame({name: _values(value) for name, value in batch.items()})
        for batch in parsed(files, spec)
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(spec))
    return frame[[column.name for column in columns]]


def _values(value: tf.Tensor | tf.RaggedTensor) -> Any:
    """Return a raw column as pandas holds it."""
    if isinstance(value, tf.RaggedTensor):
        flat = _values(value.flat_values)
        lists = np.empty(value.nrows(), object)
        lists[:] = [part.tolist() for part in np.split(flat, value.row_limits().numpy()[:-1])]
        return lists
    if value.dtype == tf.string:
        text = pa.array(value.numpy(), pa.binary()).cast(pa.string())
        return text.to_numpy(zero_copy_only=False)
    array = value.numpy()
    return array.astype(np.float64) if value.dtype.is_floating else array
