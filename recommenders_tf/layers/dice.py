"""An activation that adapts to the distribution of its input."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import tensorflow as tf

from recommenders_tf import native

_KERNEL = "layers/dice.cc"


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class Dice(tf.keras.layers.Layer):
    """Activates by f(s) = p(s) s + (1 − p(s)) α s with p(s) = σ((s − E[s]) / √(Var[s] + ε)).

    A PReLU whose step is smooth and lies at the mean of its input. In training, mean and variance
    are those of the batch, afterwards running means of them; α is learned for each channel. A
    batch without rows leaves the running means as they are.

    On the CPU a compiled kernel (`dice.cc`) trains it if a C++ compiler is at hand and there is no
    mask, elsewhere TensorFlow's own ops; both give the same.

    Args:
        epsilon: Keeps the root from zero.
        momentum: Share that the running statistics keep at every step.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, dim]`.
        training: Whether the statistics are those of the batch.
        mask: Bool `[batch]`: rows that count in the statistics; None counts all.

    Attributes:
        native: Whether the compiled kernel may be used; XLA cannot compile it.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> Dice()(tf.constant([[-2.0], [2.0]])).numpy().round(2).tolist()
        [[-0.24], [1.76]]

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equation 9.
    """

    native = True

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
        self, inputs: tf.Tensor, training: bool = False, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the activations."""
        values = tf.cast(inputs, tf.float32)  # half precision cannot hold the sums of a batch
        alpha = tf.cast(self.alpha, tf.float32)
        if not training:
            outputs = self._activate(values, alpha, self.mean, self.variance)
            return tf.cast(outputs, self.compute_dtype)
        outputs, *moments = self._with_moments(values, alpha, mask)
        count = tf.shape(values)[0] if mask is None else tf.math.count_nonzero(mask)
        for running, new in zip((self.mean, self.variance), moments, strict=True):
            change = tf.where(count > 0, new - running, 0.0)
            running.assign_add((1 - self.momentum) * change)
        return tf.cast(outputs, self.compute_dtype)

    def _with_moments(
        self, values: tf.Tensor, alpha: tf.Tensor, mask: tf.Tensor | None
    ) -> tuple[tf.Tensor, ...]:
        """Return the activations by the statistics of the batch, and these."""
        is_here = "GPU" not in self.alpha.device
        ops = native.ops(_KERNEL) if self.native and is_here and mask is None else None
        if ops is not None:
            return _compiled(ops, values, alpha, self.epsilon)
        mean, variance = _moments(values, mask)
        return self._activate(values, alpha, mean, variance), mean, variance

    def _activate(
        self, values: tf.Tensor, alpha: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
    ) -> tf.Tensor:
        share = tf.sigmoid((values - mean) * tf.math.rsqrt(variance + self.epsilon))
        return values * (alpha + share * (1 - alpha))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"epsilon": self.epsilon, "momentum": self.momentum}


def _moments(values: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Return mean and variance of the rows that count; 0 of none."""
    counts = tf.ones([tf.shape(values)[0]]) if mask is None else tf.cast(mask, tf.float32)
    total = tf.maximum(tf.reduce_sum(counts), 1)
    mean = tf.linalg.matvec(values, counts, transpose_a=True) / total
    variance = tf.linalg.matvec(tf.square(values - mean), counts, transpose_a=True) / total
    return mean, variance


def _compiled(
    ops: ModuleType, values: tf.Tensor, alpha: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, ...]:
    """Return activations, mean and variance; the gradient is that of the activations alone."""

    @tf.custom_gradient
    def dice(values: tf.Tensor, alpha: tf.Tensor) -> Any:
        outputs, mean, variance = ops.recommenders_tf_dice(values, alpha, epsilon=epsilon)

        def gradient(of_outputs: tf.Tensor, *_: tf.Tensor) -> Any:
            return ops.recommenders_tf_dice_gradient(
                values, alpha, mean, variance, of_outputs, epsilon=epsilon
            )

        return (outputs, mean, variance), gradient

    return dice(values, alpha)
