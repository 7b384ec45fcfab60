"""Adam for tables of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.optimizers.row_optimizer import RowOptimizer


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class LazyAdam(RowOptimizer):
    """Adam whose moments of a row rest while the row is not in a batch.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)
    with t the number of steps. Keras' Adam lets all moments decay and moves all rows by them at
    every step, so its cost grows with the table; where every row is in every batch the two are
    the same.

    Args:
        learning_rate: Step size η, or a Keras schedule of it.
        beta_1: Decay β₁ of the mean of the gradients.
        beta_2: Decay β₂ of the mean of their squares.
        epsilon: Keeps the root from zero.
        **kwargs: Of `RowOptimizer`.

    References:
        Kingma and Ba: Adam: A Method for Stochastic Optimization, ICLR 2015, arXiv:1412.6980,
        algorithm 1 and the end of section 2.

    Example:
        >>> table = tf.Variable([[1.0], [1.0]])
        >>> rows = tf.IndexedSlices(tf.constant([[5.0], [5.0]]), tf.constant([1, 1]), [2, 1])
        >>> _ = LazyAdam(0.1).apply_gradients([(rows, table)])
        >>> table.numpy()[:, 0].round(3).tolist()
        [1.0, 0.9]
    """

    op = "adam"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def make_state(self, variable: tf.Variable) -> list[tf.Variable]:
        """Return the two moments."""
        return [self.add_variable_from_reference(variable, name) for name in ("m", "v")]

    def settings(self) -> list[Any]:
        """Return the corrected η, 1 − β₁, 1 − β₂ and ε."""
        step = tf.cast(self.iterations + 1, tf.float32)
        correction = tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        rate = tf.cast(self.learning_rate, tf.float32) * correction
        return [rate, 1 - self.beta_1, 1 - self.beta_2, self.epsilon]

    def rule(
        self,
        gradient: tf.Tensor,
        weight: tf.Tensor,
        state: Sequence[tf.Tensor],
        settings: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the new weights and moments."""
        rate, first, second, epsilon = settings
        mean = state[0] + (gradient - state[0]) * first
        square = state[1] + (gradient**2 - state[1]) * second
        return weight - rate * mean / (tf.sqrt(square) + epsilon), [mean, square]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
