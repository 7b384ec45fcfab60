"""The state after each step of a sequence, by self-attention to the steps before it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dropout import Dropout
from recommenders_tf.layers.position_embedding import PositionEmbedding
from recommenders_tf.layers.self_attention import visible_steps
from recommenders_tf.layers.transformer_block import TransformerBlock


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class CausalAttention(tf.keras.layers.Layer):
    """Encodes sequences as SASRec does.

    A step is its input, times √d, plus the vector of its position, counted from the end of the
    sequence. Blocks of attention and of a network for each step, both as
    g(x) = x + Dropout(f(LayerNorm(x))), see earlier steps alone; a norm comes last.

    Args:
        length: Number of positions.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, d]`.
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            int32 `[batch, steps]`. Several sequences may stand in a row.
        training: Whether to drop.
        last_only: Whether to return the last step of each row's one sequence alone.

    Output shape:
        `[batch, steps, d]`, with `last_only` `[batch, 1, d]`.

    Raises:
        ValueError: `heads` does not divide d.

    Example:
        >>> layer = CausalAttention(length=3)
        >>> layer(tf.ones([1, 3, 4]), tf.constant([[3, 2, 1]])).shape.as_list()
        [1, 3, 4]

    References:
        Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM 2018, arXiv:1808.09781,
        sections 3.1 to 3.3.
    """

    def __init__(
        self, length: int, blocks: int = 2, heads: int = 1, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.length = length
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.norm = tf.keras.layers.LayerNormalization(name="norm")
        self.drop = Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        """Create the positions and the blocks, as wide as the inputs."""
        dim = input_shape[-1]
        self.positions = PositionEmbedding(self.length, dim, name="positions")
        self.layers_of_blocks = [
            TransformerBlock(
                dim, self.heads, project=False, dropout=self.dropout, name=f"block_{number}"
            )
            for number in range(self.blocks)
        ]
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        remaining: tf.Tensor,
        training: bool = False,
        last_only: bool = False,
    ) -> tf.Tensor:
        """Return the state after each step."""
        steps = inputs * inputs.shape[-1] ** 0.5 + self.positions(remaining)
        steps = self.drop(steps, training=training)
        visible = visible_steps(remaining, causal=True)
        for number, block in enumerate(self.layers_of_blocks, 1):
            ends = remaining == 1 if last_only and number == self.blocks else None
            steps = block(steps, visible, training=training, ends=ends)
        return self.norm(steps)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "length": self.length,
            "blocks": self.blocks,
            "heads": self.heads,
            "dropout": self.dropout,
        }
