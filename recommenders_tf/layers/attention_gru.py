"""A recurrent network whose steps count as much as an attention says."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import tensorflow as tf

from recommenders_tf import native

_KERNEL = "layers/attention_gru.cc"
KINDS = ("augru", "agru", "aigru", "gru")


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class AttentionGRU(tf.keras.layers.Layer):
    """Runs a gated recurrent unit over a list, its steps weighted by attention scores aₜ.

    With input iₜ and state hₜ, from h₀ = 0 (eq. 2 to 5),

        uₜ = σ(Wᵘ iₜ + Uᵘ hₜ₋₁ + bᵘ)           update gate
        rₜ = σ(Wʳ iₜ + Uʳ hₜ₋₁ + bʳ)           reset gate
        h̃ₜ = tanh(Wʰ iₜ + rₜ ∘ Uʰ hₜ₋₁ + bʰ)    candidate
        hₜ = (1 − uₜ) ∘ hₜ₋₁ + uₜ ∘ h̃ₜ

    is the `gru`. `aigru` gives it aₜ iₜ as input (eq. 12), `agru` puts aₜ in place of the update
    gate (eq. 13), and `augru` scales the gate, aₜ uₜ, so that each dimension keeps its own
    (eq. 14 to 16). Padding leaves the state as it is.

    On the CPU a compiled kernel (`attention_gru.cc`) trains it if a C++ compiler is at hand,
    elsewhere TensorFlow's own ops; both give the same.

    Args:
        units: Width of the state.
        kind: `augru`, `agru`, `aigru` or `gru`.
        return_sequences: Whether to return the state after every step, or the last one.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, length, dim]`.
        mask: Bool `[batch, length]`, False at padding.
        attention: Scores aₜ, `[batch, length]`; None for a `gru`.
        starts: Bool `[batch, length]`: steps before which the state is 0 again, where several
            lists stand in a row; None where none do.
        training: Whether the compiled kernel may be used: an exported model holds none.

    Attributes:
        native: Whether it may be used at all; XLA cannot compile it.

    Output shape:
        The states after every step, `[batch, length, units]`: the last of them is the state after
        the last real step. That one alone, `[batch, units]`, without `return_sequences`.

    Raises:
        ValueError: `kind` is unknown, or attention is missing or not used.

    Example:
        >>> layer = AttentionGRU(3)
        >>> states = layer(tf.ones([2, 4, 5]), tf.ones([2, 4], tf.bool), tf.fill([2, 4], 0.25))
        >>> states.shape.as_list()
        [2, 4, 3]

    References:
        Zhou et al.: Deep Interest Evolution Network for Click-Through Rate Prediction, AAAI 2019,
        arXiv:1809.03672, section 4.
    """

    native = True

    def __init__(
        self, units: int, kind: str = "augru", return_sequences: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` is `{kind}`; it must be one of {', '.join(KINDS)}.")
        self.units = units
        self.kind = kind
        self.return_sequences = return_sequences

    def build(self, input_shape: Any) -> None:
        """Create the weights: of update gate, reset gate and candidate, side by side."""
        width = 3 * self.units
        self.kernel = self.add_weight("kernel", [input_shape[-1], width])
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", [self.units, width], initializer="orthogonal"
        )
        self.bias = self.add_weight("bias", [width], initializer="zeros")
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor,
        attention: tf.Tensor | None = None,
        starts: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Return the states."""
        if (attention is None) != (self.kind == "gru"):
            verb = "takes no" if self.kind == "gru" else "needs"
            raise ValueError(f"An attention GRU of kind `{self.kind}` {verb} `attention`.")
        shares = tf.ones_like(mask, self.compute_dtype)
        if attention is not None:
            attention = tf.cast(attention, self.compute_dtype)
            if self.kind == "aigru":
                inputs *= attention[:, :, tf.newaxis]
            else:
                shares = attention
        starts = tf.zeros_like(mask) if starts is None else starts
        # All steps in one product: what is left to the loop depends on the state.
        projected = tf.tensordot(inputs, self.kernel, 1) + self.bias
        is_here = "GPU" not in self.kernel.device
        ops = native.ops(_KERNEL) if training and self.native and is_here else None
        if ops is None:
            return self._scan(projected, tf.where(mask, shares, 0.0), starts)
        given = (projected, mask, starts, shares, self.recurrent_kernel)
        states = _compiled(ops, given, self.kind == "agru", self.return_sequences)
        return tf.cast(states, self.compute_dtype)

    def _scan(self, projected: tf.Tensor, shares: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
        """Return the states from the inputs of the gates `[batch, length, 3 units]`."""
        batch, known = tf.shape(projected)[0], projected.shape[1]
        length = tf.shape(projected)[1] if known is None else known
        inputs, counts, kept_on = (
            tf.TensorArray(projected.dtype, length).unstack(tf.transpose(part, [1, 0, 2]))
            for part in (
                projected,
                shares[:, :, tf.newaxis],
                1 - tf.cast(starts, projected.dtype)[:, :, tf.newaxis],
            )
        )
        every = self.return_sequences
        steps = tf.TensorArray(
            projected.dtype, length if every else 0, element_shape=[None, self.units]
        )

        def step(t: tf.Tensor, state: tf.Tensor, states: tf.TensorArray) -> tuple[Any, ...]:
            state = self._step(kept_on.read(t) * state, inputs.read(t), counts.read(t))
            return t + 1, state, states.write(t, state) if every else states

        start = tf.zeros([batch, self.units], projected.dtype)
        _, last, steps = tf.while_loop(
            lambda t, *_: t < length, step, (0, start, steps), maximum_iterations=known
        )
        return tf.transpose(steps.stack(), [1, 0, 2]) if every else last

    def _step(self, state: tf.Tensor, projected: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Return the next state; a step that counts zero leaves it as it is."""
        recurrent = tf.matmul(state, self.recurrent_kernel)
        of_gates, of_candidate = tf.split(projected, [2 * self.units, self.units], axis=1)
        to_gates, to_candidate = tf.split(recurrent, [2 * self.units, self.units], axis=1)
        update, reset = tf.split(tf.sigmoid(of_gates + to_gates), 2, axis=1)
        candidate = tf.tanh(of_candidate + reset * to_candidate)
        change = count if self.kind == "agru" else count * update
        return state + change * (candidate - state)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "kind": self.kind,
            "return_sequences": self.return_sequences,
        }


def _compiled(
    ops: ModuleType, given: tuple[tf.Tensor, ...], replaces: bool, return_sequences: bool
) -> tf.Tensor:
    """Return all states or the last; `replaces` puts the share in place of the update gate."""
    projected, mask, starts, *others = given

    @tf.custom_gradient
    def scan(projected: tf.Tensor, shares: tf.Tensor, kernel: tf.Tensor) -> Any:
        given = (projected, mask, starts, shares, kernel)
        states = ops.recommenders_tf_attention_gru(*given, replaces=replaces)

        def gradient(of_states: tf.Tensor) -> Any:
            return ops.recommenders_tf_attention_gru_gradient(
                *given, states, of_states, replaces=replaces
            )

        return states if return_sequences else states[:, -1], gradient

    return scan(*(tf.cast(part, tf.float32) for part in (projected, *others)))
