"""Vectors that were learned elsewhere, as the initial weights of any model with embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding
from recommenders_tf.models.base import Recommender, example_batch
from recommenders_tf.preprocessor import RawEncoder
from recommenders_tf.schema import FIRST_ID


def start_from_vectors(
    model: Recommender, column: str, vectors: pd.DataFrame, encoder: RawEncoder
) -> int:
    """Write vectors into the embedding tables of a column, before training goes on from them.

    Every table of the column that is as wide as the vectors takes them; values that have no vector
    keep what they were initialized with.

    Args:
        model: Any model whose columns are embedded by `FeatureEmbedding`.
        column: Name of the column, such as the item id.
        vectors: One row a value of the column, which is its index; as `Item2Vec.vectors` gives.
        encoder: Maps raw values to ids, that of the training log: `train.tables.encoder`.

    Returns:
        How many values of the column have a vector now.

    Raises:
        ValueError: No table of the column is as wide as the vectors, or none of the values is
            known.

    Example:
        >>> from recommenders_tf import data, models
        >>> train = data.encode(data.load("synthetic"))
        >>> vectors = pd.DataFrame(np.ones([2, 8]), index=["i1", "i2"])
        >>> model = models.TwoTower(train.schema, embedding_dim=8)
        >>> start_from_vectors(model, "item_id", vectors, train.tables.encoder)
        2
    """
    with model.distribute_strategy.scope():
        model(example_batch(model.schema))
        values = vectors.index.astype(str).to_numpy(object)
        ids = encoder.encode({column: tf.constant(values, tf.string)})[column].numpy()
        known = ids >= FIRST_ID
        if not known.any():
            raise ValueError(
                f"None of the {len(ids)} values is in the vocabulary of `{column}`; the index of "
                "`vectors` must be raw values, as they stand in the log."
            )
        rows = vectors.to_numpy(np.float32)[known]
        layers = [part for part in model.submodules if isinstance(part, FeatureEmbedding)]
        written = [layer.assign(column, ids[known], rows) for layer in layers]
        if not any(written):
            raise ValueError(
                f"No embedding table of `{column}` in `{model.name}` is {rows.shape[1]} wide, as "
                "the vectors are: build the model with that width, or learn other vectors."
            )
    return int(known.sum())
