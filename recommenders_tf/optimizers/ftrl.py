"""FTRL for tables of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.optimizers.adagrad import INITIAL_ACCUMULATOR
from recommenders_tf.optimizers.row_optimizer import RowOptimizer


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Ftrl(RowOptimizer):
    """Follow the regularized leader: weights whose evidence stays under `l1` are exactly zero.

    s ← s + g², z ← z + g − (√s − √s₀) / η · w with s₀ the former s, and
    w ← (clip(z, ±λ₁) − z) / ((√s + β) / η + 2 λ₂). Without a gradient z and s rest, so with weights
    that start at zero the step is that of the dense FTRL exactly; others keep their start until
    their first gradient.

    Args:
        learning_rate: Step size η, or a Keras schedule of it.
        l1: Penalty λ₁.
        l2: Penalty λ₂.
        beta: β of the paper, which slows the first steps.
        initial_accumulator: Start of s.
        **kwargs: Of `RowOptimizer`.

    References:
        McMahan et al.: Ad Click Prediction: a View from the Trenches, KDD 2013, algorithm 1.

    Example:
        >>> table = tf.Variable([[0.0], [0.0]])
        >>> rows = tf.IndexedSlices(tf.constant([[0.1], [5.0]]), tf.constant([0, 1]), [2, 1])
        >>> _ = Ftrl(0.1, l1=1.0).apply_gradients([(rows, table)])
        >>> table.numpy()[:, 0].round(2).tolist()
        [0.0, -0.08]
    """

    op = "ftrl"

    def __init__(
        self,
        learning_rate: Any = 0.1,
        l1: float = 0.0,
        l2: float = 0.0,
        beta: float = 0.0,
        initial_accumulator: float = INITIAL_ACCUMULATOR,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.beta = beta
        self.initial_accumulator = initial_accumulator

    def make_state(self, variable: tf.Variable) -> list[tf.Variable]:
        """Return the sums of squares and z."""
        start = tf.fill(variable.shape, tf.cast(self.initial_accumulator, variable.dtype))
        return [
            self.add_variable_from_reference(variable, "sum", initial_value=start),
            self.add_variable_from_reference(variable, "linear"),
        ]

    def settings(self) -> list[Any]:
        """Return η, λ₁, λ₂ and β."""
        return [self.learning_rate, self.l1, self.l2, self.beta]

    def rule(
        self,
        gradient: tf.Tensor,
        weight: tf.Tensor,
        state: Sequence[tf.Tensor],
        settings: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the new weights, sums and z."""
        rate, l1, l2, beta = settings
        total = state[0] + gradient**2
        after = tf.sqrt(total)
        linear = state[1] + gradient - (after - tf.sqrt(state[0])) / rate * weight
        clipped = tf.clip_by_value(linear, -l1, l1)
        return (clipped - linear) / ((after + beta) / rate + 2 * l2), [total, linear]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "l1": self.l1,
            "l2": self.l2,
            "beta": self.beta,
            "initial_accumulator": self.initial_accumulator,
        }
