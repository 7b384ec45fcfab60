"""Gradient descent with momentum, for tables of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.optimizers.row_optimizer import RowOptimizer


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SGD(RowOptimizer):
    """Moves against the gradient: m ← μ m − η g, w ← w + m; with Nesterov w ← w + μ m − η g.

    The momentum of a row rests while the row is not in a batch. Without momentum there is no
    state, and the step is that of Keras' SGD exactly.

    Args:
        learning_rate: Step size η, or a Keras schedule of it.
        momentum: Share μ of the last step that is kept.
        nesterov: Whether the gradient is that of the place ahead.
        **kwargs: Of `RowOptimizer`.

    Example:
        >>> table = tf.Variable([[1.0], [1.0]])
        >>> rows = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([1, 1]), [2, 1])
        >>> _ = SGD(0.1).apply_gradients([(rows, table)])
        >>> table.numpy()[:, 0].tolist()
        [1.0, 0.8]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.nesterov = nesterov
        self.op = "momentum" if momentum else "sgd"

    def make_state(self, variable: tf.Variable) -> list[tf.Variable]:
        """Return the momentum, if there is any."""
        return [self.add_variable_from_reference(variable, "m")] if self.momentum else []

    def settings(self) -> list[Any]:
        """Return η, and with momentum μ and whether to look ahead."""
        if not self.momentum:
            return [self.learning_rate]
        return [self.learning_rate, self.momentum, float(self.nesterov)]

    def rule(
        self,
        gradient: tf.Tensor,
        weight: tf.Tensor,
        state: Sequence[tf.Tensor],
        settings: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the new weights and momentum."""
        step = -settings[0] * gradient
        if not self.momentum:
            return weight + step, []
        moment = settings[1] * state[0] + step
        ahead = settings[1] * moment + step if self.nesterov else moment
        return weight + ahead, [moment]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
