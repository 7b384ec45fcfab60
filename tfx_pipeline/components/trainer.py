"""TFX's Trainer, given the raw examples beside the transformed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer import executor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter
from tfx.utils import json_utils

RAW_EXAMPLES = "raw_examples"


class TrainerSpec(standard_component_specs.TrainerSpec):
    """The inputs of TFX's Trainer, and the raw examples."""

    INPUTS = {
        **standard_component_specs.TrainerSpec.INPUTS,
        RAW_EXAMPLES: ChannelParameter(type=standard_artifacts.Examples),
    }


class Executor(executor.GenericExecutor):
    """Tells `run_fn` where the raw examples are: `raw_examples` in its `custom_config`."""

    def _GetFnArgs(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        uri = artifact_utils.get_single_uri(input_dict[RAW_EXAMPLES])
        fn_args.custom_config = {**fn_args.custom_config, RAW_EXAMPLES: uri}
        return fn_args


class Trainer(base_component.BaseComponent):
    """Trains with a `run_fn`.

    The users, items and histories that an exported model answers for are raw; a Transform step
    gives only what the models themselves take.

    Args:
        examples: Transformed examples.
        raw_examples: The examples before Transform.
        transform_graph: Output of Transform.
        run_fn: Importable name of the function.
        custom_config: What the function is told.
    """

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        raw_examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        run_fn: str,
        custom_config: Mapping[str, Any],
    ) -> None:
        spec = TrainerSpec(
            examples=examples,
            raw_examples=raw_examples,
            transform_graph=transform_graph,
            run_fn=run_fn,
            custom_config=json_utils.dumps(dict(custom_config)),
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)
