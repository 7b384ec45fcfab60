"""Loading a saved model, whatever its class."""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile
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
    with tempfile.TemporaryDirectory() as folder:
        return tf.keras.models.load_model(_readable(path, pathlib.Path(folder)))


def _readable(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Return the file, or from Python 3.12 on a copy whose parts are compressed.

    Python 3.12.1 loses its place when it seeks in a part of an archive that is not compressed,
    which is how the weights are read; later ones may as well.
    """
    if sys.version_info < (3, 12):
        return path
    copy = folder / path.name
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for part in archive.infolist():
            with (
                archive.open(part) as source,
                target.open(part.filename, "w", force_zip64=True) as sink,
            ):
                shutil.copyfileobj(source, sink)
    return copy
