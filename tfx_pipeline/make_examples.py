"""Beam: the files of a data set to serialized tf.Examples, with the account of every row.

Nothing here imports TensorFlow or TFX, so that workers start quickly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pandas as pd

from recommenders_tf.data import CleaningLimits, DatasetSpec
from recommenders_tf.data.cleaning import table_columns
from recommenders_tf.schema import Role
from tfx_pipeline.accounting import WriteReport
from tfx_pipeline.config import FilesConfig, SplitConfig
from tfx_pipeline.examples import SplitExamples, entity_examples, find_cut
from tfx_pipeline.joining import JoinTables
from tfx_pipeline.reading import ReadTable


@dataclasses.dataclass(frozen=True)
class ExampleGenConfig:
    """What the executor is told.

    Args:
        dataset: Name of a known data set, or
        files: names of the files.
        split: Which events are held out.
        cleaning: What counts as a bad row, and how many are let pass.
        shards: Parts into which users and items are divided.
        schema: What the columns mean, as `FeatureSchema.to_dict` says it.
        quarantine_dir: Folder for bad rows and the account of all rows.
        code: Fingerprint of the code, so that other code makes the examples anew.
    """

    dataset: str | None
    files: FilesConfig | None
    split: SplitConfig
    cleaning: CleaningLimits
    shards: int
    schema: Mapping[str, Any]
    quarantine_dir: str
    code: str = ""


class MakeExamples(beam.PTransform):
    """Makes the examples of all splits from the files of a data set.

    Args:
        spec: The files and their schema.
        config: What is done with them.
    """

    def __init__(self, spec: DatasetSpec, config: ExampleGenConfig) -> None:
        super().__init__()
        self._spec = spec
        self._config = config

    def expand(self, pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        """Return the serialized examples of each split; write the account of all rows."""
        schema, config, sources = self._spec.schema, self._config, self._spec.tables
        columns = table_columns(schema, sources)
        read = {
            table: pipeline
            | f"Read {table}" >> ReadTable(table, source, columns[table], config.cleaning)
            for table, source in sources.items()
        }
        good = {table: rows.good for table, rows in read.items()}
        joined = good | "Join" >> JoinTables(schema, config.shards)
        cut = find_cut(joined.events, schema, config.split)
        split = joined.events | "Split" >> beam.ParDo(
            SplitExamples(schema, config.split), cut
        ).with_outputs("eval", "counts", main="train")
        tables = {"items": (joined.items, Role.ITEM), "users": (joined.users, Role.USER)}
        used = [split.counts | "Used events" >> beam.Map(_of_events)]
        used += [tables[t][0] | f"Used {t}" >> beam.Map(_size, t) for t in tables if t in sources]
        account = {
            "rows_in": [rows.counts for rows in read.values()],
            "rows_used": used,
            "splits": [split.counts],
            "bad": [joined.bad, *(rows.bad for rows in read.values())],
        }
        flat = {what: parts | f"All {what}" >> beam.Flatten() for what, parts in account.items()}
        _ = flat | "Account" >> WriteReport(config.quarantine_dir)
        entities = {
            table: rows | f"Examples of {table}" >> beam.FlatMap(entity_examples, schema, role)
            for table, (rows, role) in tables.items()
        }
        splits = {"train": split.train, "eval": split.eval, **entities}
        return {
            name: examples | f"Bytes of {name}" >> beam.Map(bytes).with_output_types(bytes)
            for name, examples in splits.items()
        }


def _of_events(counted: tuple[str, int]) -> tuple[str, int]:
    _, count = counted
    return "events", count


def _size(rows: pd.DataFrame, table: str) -> tuple[str, int]:
    return table, len(rows)
