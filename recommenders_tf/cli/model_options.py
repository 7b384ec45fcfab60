"""Which model a command trains."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from recommenders_tf import registry
from recommenders_tf.cli import hyper_parameters
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.model_config import ModelConfig

_PANEL = "Training"


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """A model by name or by a file, and its hyper-parameters."""

    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of a model; `recommenders-tf models` lists them.",
            autocompletion=registry.names,
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None
    config: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--config",
            "-c",
            exists=True,
            dir_okay=False,
            help="In place of --model: YAML with the keys model, parameters and training, as "
            "`tune` writes it. Options beside it count more.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyper-parameter of the model; may be given several times.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def read(self, given: Mapping[str, Any]) -> ModelConfig:
        """Return the model and how it is trained; what --set says is in `parameters` alone.

        Args:
            given: Fields of `TrainingConfig` that stand before those of the file.

        Raises:
            ValueError: No model is named, or two.
            UnknownModelError: There is no such model.
        """
        name = self.model
        if name is not None and name not in registry.names():
            name = registry.get(name).info.name
        if self.config is None:
            if name is None:
                raise ValueError(
                    "Say which model: --model NAME (`recommenders-tf models` lists them), or "
                    "--config FILE."
                )
            return ModelConfig(name, training=TrainingConfig(**given))
        found = ModelConfig.load(self.config)
        if name not in (None, found.model):
            raise ValueError(
                f"--model is `{name}`, but `{self.config}` is for `{found.model}`: leave one out."
            )
        return dataclasses.replace(found, training=dataclasses.replace(found.training, **given))

    def parameters(self, cls: Any, found: ModelConfig) -> dict[str, Any]:
        """Return the hyper-parameters of the file, and of --set in place of them.

        Args:
            cls: Class of the model.
            found: What `read` returned.

        Raises:
            ValueError: One is unknown, or of another type.
        """
        values = hyper_parameters.convert(cls, found.parameters)
        return values | hyper_parameters.parse(cls, self.settings or ())
