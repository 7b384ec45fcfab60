"""Models whose training starts from other models, trained first on the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.models.base import Recommender, example_batch
from recommenders_tf.schema import FeatureSchema

_OF_BOTH = ("y", "sample_weight", "class_weight", "shuffle", "steps_per_epoch", "verbose")
"""Arguments of `fit` that hold for the first models as well."""


class Pretraining(Recommender):
    """A model that starts from other models; one call of `fit` trains them and then itself.

    A subclass has `pretrain_epochs`, 0 for none, and writes `stages` and `take_over`. The first
    models train once: not again when a model goes on, be it from a backup, a file or another
    `fit`. A run that is killed while they train begins with them again.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.

    Attributes:
        pretrain_epochs: Passes over the data by each of the first models, or one number a model.
        is_pretrained: Whether they have been trained.
    """

    pretrain_epochs: int | Sequence[int]

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        # A weight, so that backups and saved models know it.
        self.is_pretrained = tf.Variable(False, trainable=False, name="is_pretrained")

    def stages(self) -> Sequence[Recommender]:
        """Return the models to train first."""
        raise NotImplementedError

    def take_over(self, stages: Sequence[Recommender]) -> None:
        """Start from the weights of what `stages` returned, now trained."""
        raise NotImplementedError

    def fit(self, x: Any = None, *args: Any, batch_size: int | None = None, **kwargs: Any) -> Any:
        """Train the first models if they have not been, then the model.

        Args:
            x: Training data of all of them.
            *args: Of `Recommender.fit`.
            batch_size: Examples a step.
            **kwargs: Of `Recommender.fit`. Validation is the model's alone, and so are callbacks
                but those that show progress, which have an attribute `follows_stages`.

        Returns:
            The Keras history of the model itself.
        """
        if np.any(self.pretrain_epochs) and not self.is_pretrained.numpy():
            shared = {key: value for key, value in kwargs.items() if key in _OF_BOTH}
            callbacks = kwargs.get("callbacks") or []
            shown = [c for c in callbacks if getattr(c, "follows_stages", False)]
            shared |= {"callbacks": shown}
            with self.distribute_strategy.scope():
                stages = self.stages()
                for stage in stages:
                    stage.compile(
                        micro_batches=self._micro_batches,
                        clip_norm=self._clip_norm,
                        embedding_l2=self._embedding_l2,
                        jit_compile=self.jit_compile,
                    )
            each = np.broadcast_to(self.pretrain_epochs, len(stages)).tolist()
            for stage, epochs in zip(stages, each, strict=True):
                for callback in shown:
                    title = stage.info.name if hasattr(stage, "info") else stage.name
                    callback.say(f"Training {title}, from which {self.info.name} starts")
                stage.fit(x, *args, batch_size=batch_size, epochs=epochs, **shared)
            with self.distribute_strategy.scope():
                self(example_batch(self.schema))
                self.take_over(stages)
            self.is_pretrained.assign(True)
        return super().fit(x, *args, batch_size=batch_size, **kwargs)
