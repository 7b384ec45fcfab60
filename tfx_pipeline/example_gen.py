"""ExampleGen: raw events and tables to point-in-time-correct tf.Examples, on any Beam runner."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import apache_beam as beam
from google.protobuf import any_pb2, wrappers_pb2
from tfx import types
from tfx.components import FileBasedExampleGen
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from recommenders_tf.schema import FeatureSchema
from recommenders_tf.typed_config import from_dict
from tfx_pipeline.accounting import REPORT_FILE, check_report
from tfx_pipeline.make_examples import ExampleGenConfig, MakeExamples
from tfx_pipeline.reading import find_spec, unknown_columns

SPLITS = ("train", "eval", "items", "users")


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


def _unpack(custom_config: str) -> ExampleGenConfig:
    proto, packed = example_gen_pb2.CustomConfig(), wrappers_pb2.StringValue()
    proto_utils.json_to_proto(custom_config, proto)
    proto.custom_config.Unpack(packed)
    return from_dict(ExampleGenConfig, json.loads(packed.value))
