"""Compiles the pipeline for Kubeflow Pipelines v2."""

from __future__ import annotations

import importlib.resources
import pathlib

from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow
from tfx.orchestration.pipeline import Pipeline

from recommenders_tf.schema import FeatureSchema
from recommenders_tf.typed_config import ConfigError
from tfx_pipeline.components.trainer import Trainer
from tfx_pipeline.config import DataConfig, KubeflowConfig, PipelineConfig
from tfx_pipeline.pipeline import Place, components

_Resources = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec

# Components import TFX before this package, and TensorFlow chooses its Keras at the first import.
_COMMAND = ["env", "TF_USE_LEGACY_KERAS=1", *kubeflow.KUBEFLOW_TFX_CMD]


def compile_pipeline(config: PipelineConfig, output: str | pathlib.Path) -> pathlib.Path:
    """Write the pipeline as a KFP v2 pipeline spec.

    Nothing of this machine is in it: paths come from the section `kubeflow` of the config, the
    schema is part of the spec, and code is found in the image by its import path.

    Args:
        config: What the run is told; needs `kubeflow`.
        output: YAML file to write.

    Returns:
        The file.

    Raises:
        ConfigError: The config has no section `kubeflow`.
    """
    if config.kubeflow is None:
        raise ConfigError(
            "The config has no section `kubeflow`; add one with "
            "`image`, `pipeline_root`, `data_dir`, `serving_dir` and `work_dir`."
        )
    output = pathlib.Path(output)
    place = Place(
        data_dir=config.kubeflow.data_dir,
        pipeline_root=config.kubeflow.pipeline_root,
        serving_dir=config.kubeflow.serving_dir,
        work_dir=config.kubeflow.work_dir,
        resolver=LatestBlessedModelStrategy,
    )
    nodes = components(config, find_schema(config.data), place)
    for node in nodes:
        if isinstance(node, Trainer):
            node.with_platform_config(resources(config.kubeflow))
    pipeline = Pipeline(
        pipeline_name=config.name,
        pipeline_root=place.pipeline_root,
        components=nodes,
        enable_cache=True,
        beam_pipeline_args=list(config.kubeflow.beam),
    )
    settings = kubeflow.KubeflowV2DagRunnerConfig(
        default_image=config.kubeflow.image, default_commands=_COMMAND
    )
    folder = str(output.parent)
    kubeflow.KubeflowV2DagRunner(settings, folder, output.name).run(pipeline)
    return output


def find_schema(config: DataConfig) -> FeatureSchema:
    """Return the schema of the data, which itself need not be on this machine."""
    if config.schema is not None:
        return FeatureSchema.load(config.schema)
    name = f"schemas/{config.dataset}.yaml"
    with importlib.resources.as_file(
        importlib.resources.files("recommenders_tf.data") / name
    ) as path:
        return FeatureSchema.load(path)


def resources(config: KubeflowConfig) -> _Resources:
    """Return what the Trainer's container is given."""
    spec = _Resources(cpu_limit=config.cpu, memory_limit=config.memory)
    if config.gpu_type is not None:
        spec.accelerator.type = config.gpu_type
        spec.accelerator.count = config.gpu_count
    return spec
