"""Event logs: data sets by name, files of one's own, made-up data; cleaned, split, with histories.

Nothing here imports TensorFlow but what makes batches, which is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recommenders_tf.data.datasets import describe, load, names, spec
from recommenders_tf.data.download import DatasetNotFoundError
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.files import load_files, load_spec, write_files
from recommenders_tf.data.histories import LeakError, check_point_in_time, history_spans
from recommenders_tf.data.quarantine import BadDataError
from recommenders_tf.data.sampled_negatives import with_sampled_negatives
from recommenders_tf.data.sources import DatasetSpec, TableSource
from recommenders_tf.data.split import Split
from recommenders_tf.data.synthetic import synthetic
from recommenders_tf.data.values import CleaningLimits

if TYPE_CHECKING:
    from recommenders_tf.data.column_files import write_columns
    from recommenders_tf.data.columnar import ColumnarData
    from recommenders_tf.data.encoded_log import EncodedLog, encode
    from recommenders_tf.data.row_source import RowSource
    from recommenders_tf.data.tf_examples import read_examples

__all__ = [
    "BadDataError",
    "CleaningLimits",
    "ColumnarData",
    "DatasetNotFoundError",
    "DatasetSpec",
    "EncodedLog",
    "EventLog",
    "LeakError",
    "RowSource",
    "Split",
    "TableSource",
    "check_point_in_time",
    "describe",
    "encode",
    "history_spans",
    "load",
    "load_files",
    "load_spec",
    "names",
    "read_examples",
    "spec",
    "synthetic",
    "with_sampled_negatives",
    "write_columns",
    "write_files",
]


_WITH_TENSORFLOW = {
    "ColumnarData": "columnar",
    "EncodedLog": "encoded_log",
    "RowSource": "row_source",
    "encode": "encoded_log",
    "read_examples": "tf_examples",
    "write_columns": "column_files",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TENSORFLOW:
        module = importlib.import_module(f"recommenders_tf.data.{_WITH_TENSORFLOW[name]}")
        return getattr(module, name)
    raise AttributeError(f"module `recommenders_tf.data` has no attribute `{name}`")
