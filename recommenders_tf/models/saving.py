"""Loading a saved model, whatever its class."""

from __future__ import annotations

import pathlib
import zipfile
from typing import TYPE_CHECKING

import tensorflow as tf

from recommenders_tf import registry

if TYPE_CHECKING:
    from recommenders_tf.models.base import Recommender


def load_model(path: str | pathlib.Path) -> Recommender:
    """Load what `model.save("....keras")` wrote, ready to answer in raw ids.

    `tf.keras.models.load_model` does the same once the class of the model is imported; this
    finds and imports it.

    Args:
        path: The `.keras` file.

    Raises:
        ValueError: The file is no saved recommender.

    Example:
        >>> import os, tempfile
        >>> from recommenders_tf import data, models
        >>> model = models.MF(data.encode(data.load("synthetic")).schema, embedding_dim=4)
        >>> from recommenders_tf.models.base import example_batch
        >>> _ = model(example_batch(model.schema))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "mf.keras"))
        ...     load_model(os.path.join(folder, "mf.keras")).embedding_dim
        4
    """
    path = pathlib.Path(path)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"`{path}` is not a saved model: give the .keras file of `model.save`.")
    for name in registry.names():
        registry.get(name)
    return tf.keras.models.load_model(path)
