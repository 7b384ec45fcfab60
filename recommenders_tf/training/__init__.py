"""Training as the command and the pipeline share it, on one machine or many.

Nothing here imports TensorFlow but what is loaded on first use, so that a configuration is read and
checked in no time.

Example:
    >>> from recommenders_tf import data, models
    >>> from recommenders_tf.training import TrainingConfig, compile_model, prepare, train
    >>> config = TrainingConfig(epochs=1)
    >>> strategy = prepare(config)
    >>> encoded = data.encode(data.load("synthetic"))
    >>> with strategy.scope():
    ...     model = models.MF(encoded.schema, embedding_dim=8)
    ...     compile_model(model, config)
    >>> len(train(model, encoded, config).history["loss"])
    1
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recommenders_tf.training.cluster import Cluster
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.model_config import ModelConfig

if TYPE_CHECKING:
    from recommenders_tf.training.local_copies import local_copy
    from recommenders_tf.training.run import compile_model, train
    from recommenders_tf.training.strategy import prepare

__all__ = [
    "Cluster",
    "ModelConfig",
    "TrainingConfig",
    "compile_model",
    "local_copy",
    "prepare",
    "train",
]

_MODULES = {
    "compile_model": "run",
    "local_copy": "local_copies",
    "prepare": "strategy",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module `recommenders_tf.training` has no attribute `{name}`")
