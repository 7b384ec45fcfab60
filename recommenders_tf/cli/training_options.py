"""How a command trains."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from recommenders_tf.training.config import TrainingConfig

_PANEL = "Training"
_SPEED_PANEL = "Training: speed and devices"
_DEFAULT = TrainingConfig()


class Precision(str, enum.Enum):
    """Keras policies."""

    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


def _option(text: str, panel: str = _PANEL, **arguments: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=panel, **arguments)


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How to train: the fields of `TrainingConfig`."""

    epochs: Annotated[int, _option("Passes over the events.", min=1)] = _DEFAULT.epochs
    batch_size: Annotated[int, _option("Events a step, over all devices and workers.", min=1)] = (
        _DEFAULT.batch_size
    )
    seed: Annotated[int, _option("The same seed, the same run.", min=0)] = _DEFAULT.seed
    optimizer: Annotated[
        str | None,
        _option("Such as lazy_adam; by default that of the model's paper.", metavar="NAME"),
    ] = None
    learning_rate: Annotated[float | None, _option("Of --optimizer, or of the model's own.")] = None
    clip_norm: Annotated[
        float | None, _option("Scale gradients whose norm, all together, is larger.")
    ] = None
    embedding_l2: Annotated[
        float, _option("Penalty on all embedding tables, λ/2 Σ v²; slow on large ones.", min=0)
    ] = _DEFAULT.embedding_l2
    micro_batches: Annotated[
        int,
        _option("Compute the gradients of a batch in so many parts, to save memory.", min=1),
    ] = _DEFAULT.micro_batches
    patience: Annotated[
        int | None,
        _option(
            "Stop after so many epochs without a better NDCG@10 or AUC on events kept apart, and "
            "return to the best weights.",
            min=1,
        ),
    ] = None
    backup_steps: Annotated[
        int | None, _option("Back up every so many steps; by default after every epoch.", min=1)
    ] = None
    precision: Annotated[
        Precision,
        _option(
            "float32, or mixed_bfloat16 or mixed_float16 on hardware that has them.",
            _SPEED_PANEL,
            metavar="POLICY",
        ),
    ] = Precision.FLOAT32
    jit_compile: Annotated[bool, _option("Compile the step with XLA.", _SPEED_PANEL)] = (
        _DEFAULT.jit_compile
    )
    steps_per_execution: Annotated[
        int, _option("Steps between two looks at the progress.", _SPEED_PANEL, min=1)
    ] = _DEFAULT.steps_per_execution
    devices: Annotated[str, _option("auto, cpu, or numbers of GPUs such as 0,2.", _SPEED_PANEL)] = (
        _DEFAULT.devices
    )
    memory_growth: Annotated[
        bool, _option("Take a GPU's memory as it is needed, or all at once.", _SPEED_PANEL)
    ] = _DEFAULT.memory_growth

    def given(self, context: typer.Context) -> Mapping[str, Any]:
        """Return the options of the command line, without those that it leaves out.

        Args:
            context: Of the command.
        """
        return {
            name: value.value if isinstance(value, enum.Enum) else value
            for name, value in vars(self).items()
            if getattr(context.get_parameter_source(name), "name", None) != "DEFAULT"
        }
