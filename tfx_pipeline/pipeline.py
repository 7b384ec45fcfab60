"""The DAG, whatever runs it.

ExampleGen ─► StatisticsGen ─► ExampleValidator ─► AnomalyGate
    │              FeatureSchemaGen ┘                   ┆
    └─► Transform ─► Trainer ─► Evaluator ─► Pusher     ┆
           ┆                      ▲                     ┆
           └┄┄ waits for the gate ┆ Resolver ┄┄┄┄┄┄┄┄┄┄┄┘
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os

# Not `tfx.v1`, which takes half as long again: it imports the clients of a cloud too.
from tfx.components import Evaluator, ExampleValidator, Pusher, StatisticsGen, Transform
from tfx.dsl.components.base import base_node, executor_spec
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.proto import pusher_pb2, transform_pb2
from tfx.types import Channel, standard_artifacts

from recommenders_tf import registry
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.typed_config import ConfigError
from tfx_pipeline.code_version import code_version
from tfx_pipeline.components import pusher
from tfx_pipeline.components.anomaly_gate import AnomalyGate
from tfx_pipeline.components.last_blessed_model import (
    BLESSING,
    CANDIDATE,
    MODEL,
    LastBlessedModelStrategy,
)
from tfx_pipeline.components.schema_gen import FeatureSchemaGen
from tfx_pipeline.components.trainer import Trainer
from tfx_pipeline.config import ModelConfig, PipelineConfig
from tfx_pipeline.evaluation import eval_config
from tfx_pipeline.example_gen import example_gen
from tfx_pipeline.make_examples import ExampleGenConfig
from tfx_pipeline.preprocessing import with_lengths
from tfx_pipeline.trainer import TrainerConfig

EVENT_SPLITS, TABLE_SPLITS = ["train", "eval"], ["items", "users"]

_EXAMPLE_CODE = (
    "recommenders_tf.data",
    "recommenders_tf.schema",
    "tfx_pipeline.reading",
    "tfx_pipeline.joining",
    "tfx_pipeline.examples",
    "tfx_pipeline.make_examples",
)
_TRANSFORM_CODE = (
    "recommenders_tf.features",
    "recommenders_tf.schema",
    "tfx_pipeline.preprocessing",
)
_TRAINER_CODE = (
    "recommenders_tf",
    "tfx_pipeline.raw_log",
    "tfx_pipeline.trainer",
    "tfx_pipeline.transform_encoder",
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a pipeline runs: what a runner knows and the DAG does not.

    Args:
        data_dir: Folder with the data.
        pipeline_root: Where artifacts are written.
        serving_dir: Where models are pushed.
        work_dir: Folder for quarantined rows and checkpoints, which outlives a killed run.
        resolver: Strategy that finds the last blessed model. Kubeflow knows TFX's own only; with
            `LastBlessedModelStrategy` a run in which nothing has changed is all from the cache.
    """

    data_dir: str
    pipeline_root: str
    serving_dir: str
    work_dir: str
    resolver: type[LatestBlessedModelStrategy]


def components(
    config: PipelineConfig, schema: FeatureSchema, place: Place
) -> list[base_node.BaseNode]:
    """Return the nodes of the pipeline.

    Args:
        config: What the run is told.
        schema: What the columns of the data mean.
        place: Where it runs.

    Raises:
        ConfigError: The models do not fit the config or the schema.
    """
    check_models(config, schema)
    schema = with_lengths(schema)
    data = config.data
    examples = example_gen(
        ExampleGenConfig(
            dataset=data.dataset,
            files=data.files,
            split=data.split,
            cleaning=data.cleaning,
            shards=data.shards,
            schema=schema.to_dict(),
            quarantine_dir=os.path.join(place.work_dir, "quarantine"),
            code=code_version(*_EXAMPLE_CODE),
        ),
        place.data_dir,
    )
    raw = examples.outputs["examples"]
    statistics = StatisticsGen(examples=raw, exclude_splits=TABLE_SPLITS)
    schema_gen = FeatureSchemaGen(feature_schema=json.dumps(schema.to_dict()))
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        exclude_splits=TABLE_SPLITS,
    )
    gate = AnomalyGate(anomalies=validator.outputs["anomalies"])
    transform = Transform(
        examples=raw,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="tfx_pipeline.preprocessing.preprocessing_fn",
        custom_config={"schema": schema.to_dict(), "code": code_version(*_TRANSFORM_CODE)},
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train", *TABLE_SPLITS], transform=EVENT_SPLITS
        ),
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    transform.add_upstream_node(gate)
    trainer = Trainer(
        examples=transform.outputs["transformed_examples"],
        raw_examples=raw,
        transform_graph=transform.outputs["transform_graph"],
        run_fn="tfx_pipeline.trainer.run_fn",
        custom_config=dataclasses.asdict(
            TrainerConfig(
                schema=schema.to_dict(),
                retriever=config.retriever,
                ranker=config.ranker,
                num_retrieved=config.num_retrieved,
                work_dir=place.work_dir,
                code=code_version(*_TRAINER_CODE),
            )
        ),
    )
    model = trainer.outputs["model"]
    channels = {
        MODEL: Channel(type=standard_artifacts.Model),
        BLESSING: Channel(type=standard_artifacts.ModelBlessing),
    }
    if issubclass(place.resolver, LastBlessedModelStrategy):
        channels[CANDIDATE] = model
    resolver = Resolver(strategy_class=place.resolver, **channels).with_id("Resolver")
    evaluator = Evaluator(
        examples=raw,
        model=model,
        baseline_model=resolver.outputs[MODEL],
        eval_config=eval_config(config.evaluation, schema),
    )
    push = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=place.serving_dir)
        ),
        custom_executor_spec=executor_spec.ExecutorClassSpec(pusher.Executor),
    )
    return [
        *(examples, statistics, schema_gen, validator, gate),
        *(transform, trainer, resolver, evaluator, push),
    ]


def check_models(config: PipelineConfig, schema: FeatureSchema) -> None:
    """Make sure that the models are of the right kind and know their parameters.

    Raises:
        ConfigError: One is not or does not.
    """
    if schema.label is None:
        raise ConfigError(
            f"Schema `{schema.name}` has no label, which a ranker is trained on: add a column of "
            "kind `label`."
        )
    for section, kind in (("retriever", "retrieval"), ("ranker", "ranking")):
        model: ModelConfig = getattr(config, section)
        cls = registry.get(model.model)
        if cls.kind != kind:
            raise ConfigError(
                f"`{section}.model` is `{model.model}`, a {cls.kind} model; name a {kind} model."
            )
        known = list(inspect.signature(cls.__init__).parameters)[2:-1]
        if unknown := [name for name in model.parameters if name not in known]:
            raise ConfigError(
                f"Model `{model.model}` has no parameter `{unknown[0]}`; it has {', '.join(known)}."
            )
