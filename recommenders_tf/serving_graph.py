"""Raw requests to recommendations: the one graph that answers offline and served.

`Retriever.recommend`, `Cascade.recommend` and every exported SavedModel run the functions of this
module, so an answer is the same wherever it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k
from recommenders_tf.item_search import AllItems, IndexedItems, without
from recommenders_tf.past import Past
from recommenders_tf.schema import Column, Kind, Role
from recommenders_tf.serving_tables import UNKNOWN_ROW, Histories, ServingTables
from recommenders_tf.signature_inputs import (
    DEFAULT_K,
    HISTORY_TIMES,
    Input,
    examples_spec,
    fill,
    fill_all,
    pair_inputs,
    rank_inputs,
    time_inputs,
    top_k_inputs,
    with_signature,
)

DEFAULT_RETRIEVED = 200


class Scorer(Protocol):
    """A model that scores pairs of user and item."""

    def __call__(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return logits `[batch, 1]`."""
        ...

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Return what a caller reads as the score."""
        ...


class Ranker(Scorer, Protocol):
    """A scorer of one task or several."""

    def score_tasks(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return `score`, `[batch]`, and the probability of each task by name."""
        ...


class ServingGraph(tf.Module):
    """Answers raw requests with a retriever, a ranker, or both in a row.

    Where a model reads how old the past is, a request may say when it is made, under the name of
    the event time, and when each item of its `history` was met, as `history_times`; both in Unix
    seconds. What is stored of a user from that time on then stands in no sequence, as in training.
    Without it a request counts as made at the user's last known step, not by the clock: stored
    histories end when the model was exported, and the clock would take its age for a pause of the
    user. So an answer is also the same whenever it is asked for.

    Args:
        tables: Users, items and histories.
        retriever: Model with `encode_query`, `encode_candidate` and `score_candidates`.
        ranker: Model that scores pairs; with a retriever it orders what that one found.
        num_retrieved: Items that the retriever hands to the ranker.
        index: Kind of index that finds the retriever's items, or its settings; see `kinds`. None
            scores all.
    """

    def __init__(
        self,
        tables: ServingTables,
        retriever: Any = None,
        ranker: Ranker | None = None,
        num_retrieved: int = DEFAULT_RETRIEVED,
        index: Any = None,
    ) -> None:
        super().__init__(name="serving_graph")
        self.tables = tables
        self.retriever = retriever
        self.ranker = ranker
        self.num_retrieved = num_retrieved
        self.context = [c for c in tables.schema.stored if c.role is Role.CONTEXT]
        reads_ages = any(getattr(model, "reads_ages", False) for model in (retriever, ranker))
        self._time = tables.schema.event_time if reads_ages else None
        if self._time is not None:
            self.context.append(self._time)
        self._reads_interactions = getattr(retriever, "reads_interactions", False)
        self._details = retriever.interaction_columns() if self._reads_interactions else []
        if retriever is not None:
            tables.histories.add_details(tables.encoder, self._details)
            rows = tf.range(tables.items.size, dtype=tf.int64)
            vectors = retriever.encode_candidates(tables.items.gather(rows))
            found = (retriever.score_candidates, vectors)
            self.items = AllItems(*found) if index is None else IndexedItems(*found, index)
            self.recommend = self._function(self._recommend, top_k_inputs())
            self.retrieve = self._function(self._retrieve, top_k_inputs())
        if ranker is not None:
            self.rank = self._function(self._rank, rank_inputs())
        self.score = self._function(self._score, pair_inputs())

    def with_index(self, index: Any) -> ServingGraph:
        """Return the same graph, but that an index finds the items.

        Args:
            index: Kind of index, `exact`, `ivf` or `ivf_pq`, or its settings; None scores all.

        Raises:
            ValueError: The model retrieves nothing, or does not score by an inner product.
        """
        if index is None:
            return self
        if self.retriever is None:
            raise ValueError(
                "A ranking model scores the pairs that it is given, so there are no items for "
                f"`index` {index!r} to find: leave it out, or export a retriever or a cascade."
            )
        if not self.retriever.scores_inner_product:
            raise ValueError(
                f"Model `{self.retriever.name}` does not score by the inner product of a query and "
                f"an item vector, which `index` {index!r} searches by: export it without one."
            )
        return ServingGraph(self.tables, self.retriever, self.ranker, self.num_retrieved, index)

    @property
    def scorer(self) -> Scorer:
        """The model whose score a caller sees: the ranker if there is one."""
        return self.ranker if self.ranker is not None else self.retriever

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Return the signatures of a SavedModel by name."""
        named = {"serving_default": self._examples(), "score": self.score}
        schema = self.tables.schema
        named |= {"transform_features": self._transform(schema.raw)}
        if labels := [c for c in schema.labels if not c.is_derived]:
            named |= {"labels": self._transform(labels)}
        if self.retriever is not None:
            named |= {"recommend": self.recommend, "evaluate": self._evaluation()}
        if self.ranker is not None:
            named |= {"rank": self.rank}
            if self.retriever is not None:
                named |= {"retrieve": self.retrieve}
        return named

    def catalogue_scores(
        self, user_id: tf.Tensor, histories: Histories, context: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Return the retriever's score of every item for every user, float32 `[batch, rows]`."""
        histories.add_details(self.tables.encoder, self._details)
        user_rows = self.tables.users.rows(user_id)
        past = self.tables.past(user_rows, histories, self._time)
        query = self._query(user_rows, past, context)
        query |= self._interactions(user_rows, past.rows, histories)
        return self.items.scores(self.retriever.encode_query(query))

    def _query(
        self, user_rows: tf.Tensor, past: Past, context: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        now = context.get(self._time.name) if self._time is not None else None
        query = self.tables.query_features(user_rows, *past.as_of(now))
        query |= self._encode_context(context)
        return query | features.cross(self.tables.schema, query)

    def _interactions(
        self, user_rows: tf.Tensor, history: tf.RaggedTensor, histories: Histories | None = None
    ) -> dict[str, tf.RaggedTensor]:
        """Return all of a user's history, for a retriever that reads it."""
        if not self._reads_interactions:
            return {}
        histories = histories or self.tables.histories
        return self.tables.interactions(user_rows, history, histories, self._details)

    def _encode_context(self, context: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        lists = {column.name for column in self.context if column.kind is Kind.MULTI_HOT}
        raw = {
            name: tf.RaggedTensor.from_tensor(value, padding="") if name in lists else value
            for name, value in context.items()
            if self._time is None or name != self._time.name
        }
        return self.tables.encoder.encode(raw)

    def _retrieve_rows(
        self,
        user_id: tf.Tensor,
        history: tf.Tensor,
        candidates: tf.Tensor,
        k: tf.Tensor,
        exclude_seen: tf.Tensor,
        **context: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Return scores and item rows of the best k, both `[batch, k]`, and the query."""
        user_rows = self.tables.users.rows(user_id)
        batch = tf.shape(user_id)[0]
        past, context = self._past(user_rows, history, fill_all(context, batch))
        seen = past.rows
        query = self._query(user_rows, past, context)
        vectors = self.retriever.encode_query(query | self._interactions(user_rows, seen))
        asked = self.tables.items.rows(fill(candidates, batch))
        hidden = tf.cond(exclude_seen, lambda: seen, lambda: seen[:, :0])
        best, rows = tf.cond(
            tf.equal(tf.shape(candidates)[1], 0),
            lambda: self.items.best(vectors, hidden, k),
            lambda: self.items.best_among(vectors, asked, hidden, k),
        )
        return best, rows, query

    def _past(
        self, user_rows: tf.Tensor, recent: tf.Tensor, context: Mapping[str, tf.Tensor]
    ) -> tuple[Past, dict[str, tf.Tensor]]:
        """Return what each user has met by store and request, and the rest of the context."""
        context = dict(context)
        stored = self.tables.past(user_rows, self.tables.histories, self._time)
        rows = self.tables.items.rows(fill(recent, tf.shape(user_rows)[0]))
        return stored.then(rows, rows != UNKNOWN_ROW, context.pop(HISTORY_TIMES, None)), context

    def _answer(self, scores: tf.Tensor, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        found = scores > EXCLUDED_SCORE
        ids = tf.gather(self.tables.items.ids, rows)
        return {"item_id": tf.where(found, ids, ""), "score": scores}

    def _retrieve(self, **request: tf.Tensor) -> dict[str, tf.Tensor]:
        scores, rows, _ = self._retrieve_rows(**request)
        return self._answer(scores, rows)

    def _recommend(self, k: tf.Tensor, **request: tf.Tensor) -> dict[str, tf.Tensor]:
        if self.ranker is None:
            return self._retrieve(k=k, **request)
        wanted = tf.maximum(k, self.num_retrieved)
        retrieved, rows, query = self._retrieve_rows(k=wanted, **request)
        scores = self._score_pairs(query, rows)
        best, places = exact_top_k(scores, retrieved > EXCLUDED_SCORE, k)
        return self._answer(best, tf.gather(rows, places, batch_dims=1))

    def _rank(
        self, user_id: tf.Tensor, candidates: tf.Tensor, history: tf.Tensor, **context: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        batch = tf.shape(user_id)[0]
        user_rows = self.tables.users.rows(user_id)
        past, context = self._past(user_rows, history, fill_all(context, batch))
        query = self._query(user_rows, past, context)
        rows = self.tables.items.rows(fill(candidates, batch))
        return {"score": self._score_pairs(query, rows)}

    def _score_pairs(self, query: Mapping[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        """Return the ranker's score of each user with each of its item rows, `[batch, items]`."""
        items = tf.shape(rows)[1]
        pairs = {name: tf.repeat(value, items, axis=0) for name, value in query.items()}
        pairs |= self.tables.items.gather(tf.reshape(rows, [-1]))
        pairs |= features.cross(self.tables.schema, pairs)
        return tf.reshape(self._scores(pairs), tf.shape(rows))

    def _score(
        self, user_id: tf.Tensor, item_id: tf.Tensor, history: tf.Tensor, **context: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        user_rows = self.tables.users.rows(user_id)
        context = fill_all(context, tf.shape(user_id)[0])
        past, context = self._past(user_rows, history, context)
        pairs = self._query(user_rows, past, context)
        if self.ranker is None:
            pairs |= self._interactions(user_rows, past.rows)
        pairs |= self.tables.items.gather(self.tables.items.rows(item_id))
        pairs |= features.cross(self.tables.schema, pairs)
        return self._answers(pairs)

    def _answers(self, pairs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the scores, and of a ranker of several tasks the probabilities of all."""
        if self.ranker is not None:
            return self.ranker.score_tasks(pairs)
        return {"score": self._scores(pairs)}

    def _scores(self, pairs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.squeeze(self.scorer.probabilities(self.scorer(pairs)), axis=-1)

    def _examples(self) -> tf.types.experimental.PolymorphicFunction:
        columns = [c for c in self.tables.schema.features if c.kind is not Kind.CROSS]

        def score_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            raw = tf.io.parse_example(examples, features.parsing_spec(columns))
            return self._answers(self.tables.encoder.encode(raw))

        return tf.function(score_examples, input_signature=[examples_spec()], autograph=False)

    def _transform(self, columns: Sequence[Column]) -> tf.types.experimental.PolymorphicFunction:
        """Return what encodes the given columns of examples, and crosses of them."""

        def transform(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            raw = tf.io.parse_example(examples, features.parsing_spec(columns))
            return self.tables.encoder.encode(raw)

        return tf.function(transform, input_signature=[examples_spec()], autograph=False)

    def _evaluation(self) -> tf.types.experimental.PolymorphicFunction:
        """Return what judges the model on held-out events, as `evaluation.evaluate_ranking` does.

        The answer has for each example its score, and its share in the metrics of the retriever
        over the full catalogue, so that their means are `HR@10` and `NDCG@10`.
        """
        schema = self.tables.schema
        columns = [c for c in schema.features if c.kind is not Kind.CROSS]
        columns += [self._time] if self._time is not None else []

        def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            raw = tf.io.parse_example(examples, features.parsing_spec(columns))
            context = {c.name: raw[c.name] for c in self.context if c.name in raw}
            context = {
                name: value.to_tensor("") if isinstance(value, tf.RaggedTensor) else value
                for name, value in context.items()
            }
            users = raw[schema.user_id.name]
            scores = self.catalogue_scores(users, self.tables.histories, context)
            seen = self.tables.histories.rows(self.tables.users.rows(users))
            scores = without(scores, seen)
            items = self.tables.items.rows(raw[schema.item_id.name])
            own = tf.gather(scores, items[:, tf.newaxis], batch_dims=1)
            # Ties count against the model, as offline.
            rank = tf.math.count_nonzero(scores >= own, axis=1, dtype=tf.float32)
            hit = tf.logical_and(own[:, 0] > EXCLUDED_SCORE, rank <= DEFAULT_K)
            gain = tf.math.log(2.0) / tf.math.log(1.0 + rank)
            return {
                "score": self._scores(self.tables.encoder.encode(raw)),
                f"HR@{DEFAULT_K}": tf.cast(hit, tf.float32),
                f"NDCG@{DEFAULT_K}": tf.where(hit, gain, 0.0),
            }

        return tf.function(evaluate, input_signature=[examples_spec()], autograph=False)

    def _function(
        self, function: Callable[..., dict[str, tf.Tensor]], inputs: Mapping[str, Input]
    ) -> tf.types.experimental.PolymorphicFunction:
        """Return a tf.function of named inputs, the schema's context columns among them."""
        context = time_inputs() if self._time is not None else {}
        for name, spec in features.raw_spec(self.context).items():
            rank = len(spec.shape)
            context[name] = Input(
                tf.TensorSpec([None] * rank, spec.dtype), tf.zeros([0] * rank, spec.dtype)
            )
        return with_signature(function, {**inputs, **context})
