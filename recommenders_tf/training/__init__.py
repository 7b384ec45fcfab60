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

from typing import TYPE_CHECKING, Any

from recommenders_tf.training.cluster import Cluster
from recommenders_tf.training.config import TrainingConfig

if TYPE_CHECKING:
    from recommenders_tf.training.run import compile_model, local_copy, train
    from recommenders_tf.training.strategy import prepare

__all__ = ["Cluster", "TrainingConfig", "compile_model", "local_copy", "prepare", "train"]


def __getattr__(name: str) -> Any:
    if name in ("compile_model", "local_copy", "train"):
        from recommenders_tf.training import run

        return getattr(run, name)
    if name == "prepare":
        from recommenders_tf.training import strategy

        return strategy.prepare
    raise AttributeError(f"module `recommenders_tf.training` has no attribute `{name}`")
