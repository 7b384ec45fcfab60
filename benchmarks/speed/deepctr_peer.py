"""The models of DeepCTR, as its documentation builds them; runs in an environment of its own."""

from __future__ import annotations

import importlib.metadata

import deepctr.models
import numpy as np
import tensorflow as tf
from deepctr.feature_column import SparseFeat, VarLenSparseFeat

from benchmarks.speed.case import ATTENTION_UNITS, CROSS_LAYERS, DIM, LEARNING_RATE, Case
from benchmarks.speed.session import Contender, Session


def start(case: Case, steps: int) -> Session:
    return Session(build, case, steps)


def build(case: Case) -> Contender:
    columns = [SparseFeat(name, case.vocabulary_of(name), DIM) for name in case.fields]
    # Its penalties are on by default, and the other models have none.
    options = {"dnn_hidden_units": case.hidden_units, "l2_reg_embedding": 0}
    if case.model == "deepfm":
        model = deepctr.models.DeepFM(columns, columns, l2_reg_linear=0, **options)
    elif case.model == "dcn_v2":
        model = deepctr.models.DCN(
            columns[:1],  # with no column at all its linear part cannot be added to the rest
            columns,
            cross_num=CROSS_LAYERS,
            cross_parameterization="matrix",
            l2_reg_linear=0,
            l2_reg_cross=0,
            **options,
        )
    elif case.model == "din":
        columns += [_list(case, name, field) for name, field in case.histories.items()]
        model = deepctr.models.DIN(
            columns,
            list(case.histories.values()),
            att_hidden_size=ATTENTION_UNITS,
            dnn_activation="dice",
            **options,
        )
    else:
        raise ValueError(f"DeepCTR has no `{case.model}`.")
    model.compile(tf.keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")
    return Contender(
        model,
        feed=lambda features, labels: {
            "x": _inputs(case, features),
            "y": labels,
            "batch_size": case.batch_size,
        },
        predict=lambda features: model.predict(_inputs(case, features), case.batch_size, verbose=0)[
            :, 0
        ],
        version=f"DeepCTR {importlib.metadata.version('deepctr')}",
    )


def _list(case: Case, name: str, field: str) -> VarLenSparseFeat:
    feature = SparseFeat(_list_name(field), case.vocabulary_of(field), DIM, embedding_name=field)
    return VarLenSparseFeat(feature, case.history, length_name="length")


def _list_name(field: str) -> str:
    return f"hist_{field}"


def _inputs(case: Case, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    inputs = {name: features[name] for name in case.fields}
    for name, field in case.histories.items():
        inputs[_list_name(field)] = features[name]
        inputs["length"] = (features[name] != 0).sum(axis=1).astype(np.int32)
    return inputs
