"""SavedModels that any TF Serving loads: stock ops only, raw ids in, raw ids out.

Signatures (`[b]` is the batch; inputs with a default may be left out):

    recommend   user_id string [b]; history string [b, h], items seen since training; candidates
                string [b, c], the items to choose from; k int32 []; exclude_seen bool []; context
                columns by name [b]  →  item_id string [b, k], score float32 [b, k]
    retrieve    the same, without the ranker, of a cascade
    rank        user_id [b], candidates [b, c], history, context  →  score float32 [b, c]
    score       user_id [b], item_id [b], history, context  →  score float32 [b]
    serving_default     examples string [b], serialized tf.Examples of raw features → score [b]
    transform_features  examples string [b]  →  the encoded features
    labels      examples string [b]  →  the labels by name, as the model was trained on them
    evaluate    examples string [b] of held-out events  →  score [b]; HR@10 and NDCG@10 [b], what
                each adds to the retriever's metrics over the full catalogue

A ranker of several tasks adds to the answers of `score` and `serving_default` the probability of
each by the name of its label; `score` is that of the first.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import uuid

import numpy as np
import tensorflow as tf
from tf_keras.src.saving.legacy.saved_model.utils import (  # type: ignore[import-untyped]
    keras_option_scope,
)

from recommenders_tf import warm_up
from recommenders_tf.serving_graph import ServingGraph


def export_graph(graph: ServingGraph, path: str | pathlib.Path) -> pathlib.Path:
    """Write the SavedModel of a serving graph, with requests that warm a server up for it.

    It is written beside its place and renamed at the end, so that a server that watches the
    folder never finds half a model.

    Args:
        graph: What answers.
        path: Folder to write; a SavedModel that is there is replaced.

    Returns:
        The folder.

    Raises:
        FileExistsError: The folder holds something else.
    """
    path = pathlib.Path(path)
    if path.exists() and any(path.iterdir()) and not (path / "saved_model.pb").exists():
        raise FileExistsError(f"`{path}` holds other files than a model; name an empty folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # No number as its name, so that no server takes it for a version.
    partial = path.parent / f".{path.name}-{uuid.uuid4().hex[:8]}"
    signatures = graph.signatures()
    with keras_option_scope(save_traces=False):  # the signatures are all that is asked
        tf.saved_model.save(graph, str(partial), signatures=signatures)
    assets = partial / "assets.extra"
    assets.mkdir()
    (assets / "schema.json").write_text(json.dumps(graph.tables.schema.to_dict()), "utf-8")
    users, items = (table.ids[-1:].numpy() for table in (graph.tables.users, graph.tables.items))
    samples = {"user_id": users, "item_id": items, "candidates": items[np.newaxis]}
    warm_up.write_requests(partial, signatures, samples)
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)
    return path
