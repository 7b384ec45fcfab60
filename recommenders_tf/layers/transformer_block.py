"""Self-attention and a network for each step, with their residuals and norms."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dropout import Dropout
from recommenders_tf.layers.self_attention import SelfAttention, steps_at

NORMS = ("pre", "post")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class TransformerBlock(tf.keras.layers.Layer):
    """Computes y = g(x, attention), z = g(y, network), the network the same for every step.

    With norm `pre`, g(x, f) = x + Dropout(f(LayerNorm(x))), and what comes behind the last
    block has to be normalized; with `post`, g(x, f) = LayerNorm(x + Dropout(f(x))).

    Args:
        hidden_units: Width of the network's hidden layer.
        heads: Heads of the attention.
        activation: Of the hidden layer.
        norm: `pre` or `post`.
        project: Whether a matrix mixes the heads' outputs.
        dropout: Share that is dropped: of attention, hidden layer, and both outputs.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it.
        training: Whether to drop.
        ends: Bool `[batch, steps]`, where the one step of each row stands that is asked for; None
            asks for all.
        **others: What else `SelfAttention` takes.

    Output shape:
        `[batch, steps, dim]`, with `ends` `[batch, 1, dim]`.

    Raises:
        ValueError: `norm` is unknown.

    Example:
        >>> from recommenders_tf.layers import visible_steps
        >>> layer = TransformerBlock(hidden_units=8, heads=2)
        >>> layer(tf.ones([1, 3, 4]), visible_steps(tf.constant([[3, 2, 1]]), True)).shape.as_list()
        [1, 3, 4]

    References:
        Vaswani et al.: Attention Is All You Need, NIPS 2017, arXiv:1706.03762, section 3; Xiong et
        al.: On Layer Normalization in the Transformer Architecture, ICML 2020, arXiv:2002.04745.
    """

    def __init__(
        self,
        hidden_units: int,
        heads: int = 1,
        activation: str = "relu",
        norm: str = "pre",
        project: bool = True,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"`norm` is `{norm}`; it must be one of {', '.join(NORMS)}.")
        self.hidden_units = hidden_units
        self.heads = heads
        self.activation = activation
        self.norm = norm
        self.project = project
        self.dropout = dropout
        self.attend = SelfAttention(heads, project, dropout, name="attend")
        self.hidden = tf.keras.layers.Dense(hidden_units, activation, name="hidden")
        self.norms = [tf.keras.layers.LayerNormalization(name=f"norm_{n}") for n in range(2)]
        self.drop = Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        """Create the network's last layer, as wide as the steps."""
        self.out = tf.keras.layers.Dense(input_shape[-1], name="out")
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        visible: tf.Tensor,
        training: bool = False,
        ends: tf.Tensor | None = None,
        **others: tf.Tensor,
    ) -> tf.Tensor:
        """Return the steps."""

        def attention(x: tf.Tensor) -> tf.Tensor:
            return self.attend(x, visible, training=training, ends=ends, **others)

        def network(x: tf.Tensor) -> tf.Tensor:
            return self.out(self.drop(self.hidden(x), training=training))

        steps = inputs
        for inner, norm in zip((attention, network), self.norms, strict=True):
            change = inner(norm(steps)) if self.norm == "pre" else inner(steps)
            if inner is attention and ends is not None:
                steps = steps_at(steps, ends)
            steps += self.drop(change, training=training)
            steps = steps if self.norm == "pre" else norm(steps)
        return steps

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "hidden_units": self.hidden_units,
            "heads": self.heads,
            "activation": self.activation,
            "norm": self.norm,
            "project": self.project,
            "dropout": self.dropout,
        }
