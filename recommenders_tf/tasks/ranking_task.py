"""TFRS' ranking task, whatever the precision of the model."""

from __future__ import annotations

from typing import Any

import tensorflow_recommenders as tfrs

from recommenders_tf.tasks.full_precision import full_precision


class RankingTask(tfrs.tasks.Ranking):
    """`tfrs.tasks.Ranking` in float32.

    Args:
        **kwargs: Of `tfrs.tasks.Ranking`.

    Example:
        >>> import tensorflow as tf
        >>> loss = tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")
        >>> round(float(RankingTask(loss=loss)(tf.ones([2, 1]), tf.zeros([2, 1]))), 4)
        1.3863
    """

    def __init__(self, **kwargs: Any) -> None:
        with full_precision():
            super().__init__(**kwargs)
