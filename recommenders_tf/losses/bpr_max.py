"""How far a score is from being above those of the hardest negatives."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class BPRMax(tf.keras.losses.Loss):
    """Computes −log Σⱼ sⱼ σ(r − rⱼ) + λ Σⱼ sⱼ rⱼ² of a score r and of negatives' scores rⱼ.

    s is the softmax over the negatives alone: those that score high decide, however many are
    drawn, so that more of them never make the gradient vanish.

    Args:
        penalty: λ.
        **kwargs: Of the Keras loss.

    Call arguments:
        y_true: Is not read.
        y_pred: Scores, that of the item first, `[batch, 1 + negatives]`.

    Example:
        >>> float(BPRMax(penalty=0.0)(tf.zeros([1]), tf.zeros([1, 5])).numpy().round(4))
        0.6931

    References:
        Hidasi, Karatzoglou: Recurrent Neural Networks with Top-k Gains for Session-based
        Recommendations, CIKM 2018, arXiv:1706.03847, eq. 10.
    """

    def __init__(self, penalty: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.penalty = penalty

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return the loss of each example, `[batch]`."""
        del y_true
        right, wrong = y_pred[:, :1], y_pred[:, 1:]
        # By logarithms: where all negatives score far higher the sum itself would be 0.
        logs = tf.nn.log_softmax(wrong)
        gain = tf.reduce_logsumexp(logs + tf.math.log_sigmoid(right - wrong), axis=1)
        return self.penalty * tf.reduce_sum(tf.exp(logs) * tf.square(wrong), axis=1) - gain

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"penalty": self.penalty}
