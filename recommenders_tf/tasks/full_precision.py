"""TFRS tasks in float32, whatever the precision of the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def full_precision() -> Iterator[None]:
    """Make layers that are built or first used here compute in float32.

    A TFRS task makes layers of its own at every call. Under a mixed precision policy they would
    compute logits in half precision, where the mask of accidental hits overflows.

    Example:
        >>> with full_precision():
        ...     layer = tf.keras.layers.Dense(1)
        >>> layer.compute_dtype
        'float32'
    """
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
