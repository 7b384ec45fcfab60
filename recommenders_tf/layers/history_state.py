"""What a user did one after another, as the state of an encoder after the last step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers.attention_gru import AttentionGRU
from recommenders_tf.layers.causal_attention import CausalAttention
from recommenders_tf.layers.dropout import Dropout
from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.steps import remaining_steps
from recommenders_tf.schema import FeatureSchema

ENCODERS = ("attention", "gru")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class HistoryState(tf.keras.layers.Layer):
    """Encodes a sequence column by the state after its last step; zeros where it is empty.

    Args:
        schema: Fitted schema.
        column: Name of the sequence.
        dim: Width of its vectors and of the state.
        encoder: `attention`, `CausalAttention` as in SASRec; or `gru`, a gated recurrent unit.
        dropout: Share that is dropped.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Encoded batch, as `features.encoded_spec` gives it.
        training: Whether to drop.

    Output shape:
        `[batch, dim]`.

    Raises:
        ValueError: `encoder` is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> batch, _ = next(iter(train.batches(4)))
        >>> HistoryState(train.schema, "history", dim=8)(batch).shape.as_list()
        [4, 8]

    References:
        Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM 2018, arXiv:1808.09781;
        Hidasi et al.: Session-based Recommendations with Recurrent Neural Networks, ICLR 2016,
        arXiv:1511.06939.
    """

    def __init__(
        self,
        schema: FeatureSchema | Mapping[str, Any],
        column: str,
        dim: int,
        encoder: str = "attention",
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if encoder not in ENCODERS:
            raise ValueError(f"`encoder` is `{encoder}`; it must be one of {', '.join(ENCODERS)}.")
        if not isinstance(schema, FeatureSchema):
            schema = FeatureSchema.from_dict(schema)
        self.schema = schema
        self.column = column
        self.dim = dim
        self.encoder = encoder
        self.dropout = dropout
        normal = tf.keras.initializers.TruncatedNormal(stddev=dim**-0.5)
        self.embed = FeatureEmbedding(schema, [column], dim, False, normal, name="embed")
        length = schema[column].max_length or 0
        self.encode = (
            CausalAttention(length, dropout=dropout, name="encode")
            if encoder == "attention"
            else AttentionGRU(dim, "gru", return_sequences=False, name="encode")
        )
        self.drop = Dropout(dropout)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the states."""
        mask = get_column(inputs, self.schema.mask_name(self.schema[self.column]))
        vectors = self.embed.rows(inputs, self.column)
        if self.encoder == "gru":
            state = self.encode(self.drop(vectors, training=training), mask, training=training)
            return self.drop(state, training=training)
        state = self.encode(vectors, remaining_steps(mask), training=training, last_only=True)
        return tf.where(tf.reduce_any(mask, axis=1, keepdims=True), state[:, 0], 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "schema": self.schema.to_dict(),
            "column": self.column,
            "dim": self.dim,
            "encoder": self.encoder,
            "dropout": self.dropout,
        }
