"""ExampleGen: raw events and tables to point-in-time-correct tf.Examples, on any Beam runner."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pandas as pd
from google.protobuf import any_pb2, wrappers_pb2
from tfx import types
from tfx.components import FileBasedExampleGen
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from recommenders_tf.data import CleaningLimits, DatasetSpec
from recommenders_tf.data.cleaning import table_columns
from recommenders_tf.schema import FeatureSchema, Role
from tfx_pipeline.accounting import REPORT_FILE, WriteReport, check_report
from tfx_pipeline.config import FilesConfig, SplitConfig, from_dict
from tfx_pipeline.examples import SplitExamples, entity_examples, find_cut
from tfx_pipeline.joining import JoinTables
from tfx_pipeline.reading import ReadTable, find_spec, unknown_columns

SPLITS = ("train", "eval", "items", "users")


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
    """

    dataset: str | None
    files: FilesConfig | None
    split: SplitConfig
    cleaning: CleaningLimits
    shards: int
    schema: Mapping[str, Any]
    quarantine_dir: str


def example_gen(config: ExampleGenConfig, folder: str) -> FileBasedExampleGen:
    """Return the component that makes the examples.

    Its output has the splits `train` and `eval`, one example an event with all raw features, and
    `items` and `users`, the raw tables.

    Args:
        config: What is read, and how.
        folder: Folder with the files; a change in it makes the examples anew.
    """
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=json.dumps(dataclasses.asdict(config))))
    every_file = example_gen_pb2.Input.Split(name="folder", pattern="*")
    splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in SPLITS]
    return FileBasedExampleGen(
        input_base=folder,
        input_config=example_gen_pb2.Input(splits=[every_file]),
        output_config=example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(splits=splits)
        ),
        custom_config=example_gen_pb2.CustomConfig(custom_config=packed),
        custom_executor_spec=executor_spec.BeamExecutorSpec(Executor),
    ).with_id("ExampleGen")


class Executor(BaseExampleGenExecutor):
    """Reads, checks, joins and splits; then makes sure that no row got lost."""

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:  # noqa: N802
        """Not used: the splits come from the data, see `GenerateExamplesByBeam`."""
        raise NotImplementedError

    def GenerateExamplesByBeam(  # noqa: N802
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        """Return the serialized examples of each split."""
        self._config = _unpack(exec_properties["custom_config"])
        schema = FeatureSchema.from_dict(self._config.schema)
        folder = exec_properties["input_base"]
        spec = find_spec(self._config.dataset, self._config.files, schema, folder)
        self._unknown = unknown_columns(spec)
        return pipeline | "Examples" >> MakeExamples(spec, self._config)

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the examples, and the account of all rows beside them.

        Raises:
            BadDataError: Too many rows are bad.
            ValueError: No event is left to train on, or none to evaluate on.
        """
        super().Do(input_dict, output_dict, exec_properties)
        folder = self._config.quarantine_dir
        with fileio.open(os.path.join(folder, REPORT_FILE)) as file:
            report = json.loads(file.read())
        check_report(report, self._config.cleaning.max_bad_share, folder)
        for split in SPLITS[:2]:
            if not report["splits"].get(split):
                raise ValueError(
                    f"The split `{self._config.split.strategy}` leaves no events for `{split}`; "
                    "use another `data.split` or more events."
                )
        report["unknown_columns"] = self._unknown
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        with fileio.open(os.path.join(examples.uri, REPORT_FILE), "w") as file:
            file.write(json.dumps(report))


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
        used = [split.counts | "Used events" >> beam.MapTuple(lambda _, n: ("events", n))]
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


def _unpack(custom_config: str) -> ExampleGenConfig:
    proto, packed = example_gen_pb2.CustomConfig(), wrappers_pb2.StringValue()
    proto_utils.json_to_proto(custom_config, proto)
    proto.custom_config.Unpack(packed)
    return from_dict(ExampleGenConfig, json.loads(packed.value))


def _size(rows: pd.DataFrame, table: str) -> tuple[str, int]:
    return table, len(rows)
