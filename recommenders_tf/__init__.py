"""Recommender systems in TensorFlow and Keras, from events to a gRPC server.

The public names are loaded on first use, so that `import recommenders_tf` is quick and needs no
TensorFlow until a model or a layer is asked for.

Example:
    >>> import recommenders_tf as rtf
    >>> log = rtf.data.load("synthetic")
    >>> train, test = log.split("leave_last_out")
    >>> len(train) + len(test) == len(log)
    True
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

__version__ = "0.1.0"

# TensorFlow Recommenders is written for Keras 2; TensorFlow reads this once, at its first import.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
if "tensorflow" in sys.modules:
    _keras = sys.modules["tensorflow"].keras.Model.__module__
    if not _keras.startswith("tf_keras"):
        raise ImportError(
            f"TensorFlow was imported before recommenders_tf and uses Keras 3 (`{_keras}`): "
            "import recommenders_tf first, or set TF_USE_LEGACY_KERAS=1 in the environment."
        )

_PUBLIC = {
    "Cascade": "recommenders_tf.cascade",
    "FeatureSchema": "recommenders_tf.schema",
    "Preprocessor": "recommenders_tf.preprocessor",
    "load_model": "recommenders_tf.models.saving",
}
_ROOMS = (
    *("data", "evaluation", "index", "layers", "metrics", "models", "optimizers"),
    *("registry", "schema", "tasks", "training", "tuning"),
)

__all__ = [*_PUBLIC, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module `recommenders_tf` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
