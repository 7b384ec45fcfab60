"""Event logs: data sets by name, files of one's own, made-up data; cleaned, split, with histories.

Nothing here imports TensorFlow but `encode` and `EncodedLog`, which are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recommenders_tf.data.datasets import describe, load, names, spec
from recommenders_tf.data.download import DatasetNotFoundError
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.files import load_files, load_spec, write_files
from recommenders_tf.data.histories import LeakError, check_point_in_time, history_spans
from recommenders_tf.data.quarantine import BadDataError
from recommenders_tf.data.sources import DatasetSpec, TableSource
from recommenders_tf.data.synthetic import synthetic
from recommenders_tf.data.values import CleaningLimits

if TYPE_CHECKING:
    from recommenders_tf.data.encoded_log import EncodedLog, encode

__all__ = [
    "BadDataError",
    "CleaningLimits",
    "DatasetNotFoundError",
    "DatasetSpec",
    "EncodedLog",
    "EventLog",
    "LeakError",
    "TableSource",
    "check_point_in_time",
    "describe",
    "encode",
    "history_spans",
    "load",
    "load_files",
    "load_spec",
    "names",
    "spec",
    "synthetic",
    "write_files",
]


def __getattr__(name: str) -> Any:
    if name in ("EncodedLog", "encode"):
        from recommenders_tf.data import encoded_log

        return getattr(encoded_log, name)
    raise AttributeError(f"module `recommenders_tf.data` has no attribute `{name}`")
