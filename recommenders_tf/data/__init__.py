"""Event logs: data sets by name, files of one's own, made-up data; cleaned, split, with histories.

Nothing here imports TensorFlow.
"""

from recommenders_tf.data.cleaning import CleaningLimits
from recommenders_tf.data.datasets import describe, load, names, spec
from recommenders_tf.data.download import DatasetNotFoundError
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.files import load_files, load_spec, write_files
from recommenders_tf.data.histories import LeakError, check_point_in_time, find_histories
from recommenders_tf.data.quarantine import BadDataError, CleaningReport, Reason
from recommenders_tf.data.sources import DatasetSpec, TableSource
from recommenders_tf.data.synthetic import synthetic

__all__ = [
    "BadDataError",
    "CleaningLimits",
    "CleaningReport",
    "DatasetNotFoundError",
    "DatasetSpec",
    "EventLog",
    "LeakError",
    "Reason",
    "TableSource",
    "check_point_in_time",
    "describe",
    "find_histories",
    "load",
    "load_files",
    "load_spec",
    "names",
    "spec",
    "synthetic",
    "write_files",
]
