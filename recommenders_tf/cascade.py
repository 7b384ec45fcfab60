"""Retrieve, then rank: two models as one recommender and one SavedModel."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from recommenders_tf.export import export_graph
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.models.retriever import Retriever, recommend_frame
from recommenders_tf.serving_graph import DEFAULT_RETRIEVED, ServingGraph
from recommenders_tf.signature_inputs import DEFAULT_K


class Cascade:
    """Lets a retriever find candidates in the whole catalogue and a ranker put them in order.

    Args:
        retriever: Fitted retrieval model; its users, items and histories are the cascade's.
        ranker: Fitted ranking model of the same schema.
        num_retrieved: Candidates that the ranker sees.

    Raises:
        ValueError: The models were built from different schemas.

    Example:
        >>> from recommenders_tf import data, models
        >>> train = data.encode(data.load("synthetic"))
        >>> retriever, ranker = models.MF(train.schema), models.WideDeep(train.schema)
        >>> for model in (retriever, ranker):
        ...     model.compile()
        ...     _ = model.fit(train, verbose=0)
        >>> len(Cascade(retriever, ranker).recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self, retriever: Retriever, ranker: Ranker, num_retrieved: int = DEFAULT_RETRIEVED
    ) -> None:
        if retriever.schema != ranker.schema:
            raise ValueError(
                f"Retriever `{retriever.name}` and ranker `{ranker.name}` were built from "
                "different schemas; build both from one."
            )
        self.graph = ServingGraph(retriever.tables, retriever, ranker, num_retrieved)

    def recommend(
        self,
        users: Sequence[str],
        k: int = DEFAULT_K,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        history: Mapping[str, Sequence[str]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return the k best items of every user, in raw ids; see `Retriever.recommend`."""
        return recommend_frame(self.graph, users, k, exclude_seen, candidates, history, context)

    def export(self, path: str | pathlib.Path, index: Any = None) -> pathlib.Path:
        """Write both models, the item vectors and the tables as one SavedModel.

        Args:
            path: Folder to write; a number as its last part makes it a version to serve.
            index: What finds the retriever's items; see `Retriever.export`.

        Returns:
            The folder.

        Raises:
            ValueError: The retriever does not score by an inner product, and so takes no `index`.
        """
        return export_graph(self.graph.with_index(index), path)
