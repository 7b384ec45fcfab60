"""Retrieval models: a query vector, candidate vectors, and the items that fit best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.index.exact import rows_at_once
from recommenders_tf.models.base import Recommender
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.signature_inputs import DEFAULT_K, context_row


class Retriever(Recommender):
    """A model that scores a pair by the inner product of a query and a candidate vector.

    A subclass writes `encode_query`, `encode_candidates` and its loss; every user is then scored
    against the whole catalogue with one matrix product.
    """

    kind = "retrieval"

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the query vectors of encoded user and context features, `[batch, dim]`."""
        raise NotImplementedError

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the candidate vectors of encoded item features, `[items, dim]`."""
        raise NotImplementedError

    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, float32 `[batch, items]`."""
        return tf.cast(tf.matmul(query, candidates, transpose_b=True), tf.float32)

    @property
    def scores_inner_product(self) -> bool:
        """Whether a score is nothing but the inner product, which an index searches by."""
        return type(self).score_candidates is Retriever.score_candidates

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of pairs, float32 `[batch, 1]`."""
        query, candidate = self.encode_query(inputs), self.encode_candidates(inputs)
        return tf.cast(tf.reduce_sum(query * candidate, axis=-1, keepdims=True), tf.float32)

    def serving_graph(self) -> ServingGraph:
        """Return the graph that answers raw requests with the present weights."""
        if self._graph is None:
            self._set_serving(self.tables, ServingGraph(self.tables, retriever=self))
        assert self._graph is not None
        return self._graph

    def recommend(
        self,
        users: Sequence[str],
        k: int = DEFAULT_K,
        exclude_seen: bool = True,
        candidates: Sequence[str] | None = None,
        history: Mapping[str, Sequence[str]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return the k best items of every user, in raw ids.

        Args:
            users: Raw user ids. One that training has not seen gets the answer of an unknown user.
            k: Items for each.
            exclude_seen: Leave out the items of the user's training events.
            candidates: Raw ids of the items to choose from; None takes the whole catalogue.
            history: Raw ids of what users met since training, oldest first, by user; of one whom
                training has not seen, all that is known. Items that it has not seen are left out.
            context: Circumstances of the request by context column, such as `{"device": "tv"}`;
                what is left out is missing.

        Returns:
            One row a recommendation, best first: user id, `rank` from 1, item id, `score`, and
            the columns of the item table. A user for whom fewer items are left has fewer rows.

        Raises:
            ValueError: `k` is below 1, no candidate is in the catalogue, there is a history of a
                user who is not asked for, or `context` does not fit the schema.
        """
        return recommend_frame(
            self.serving_graph(), users, k, exclude_seen, candidates, history, context
        )

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluate on held-out events, over the full catalogue, or as Keras does.

        Args:
            x: Test `EventLog`: every event is ranked among all items that its user has not seen.
                Anything else goes to `tf.keras.Model.evaluate`.
            *args: Of `evaluate_ranking` or `tf.keras.Model.evaluate`.
            **kwargs: Likewise.

        Returns:
            Of an `EventLog`, metric values by name, such as `HR@10` and `NDCG@10`.
        """
        if not isinstance(x, EventLog):
            return super().evaluate(x, *args, **kwargs)
        from recommenders_tf.evaluation.full_ranking import evaluate_ranking

        return evaluate_ranking(self.serving_graph(), x, *args, **kwargs)


def recommend_frame(
    graph: ServingGraph,
    users: Sequence[str],
    k: int,
    exclude_seen: bool,
    candidates: Sequence[str] | None,
    history: Mapping[str, Sequence[str]] | None,
    context: Mapping[str, Any] | None,
) -> pd.DataFrame:
    """Return recommendations as a frame; see `Retriever.recommend`."""
    if k < 1:
        raise ValueError(f"`k` must be at least 1; it is {k}.")
    if isinstance(users, str):
        raise ValueError(f"`users` must be a list of ids; wrap the one id, [{users!r}].")
    schema, items = graph.tables.schema, graph.tables.items
    k = min(k, items.size)
    if candidates is not None and not (items.index.get_indexer(list(candidates)) > 0).any():
        raise ValueError(
            f"None of the {len(candidates)} `candidates` is in the catalogue; give raw ids of "
            f"column `{schema.item_id.name}`, such as {items.index[1]!r}."
        )
    asked = tf.constant([list(candidates or [])], tf.string)
    users = [str(user) for user in users]
    history = {str(user): list(map(str, met)) for user, met in (history or {}).items()}
    if others := history.keys() - set(users):
        raise ValueError(
            f"`history` is of {', '.join(sorted(others))}, whom `users` does not name: ask for "
            "them as well."
        )
    circumstances = context_row(graph.context, context or {})
    ids, scores, step = [], [], rows_at_once(items.size)
    for start in range(0, len(users), step):
        block = users[start : start + step]
        recent = {}
        if history:
            met = tf.ragged.constant([history.get(user, []) for user in block], tf.string, 1)
            recent = {"history": met.to_tensor("")}
        answer = graph.recommend(
            **recent,
            **circumstances,
            user_id=tf.constant(block, tf.string),
            candidates=asked,
            k=tf.constant(k),
            exclude_seen=tf.constant(exclude_seen),
        )
        ids.append(answer["item_id"].numpy())
        scores.append(answer["score"].numpy())
    raw = np.concatenate(ids).ravel() if ids else np.zeros(0, object)
    frame = pd.DataFrame(
        {
            schema.user_id.name: np.repeat(users, k),
            "rank": np.tile(np.arange(1, k + 1), len(users)),
            schema.item_id.name: [value.decode("utf-8") for value in raw],
            "score": np.concatenate(scores).ravel() if scores else np.zeros(0, np.float32),
        }
    )
    frame = frame[np.isfinite(frame["score"])]
    return frame.merge(items.frame, on=schema.item_id.name, how="left")
