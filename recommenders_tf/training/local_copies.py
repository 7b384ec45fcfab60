"""A model that trained on parameter servers, brought home."""

from __future__ import annotations

import concurrent.futures
import pathlib
import tempfile
from typing import Any

import tensorflow as tf

from recommenders_tf.models.base import Recommender, example_batch


def local_copy(model: Recommender) -> Recommender:
    """Return the model itself, or a copy on this machine if parameter servers keep its weights.

    The copy can be saved, exported and asked as any model; the one on the servers only trained.

    Args:
        model: Built and trained.

    Example:
        >>> from recommenders_tf import data, models
        >>> model = models.MF(data.encode(data.load("synthetic")).schema)
        >>> local_copy(model) is model
        True
    """
    if not isinstance(model.distribute_strategy, tf.distribute.ParameterServerStrategy):
        return model
    copy = type(model).from_config(model.get_config())
    copy.compile()
    copy(example_batch(copy.schema))
    copy.bind(model.tables)
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "weights")
        model.save_weights(path)
        copy.load_weights(path).expect_partial()
    return copy


def evaluate_locally(model: Recommender, data: Any, **arguments: Any) -> dict[str, float]:
    """Return the metrics of a model, or of its local copy; a callback of `fit` may call it.

    Args:
        model: Built and compiled.
        data: Of its `evaluate`.
        **arguments: Likewise.
    """
    if not isinstance(model.distribute_strategy, tf.distribute.ParameterServerStrategy):
        return model.evaluate(data, **arguments)
    # `fit` calls its callbacks in the scope of its strategy; a thread begins outside.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: local_copy(model).evaluate(data, **arguments)).result()
