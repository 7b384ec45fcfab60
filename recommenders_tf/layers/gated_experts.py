"""Mixtures of experts, each task with a gate of its own."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.parallel_dense import ParallelDense


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class GatedExperts(tf.keras.layers.Layer):
    """Weighs experts for every task: fᵏ(x) = Σᵢ gᵏ(x)ᵢ eᵢ(x), where gᵏ(x) = softmax(Wᵏ x).

    Args:
        num_gates: Number of tasks k.
        num_experts: Number of experts i that a gate weighs.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: What the gates look at: `[batch, dim]`, or `[batch, gates, dim]`, one for each.
        experts: Outputs of the experts: `[batch, experts, units]`, the same for all gates, or
            `[batch, gates, experts, units]`.

    Output shape:
        `[batch, gates, units]`.

    Example:
        >>> layer = GatedExperts(num_gates=2, num_experts=8)
        >>> layer(tf.ones([3, 5]), tf.ones([3, 8, 4])).shape.as_list()
        [3, 2, 4]

    References:
        Ma et al.: Modeling Task Relationships in Multi-task Learning with Multi-gate
        Mixture-of-Experts, KDD 2018, doi:10.1145/3219819.3220007, equations 6 and 7.
    """

    def __init__(self, num_gates: int, num_experts: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_gates = num_gates
        self.num_experts = num_experts
        self.gates = ParallelDense(num_gates, num_experts, "softmax", use_bias=False, name="gates")

    def call(self, inputs: tf.Tensor, experts: tf.Tensor) -> tf.Tensor:
        """Return the mixture of each gate."""
        equation = "bgn,bnu->bgu" if experts.shape.rank == 3 else "bgn,bgnu->bgu"
        return tf.einsum(equation, self.gates(inputs), experts)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "num_gates": self.num_gates,
            "num_experts": self.num_experts,
        }
