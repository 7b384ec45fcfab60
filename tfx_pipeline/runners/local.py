"""Runs the pipeline on this machine, with ML Metadata in SQLite."""

from __future__ import annotations

import datetime
import os
import pathlib
import time
from collections.abc import Callable

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner, runner_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from recommenders_tf import data
from recommenders_tf.schema import FeatureSchema
from tfx_pipeline.components.last_blessed_model import LastBlessedModelStrategy
from tfx_pipeline.config import DataConfig, PipelineConfig
from tfx_pipeline.pipeline import Place, components
from tfx_pipeline.results import RunResult, Step

Progress = Callable[[Step], None]

_STATES = metadata_store_pb2.Execution


def run(config: PipelineConfig, progress: Progress, cache: bool = True) -> RunResult:
    """Run the pipeline.

    Components whose inputs have not changed since an earlier run, also one that was killed, are
    served from its results.

    Args:
        config: What the run is told.
        progress: Called when a component begins and when it ends.
        cache: Whether to take results of earlier runs.

    Raises:
        Exception: What stopped a component.
    """
    schema, folder = find_data(config.data)
    root = os.path.abspath(config.pipeline_root)
    store = config.metadata_path or os.path.join(root, "metadata.sqlite")
    pathlib.Path(store).parent.mkdir(parents=True, exist_ok=True)
    place = Place(
        data_dir=folder,
        pipeline_root=root,
        serving_dir=os.path.abspath(config.serving_dir),
        work_dir=root,
        resolver=LastBlessedModelStrategy,
    )
    pipeline = Pipeline(
        pipeline_name=config.name,
        pipeline_root=root,
        components=components(config, schema, place),
        enable_cache=cache,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(store),
        beam_pipeline_args=list(config.beam),
    )
    runner = ProgressRunner(progress)
    runner.run(pipeline)
    return RunResult(runner.steps, metadata.Metadata(pipeline.metadata_connection_config))


def find_data(config: DataConfig) -> tuple[FeatureSchema, str]:
    """Return the schema of the data and the folder with its files, fetching them if need be.

    Raises:
        DatasetNotFoundError: A known data set is nowhere and cannot be fetched.
        FileNotFoundError: The schema file is not there.
        SchemaError: It is no schema.
    """
    if config.dataset is None:
        assert config.schema is not None
        assert config.data_dir is not None
        return FeatureSchema.load(config.schema), os.path.abspath(config.data_dir)
    spec = data.spec(config.dataset, config.data_dir)
    schema = FeatureSchema.load(config.schema) if config.schema else spec.schema
    return schema, str(spec.events.path.parent.resolve())


class ProgressRunner(local_dag_runner.LocalDagRunner):
    """TFX's local runner that tells how far it is, and stops at the first failure.

    Attributes:
        steps: The components that have run, in order.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self.steps: list[Step] = []

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """Run the components one after the other."""
        del run_options  # parts of a pipeline are not run alone: the cache does that
        run_id = {constants.PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now().isoformat()}
        runtime_parameter_utils.substitute_runtime_parameter(pipeline, run_id)
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connections = deployment.metadata_connection_config
        connection = getattr(connections, connections.WhichOneof("connection_config"))
        for number, node in enumerate(pipeline.nodes, 1):
            name = node.pipeline_node.node_info.id
            step = Step(name, number, len(pipeline.nodes))
            self._progress(step)
            started = time.monotonic()
            info = launcher.Launcher(
                pipeline_node=node.pipeline_node,
                mlmd_connection=metadata.Metadata(connection),
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            ).launch()
            with metadata.Metadata(connection) as handle:
                (execution,) = handle.store.get_executions_by_id([info.execution_id])
            if execution.last_known_state not in (_STATES.COMPLETE, _STATES.CACHED):
                raise RuntimeError(f"Component {name} could not run; --verbose shows why.")
            step = step.finished(
                execution.id,
                cached=execution.last_known_state == _STATES.CACHED,
                seconds=time.monotonic() - started,
            )
            self.steps.append(step)
            self._progress(step)
