"""The models of this toolkit, built by name from a schema and fed by its loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def start(case: Case, steps: int, precision: str = "float32") -> Session:
    tf.keras.mixed_precision.set_global_policy(precision)
    return Session(build, case, steps)


def build(case: Case) -> Contender:
    schema = schema_of(case)
    model = rtf.registry.get(case.model)(schema, embedding_dim=DIM, **_hyper_parameters(case))
    model.compile(rtf.optimizers.LazyAdam(LEARNING_RATE))

    def rows(features: Mapping[str, np.ndarray], labels: np.ndarray) -> rtf.data.ColumnarData:
        return rtf.data.ColumnarData(dict(features) | {"label": labels}, schema)

    def predict(features: Mapping[str, np.ndarray]) -> np.ndarray:
        some = len(features["user_id"])
        batches = rows(features, np.zeros(some, np.float32)).batches(case.batch_size, False)
        return tf.sigmoid(model.predict(batches, verbose=0)).numpy()[:, 0]

    return Contender(
        model,
        feed=lambda features, labels: {"x": rows(features, labels).batches(case.batch_size)},
        predict=predict,
        version=f"recommenders-tf {rtf.__version__}",
    )


def schema_of(case: Case) -> rtf.FeatureSchema:
    """Return the fitted schema of a case's columns."""
    items, ids = ("item_id", "category"), ("user_id", "item_id")
    roles = {"user_id": "user"} | dict.fromkeys(items, "item")
    columns: dict[str, dict[str, Any]] = {
        name: {
            "kind": "id" if name in ids else "categorical",
            "role": roles.get(name, "context"),
            "vocabulary_size": case.vocabulary_of(name),
        }
        for name in case.fields
    }
    for name in case.numeric_names:
        columns[name] = {"kind": "numeric", "role": "context", "mean": 0.0, "stddev": 1.0}
    past = {"kind": "sequence", "role": "user", "max_length": case.history}
    columns |= {name: past | {"source": field} for name, field in case.histories.items()}
    columns["time"] = {"kind": "timestamp", "role": "event_time"}
    columns["label"] = {"kind": "label", "role": "label"}
    return rtf.FeatureSchema.from_dict({"name": "planted", "columns": columns})


def _hyper_parameters(case: Case) -> dict[str, Any]:
    """Return the arguments that make the model the one of the case."""
    own: dict[str, dict[str, Any]] = {
        "deepfm": {"hidden_units": case.hidden_units, "dropout": 0.0},
        "dcn_v2": {
            "hidden_units": case.hidden_units,
            "cross_layers": CROSS_LAYERS,
            "structure": "parallel",
        },
        "dlrm": {"bottom_units": BOTTOM_UNITS[:-1], "top_units": case.hidden_units},
        "din": {"hidden_units": case.hidden_units, "attention_units": ATTENTION_UNITS},
    }
    return own[case.model]
