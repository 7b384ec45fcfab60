"""A model and how it is trained, as one file says it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, cast

import yaml

from recommenders_tf import registry
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.typed_config import ConfigError, load


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model of the registry and how it is trained.

    Args:
        model: Registry name.
        parameters: Arguments of the model beside the schema.
        training: How it is trained.

    Raises:
        ConfigError: There is no such model.

    Example:
        >>> ModelConfig("ease", {"l2": 200.0}).to_dict()
        {'model': 'ease', 'parameters': {'l2': 200.0}, 'training': {}}
    """

    model: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.model not in registry.names():
            raise ConfigError(
                f"There is no model `{self.model}`; known are {', '.join(registry.names())}."
            )

    @classmethod
    def load(cls, path: str | pathlib.Path) -> ModelConfig:
        """Read a config from YAML: what `save` writes, or a section `ranker` of a pipeline's.

        Raises:
            ConfigError: The file is missing or no YAML mapping, or a key is unknown, missing or of
                another type.
        """
        return cast(ModelConfig, load(cls, path))

    def to_dict(self) -> dict[str, Any]:
        """Return what `load` reads: of the training what differs from the defaults."""
        default = TrainingConfig()
        chosen = {
            name: value
            for name, value in vars(self.training).items()
            if value != getattr(default, name)
        }
        return {"model": self.model, "parameters": dict(self.parameters), "training": chosen}

    def save(self, path: str | pathlib.Path, remark: str) -> None:
        """Write the config as YAML.

        Args:
            path: The file.
            remark: One line to stand above it as a comment.
        """
        text = yaml.safe_dump(self.to_dict(), sort_keys=False, default_flow_style=None, width=100)
        pathlib.Path(path).write_text(f"# {remark}\n{text}", encoding="utf-8")
