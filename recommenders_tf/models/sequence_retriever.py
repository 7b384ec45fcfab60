"""Retrieval models that foretell the next item of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.data.sequence_rows import REMAINING, STEP, TARGETS, SequenceRows
from recommenders_tf.features import get_column
from recommenders_tf.layers import (
    FeatureEmbedding,
    LatentCross,
    last_step,
    remaining_steps,
    visible_steps,
)
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.models.sequence_columns import (
    event_times,
    sequence_of_items,
    sequences_beside,
)
from recommenders_tf.schema import FIRST_ID, FeatureSchema, Role, SchemaError
from recommenders_tf.tasks.next_item_task import NextItemTask


class SequenceRetriever(Retriever):
    """A model whose query vector is its state after what a user did last.

    All steps of a sequence are trained at once: the state after each scores the item that follows.
    The scores are inner products with the vectors that the items have as input. A subclass writes
    `encode`, and gives the `NextItemTask` whose loss it trains by.

    Other columns join where the schema has them. A sequence of a feature of the items, such as
    `category_history`, as long as that of the items: its vectors are added to those of the steps.
    The context of the request that is answered, such as its hour or device, scales the state
    (`LatentCross`); in training each step has the context of the event that it tells, which is
    known when the request comes. Lists, crosses and what grows are left out.

    A user without a past gets the most popular items.

    Args:
        schema: Fitted schema with a sequence whose source is the item id; its `max_length` is the
            most that the model sees of a past.
        embedding_dim: Width of the vectors.
        task: Makes the loss, given the size of the vocabulary.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.

    Attributes:
        column: The sequence.
        popularity: Share of all events that each item has, float32 `[items, 1]`.
        foretells: Whether each step is trained to tell the next one, so that it may see none of
            the later ones.
        embed_output: The vectors that items are scored by: those of the steps, unless a subclass
            sets others.
        details: Ids of users or times, by the names of their columns, that the model asks of
            `SequenceRows` for its steps.
        knows_users: Whether who somebody is counts, beside what was met.
    """

    foretells = True
    details: Sequence[str] = ()
    knows_users = False

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int,
        task: Callable[[int], NextItemTask],
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        item = schema.item_id
        if item.growing:
            raise SchemaError(
                f"Column `{item.name}` grows, so its vocabulary is not there to tell the next item "
                "from: give it `hash_buckets` in place of `growing`."
            )
        self.column = sequence_of_items(schema)
        self.embedding_dim = embedding_dim
        self.num_items = schema.vocabulary_size(item)
        self.embed = self.new_vectors([item.name], embedding_dim, "embed")
        self.embed_output = self.embed
        self.beside = [c.name for c in sequences_beside(schema, self.column)]
        self.embed_beside = self.new_vectors(self.beside, embedding_dim, "embed_beside")
        self.context = [
            c.name
            for c in schema.uncrossed
            if c.role is Role.CONTEXT and not c.is_list and not schema.table_of(c).growing
        ]
        self.cross = LatentCross(schema, self.context, embedding_dim, name="cross")
        self.popularity = self.add_weight(
            name="popularity",
            shape=[self.num_items, 1],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )
        self.task = task(self.num_items)

    def new_vectors(self, columns: Sequence[str], dim: int, name: str) -> FeatureEmbedding:
        """Return vectors of columns, drawn normally with deviation 1 / √`embedding_dim`.

        Args:
            columns: Of the schema.
            dim: Width.
            name: Of the layer, and of the attribute that it goes to.
        """
        normal = tf.keras.initializers.TruncatedNormal(stddev=self.embedding_dim**-0.5)
        return FeatureEmbedding(self.schema, columns, dim, False, normal, name=name)

    # === To be written by a model ===

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`.

        A state must tell nothing of later steps, nor of other sequences in its row.

        Args:
            vectors: Of the items, `[batch, steps, embedding_dim]`.
            remaining: Steps that are left of each sequence, the step itself included; 0 at
                padding; int32 `[batch, steps]`.
            training: Whether the model is trained.
        """
        raise NotImplementedError

    # === Answers ===

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [state after the last step, 0], of a user without a past [0, 1]."""
        features = self.shortened(features)
        remaining = self.remaining(features)
        return self.with_cold_start(self.last_state(features, remaining), remaining)

    def shortened(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the features of requests without the steps that none of them has.

        What an answer costs then grows with the pasts that are there, not with the most that the
        schema allows.
        """
        mask = self.schema.mask_name(self.column)
        is_real = tf.reduce_any(get_column(features, mask), axis=0)
        places = tf.range(tf.size(is_real))
        last = tf.reduce_max(tf.where(is_real, places, 0))
        first = tf.reduce_min(tf.where(is_real, places, last))
        kept = {mask, self.column.name, *self.beside} & set(features)
        return {**features, **{name: features[name][:, first : last + 1] for name in kept}}

    def last_state(self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor) -> tf.Tensor:
        """Return the state after the last step in its context, `[batch, width]`.

        To be overridden by a model that needs no states after the other steps for it.

        Args:
            features: Features of requests.
            remaining: See `encode`.
        """
        return last_step(self.states(features, remaining), remaining)

    def states(
        self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Return the states after all steps in their contexts, `[batch, steps, width]`.

        Args:
            features: Rows of `training_rows`, or the features of requests.
            remaining: See `encode`.
            training: Whether the model is trained.
        """
        more = self.of_steps(features)
        states = self.encode(self.steps(features), remaining, training=training, **more)
        return self.in_context(states, features)

    def read_out(self, states: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Return what of the states should tell their items `[batch, steps]`; all by default."""
        del targets
        return states

    def of_steps(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return what else `encode` of a model takes, by the names of its arguments."""
        del features
        return {}

    def steps(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the vectors of the steps, `[batch, steps, embedding_dim]`."""
        vectors = self.embed.rows(features, self.column.name)
        for name in self.beside:
            source = STEP + str(self.schema[name].source)
            ids = features[source] if source in features else get_column(features, name)
            vectors += self.embed_beside.rows({name: ids}, name)
        return vectors

    def in_context(self, states: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return states `[batch, steps, embedding_dim]` times what their contexts say of them.

        A context that is not there, neither of the steps nor of the request, says nothing.
        """
        of_steps = {n: features[STEP + n] for n in self.context if STEP + n in features}
        given = of_steps or {n: features[n][:, tf.newaxis] for n in self.context if n in features}
        if not given or len(given) < len(self.context):
            return states
        return self.cross(states, given)

    def remaining(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the steps that are left of each past, the step itself included, 0 at padding."""
        return remaining_steps(get_column(features, self.schema.mask_name(self.column)))

    def with_cold_start(self, query: tf.Tensor, remaining: tf.Tensor) -> tf.Tensor:
        """Return [query, 0], of a user without a past [0, 1], which popularity answers."""
        is_new = tf.reduce_all(remaining == 0, axis=1, keepdims=True)
        query = tf.where(is_new, tf.zeros_like(query), query)
        return tf.concat([query, tf.cast(is_new, query.dtype)], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [vector, popularity] of items, `[items, embedding_dim + 1]`."""
        items = get_column(features, self.schema.item_id.name)
        vectors = self.vectors(items[:, tf.newaxis])[:, 0]
        popularity = tf.cast(tf.gather(self.popularity, items), vectors.dtype)
        return tf.concat([vectors, popularity], axis=1)

    # === Training ===

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather the sequences of users from a source of events, and return rows of them.

        Raises:
            ValueError: No user has met two known items.
        """
        if isinstance(source, SequenceRows):
            return source
        user, item = self.schema.user_id.name, self.schema.item_id.name
        assert self.schema.event_time is not None
        times = {self.schema.event_time.name: event_times(source, self.schema)}
        sources = [str(self.schema[name].source) for name in self.beside]
        events = source.columns([user, item, *sources, *self.context]) | times
        kept = (events[user] >= FIRST_ID) & (events[item] >= FIRST_ID)
        events = {name: values[kept] for name, values in events.items()}
        counts = np.bincount(events[item], minlength=self.num_items)
        self.popularity.assign(counts[:, np.newaxis] / max(1, counts.sum()))
        self.task.assign(counts)
        rows = SequenceRows(
            events,
            self.schema,
            self.column,
            with_last=not self.foretells,
            details=self.details,
            tables=getattr(source, "tables", None),
        )
        if not len(rows):
            raise ValueError(
                f"None of the {len(kept)} events has another of its user before it, which "
                f"`{self.name}` learns from: give a log in which users have met several items."
            )
        return rows

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean loss over the steps that have a next item.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items, targets, remaining = (
            get_column(batch, name) for name in (self.column.name, TARGETS, REMAINING)
        )
        states = self.read_out(self.states(batch, remaining, training=training), targets)
        real = tf.cast(remaining > 0, tf.float32)

        def has_met(drawn: tf.Tensor) -> tf.Tensor:
            same = drawn[:, :, tf.newaxis] == items[:, tf.newaxis]
            return tf.reduce_any(same & visible_steps(remaining, causal=False), axis=2)

        loss = self.task(states, targets, real, self, has_met)
        return loss / tf.maximum(tf.reduce_sum(real), 1.0)

    # === Items, as the task has them ===

    def vectors(self, items: tf.Tensor) -> tf.Tensor:
        """Return the vectors of items, `[batch, items, embedding_dim]` of `[batch, items]`."""
        return self.embed_output.rows({self.column.name: items}, self.column.name)

    def table(self) -> tf.Tensor:
        """Return the vectors of all items, `[all items, embedding_dim]`."""
        return tf.cast(self.embed_output.table(self.schema.item_id.name), self.compute_dtype)

    def item_bias(self) -> tf.Tensor | None:
        """Return what is added to the logit of each item, float32 `[all items]`; nothing is."""
        return None
