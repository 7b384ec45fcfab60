"""An activation that adapts to the distribution of its input."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Dice(tf.keras.layers.Layer):
    """Activates by f(s) = p(s) s + (1 − p(s)) α s with p(s) = σ((s − E[s]) / √(Var[s] + ε)).

    A PReLU whose step is smooth and lies at the mean of its input. In training, mean and variance
    are those of the batch, afterwards running means of them; α is learned for each channel.

    Args:
        epsilon: Keeps the root from zero.
        momentum: Share that the running statistics keep at every step.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, dim]`.
        mask: Bool `[batch]`: rows that count in the statistics; None counts all. Where no row
            counts, the running statistics serve and stay.
        training: Whether the statistics are those of the batch.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> Dice()(tf.constant([[-2.0], [2.0]])).numpy().round(2).tolist()
        [[-0.24], [1.76]]

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equation 9.
    """

    def __init__(self, epsilon: float = 1e-8, momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.momentum = momentum

    def build(self, input_shape: Any) -> None:
        """Create α and the running statistics."""
        width = [input_shape[-1]]
        self.alpha = self.add_weight(name="alpha", shape=width, initializer="zeros")
        self.mean, self.variance = (
            self.add_weight(
                name=name,
                shape=width,
                dtype=tf.float32,
                initializer=initializer,
                trainable=False,
                experimental_autocast=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
            )
            for name, initializer in (("mean", "zeros"), ("variance", "ones"))
        )
        super().build(input_shape)

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Return the activations."""
        values = tf.cast(inputs, tf.float32)  # half precision cannot hold the sums of a batch
        mean, variance = self._batch_moments(values, mask) if training else self._running()
        if training:
            for running, new in ((self.mean, mean), (self.variance, variance)):
                running.assign_sub((1 - self.momentum) * (running - new))
        share = tf.sigmoid((values - mean) * tf.math.rsqrt(variance + self.epsilon))
        alpha = tf.cast(self.alpha, tf.float32)
        return tf.cast(values * (alpha + share * (1 - alpha)), self.compute_dtype)

    def _running(self) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.convert_to_tensor(self.mean), tf.convert_to_tensor(self.variance)

    def _batch_moments(
        self, values: tf.Tensor, mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return mean and variance of the rows that count."""
        if mask is None:
            return tf.nn.moments(values, axes=[0])
        counts = tf.cast(mask, tf.float32)[:, tf.newaxis]
        total = tf.reduce_sum(counts)
        mean = tf.reduce_sum(counts * values, axis=0) / tf.maximum(total, 1)
        variance = tf.reduce_sum(counts * tf.square(values - mean), axis=0) / tf.maximum(total, 1)
        pairs = zip((mean, variance), self._running(), strict=True)
        return tuple(tf.where(total > 0, batch, running) for batch, running in pairs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"epsilon": self.epsilon, "momentum": self.momentum}
