"""Where the files of a data set are, and how raw frames of a given split become rows."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from recommenders_tf.data import ColumnarData, EventLog
from recommenders_tf.preprocessor import Preprocessor, raw_batch
from recommenders_tf.schema import FeatureSchema

_VARIABLE = "RECOMMENDERS_TF_DATA"


def find(folder: str, name: str) -> pathlib.Path:
    """Return the path of a file of a data set.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = pathlib.Path(os.environ.get(_VARIABLE, ".")) / folder / name
    if not path.exists():
        raise FileNotFoundError(
            f"`{path}` is missing: name the folder that holds `{folder}` with {_VARIABLE}."
        )
    return path


def encode(
    name: str, frames: Mapping[str, pd.DataFrame], columns: Mapping[str, Any]
) -> dict[str, ColumnarData]:
    """Return the parts of a given split, encoded by what the first of them holds.

    Args:
        name: Of the data set.
        frames: Parts by name, the training part first; values as `EventLog` has them.
        columns: Columns of the schema, as in its YAML; all features are of the context.
    """
    schema = FeatureSchema.from_dict({"name": name, "columns": columns})
    train = next(iter(frames.values()))
    ids = (train[[column.name]].drop_duplicates() for column in (schema.user_id, schema.item_id))
    preprocessor = Preprocessor.fit(EventLog(train, *ids, schema))
    parts = {}
    for part, frame in frames.items():
        encoded = preprocessor.encode(raw_batch(frame, schema.stored))
        arrays = {column: values.numpy() for column, values in encoded.items()}
        parts[part] = ColumnarData(arrays, preprocessor.schema)
    return parts


def columns_of(features: Mapping[str, Any], user: str, item: str) -> dict[str, Any]:
    """Return the columns of a schema, and a label `label`.

    Args:
        features: Fields of each feature beside its role, by name.
        user: The feature that is the id of the user. A schema asks for one; where the data knows
            of none, any categorical column will do, for a ranker treats it as it does the others.
        item: The feature that is the id of the item. Likewise.
    """
    roles = {user: "user", item: "item"}
    columns = {
        name: {"kind": "categorical", **fields, "role": "context"}
        | ({"kind": "id", "role": roles[name]} if name in roles else {})
        for name, fields in features.items()
    }
    return columns | {"label": {"kind": "label", "role": "label"}}
