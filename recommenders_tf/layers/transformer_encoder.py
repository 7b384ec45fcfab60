"""The state of each step of a sequence among the others, as BERT encodes them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dropout import Dropout
from recommenders_tf.layers.position_embedding import PositionEmbedding
from recommenders_tf.layers.self_attention import visible_steps
from recommenders_tf.layers.transformer_block import TransformerBlock


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class TransformerEncoder(tf.keras.layers.Layer):
    """Adds positions to steps, normalizes them, and runs post-norm blocks with GELU over them.

    Positions are counted from the end of a sequence. The hidden layer of a block is four times as
    wide as a step.

    Args:
        length: Most steps of a sequence.
        blocks: Number of blocks.
        heads: Heads of the attention.
        dropout: Share that is dropped, of the input and within the blocks.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`. Several sequences may stand in a row.
        causal: Whether a step sees itself and earlier ones alone; the weights are the same.
        training: Whether to drop.
        last_only: Whether to return the last step of each row's one sequence alone.

    Output shape:
        `[batch, steps, dim]`, with `last_only` `[batch, 1, dim]`.

    Example:
        >>> layer = TransformerEncoder(length=3, heads=2)
        >>> layer(tf.ones([1, 3, 4]), tf.constant([[2, 1, 0]])).shape.as_list()
        [1, 3, 4]

    References:
        Devlin et al.: BERT, NAACL 2019, arXiv:1810.04805; Zhou et al.: S3-Rec, CIKM 2020,
        arXiv:2008.07873, section 4.1.
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
        """Create positions and blocks as wide as the steps."""
        dim = input_shape[-1]
        self.positions = PositionEmbedding(self.length, dim, name="positions")
        self.layers_of_blocks = [
            TransformerBlock(
                4 * dim, self.heads, "gelu", "post", dropout=self.dropout, name=f"block_{number}"
            )
            for number in range(self.blocks)
        ]
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        remaining: tf.Tensor,
        causal: bool = True,
        training: bool = False,
        last_only: bool = False,
    ) -> tf.Tensor:
        """Return the states."""
        steps = self.drop(self.norm(inputs + self.positions(remaining)), training=training)
        visible = visible_steps(remaining, causal)
        for number, block in enumerate(self.layers_of_blocks, 1):
            ends = remaining == 1 if last_only and number == self.blocks else None
            steps = block(steps, visible, training=training, ends=ends)
        return steps

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "length": self.length,
            "blocks": self.blocks,
            "heads": self.heads,
            "dropout": self.dropout,
        }
