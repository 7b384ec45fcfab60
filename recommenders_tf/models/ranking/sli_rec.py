"""SLi-Rec: what a user has always liked and what is on their mind now, weighed by the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers import (
    MLP,
    FeatureEmbedding,
    SoftmaxAttention,
    TargetAttention,
    TimeAwareLSTM,
    elapsed_times,
    last_step,
    remaining_steps,
)
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.models.sequence_columns import behaviour_width
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Kind, SchemaError

DAY = 24 * 60 * 60


@register(
    paper="Yu, Lian, Mahmoody, Liu, Xie: Adaptive User Modeling with Long and Short-Term "
    "Preferences for Personalized Recommendation, IJCAI 2019, doi:10.24963/ijcai.2019/585"
)
class SLiRec(Ranker):
    """Predicts from α u_long + (1 − α) u_short, tastes that last and interests of the moment.

    A behaviour x[t] is the vectors of all sequences at step t, side by side: item and category.
    The lasting taste is an attentive asymmetric SVD, u_long = Σₜ softmaxₜ(qᵀ xₜ) xₜ. A
    `TimeAwareLSTM` that knows the time between steps and from each step to the event turns
    behaviours into states hₜ, and attention to the candidate v sums those that concern it,
    u_short = Σₜ softmaxₜ(a(v, W hₜ)) hₜ with the network a of `TargetAttention`. A network of
    [v, u_long, u_short, time since the last step] gives α. The user goes into the last network
    beside the vectors of all other columns. All this, and the times log(max(t / unit, 1/2)), is as
    in the authors' program (github.com/recommenders-team/recommenders), but that there the
    recurrent network reads the items alone, and there are no other columns.

    Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where it matters how long ago things were: people come back after minutes or after months,
        and a request says when it is made. Its recurrent network goes step by step, as that of
        `dien` does; where times mean nothing, that or `din` is the better choice.

    Args:
        schema: Fitted schema with a label and at least one sequence that is `timed`.
        embedding_dim: Width of the embeddings where the schema gives none.
        attention_units: Hidden layers of the attention to the candidate, and of α.
        hidden_units: Hidden layers of the network over all vectors.
        time_unit: Seconds of the unit of time. Half of it is the shortest time that is told apart,
            so take an hour or a minute where people do much in one sitting.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no sequence or none that is timed, or sequences differ in
            `max_length`, or from their source in width.
        ValueError: `time_unit` is below 1.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SLiRec(train.schema, embedding_dim=8, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    reads_ages = True

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 32,
        attention_units: Sequence[int] = (80, 40),
        hidden_units: Sequence[int] = (100, 64),
        time_unit: int = DAY,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if time_unit < 1:
            raise ValueError(f"`time_unit` must be at least 1 second; it is {time_unit}.")
        self.embedding_dim = embedding_dim
        self.attention_units = attention_units
        self.hidden_units = hidden_units
        self.time_unit = time_unit
        self.learning_rate = learning_rate
        width = behaviour_width(schema, embedding_dim, type(self).__name__)
        if not schema.is_timed:
            raise SchemaError(
                f"No sequence of schema `{schema.name}` is timed: SLiRec asks how long ago each "
                f"step was; give `{schema.sequences[0].name}` the entry `timed: true`."
            )
        self.ages_name = next(c.ages_name for c in schema.sequences if c.ages_name)
        columns = [c.name for c in schema.uncrossed if c.kind is not Kind.SEQUENCE]
        self.embed = FeatureEmbedding(schema, columns, embedding_dim, name="embed")
        self.lasting = SoftmaxAttention(width, name="lasting")
        self.recur = TimeAwareLSTM(width, name="recur")
        self.project = tf.keras.layers.Dense(width, use_bias=False, name="project")
        self.attend = TargetAttention(attention_units, "relu", normalized=True, name="attend")
        self.blend = MLP([*attention_units, 1], final_activation="sigmoid", name="blend")
        self.deep = MLP([*hidden_units, 1], name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = dict(zip(self.embed.columns, self.embed(inputs), strict=True))
        sequences = self.schema.sequences
        candidate = tf.concat([vectors[str(c.source)] for c in sequences], axis=1)
        behaviours = tf.concat([self.embed.rows(inputs, c.name) for c in sequences], axis=2)
        mask = get_column(inputs, self.schema.mask_name(sequences[0]))
        intervals, ages = elapsed_times(get_column(inputs, self.ages_name), self.time_unit)

        query = tf.ones([tf.shape(mask)[0], 1], behaviours.dtype)
        shares = self.lasting(query, behaviours, mask)
        long = tf.einsum("bt,btd->bd", shares, behaviours)
        states = self.recur(behaviours, intervals, ages, mask)
        short = self.attend(candidate, self.project(states), mask, states, training=training)
        pause = last_step(ages[:, :, tf.newaxis], remaining_steps(mask))
        told = tf.concat([candidate, long, short, tf.cast(pause, long.dtype)], axis=1)
        share = self.blend(told, training=training)
        user = share * long + (1 - share) * short
        hidden = tf.concat([*vectors.values(), user], axis=1)
        return tf.cast(self.deep(hidden, training=training), tf.float32)
