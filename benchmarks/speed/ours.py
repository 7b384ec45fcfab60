"""The models of this toolkit, built by name from a schema and fed by its loader."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

import recommenders_tf as rtf
from benchmarks.speed.case import (
    ATTENTION_UNITS,
    BOTTOM_UNITS,
    CROSS_LAYERS,
    DIM,
    LEARNING_RATE,
    Case,
)
from benchmarks.speed.session import Contender, Session


def start(case: Case, steps: int) -> Session:
    return Session(build, case, steps)


def build(case: Case) -> Contender:
    schema = schema_of(case)
    model = rtf.registry.get(case.model)(schema, **hyper_parameters(case))
    model.compile(rtf.optimizers.LazyAdam(LEARNING_RATE))

    def predict(features: Mapping[str, np.ndarray]) -> np.ndarray:
        batches = _columns(case, features, None).batches(case.batch_size, shuffle=False)
        return tf.sigmoid(model.predict(batches, verbose=0)).numpy()[:, 0]

    return Contender(
        model,
        feed=lambda features, labels: {
            "x": _columns(case, features, labels).batches(case.batch_size)
        },
        predict=predict,
        version=f"recommenders-tf {rtf.__version__}",
    )


def schema_of(case: Case) -> rtf.FeatureSchema:
    """Return the fitted schema of a case's columns."""
    roles = {"user_id": "user", "item_id": "item", "category": "item"}
    columns: dict[str, dict[str, object]] = {
        name: {
            "kind": "id" if name in ("user_id", "item_id") else "categorical",
            "role": roles.get(name, "context"),
            "vocabulary_size": case.vocabulary_of(name),
        }
        for name in case.fields
    }
    for name in case.numeric_names:
        columns[name] = {"kind": "numeric", "role": "context", "mean": 0.0, "stddev": 1.0}
    for name, field in case.histories.items():
        columns[name] = {
            "kind": "sequence",
            "role": "user",
            "source": field,
            "max_length": case.history,
        }
    columns["time"] = {"kind": "timestamp", "role": "event_time"}
    columns["label"] = {"kind": "label", "role": "label"}
    return rtf.FeatureSchema.from_dict({"name": "planted", "columns": columns})
