"""Customized gate control: experts of each task's own beside those that all tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.gated_experts import GatedExperts
from recommenders_tf.layers.parallel_mlp import ParallelMLP


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class CustomizedGateControl(tf.keras.layers.Layer):
    """Mixes for each task its own experts and the shared ones: gᵏ(x) = wᵏ(x) Sᵏ(x).

    wᵏ(x) = softmax(Wᵏ x) weighs the rows of Sᵏ(x), the outputs of the experts of task k and of
    those shared. In a stack of such layers the input of an expert or a gate of task k is that
    task's output of the layer before; for the shared ones there is a further output, whose gate
    mixes all experts.

    Args:
        num_tasks: Number of tasks.
        task_experts: Experts of each task's own.
        shared_experts: Experts that all tasks share.
        units: Width of each layer of an expert.
        shared_gate: Whether there is the output for the shared experts of a layer above.
        dropout: Share of the values set to zero between the layers of an expert.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, dim]`, one input for all, or `[batch, tasks + 1, dim]`: one for each task,
            then that of the shared experts.
        training: Whether to drop values.

    Output shape:
        `[batch, tasks, units[-1]]`; with `shared_gate` `[batch, tasks + 1, units[-1]]`.

    Example:
        >>> layer = CustomizedGateControl(2, task_experts=3, shared_experts=4, units=[8])
        >>> layer(tf.ones([5, 6])).shape.as_list()
        [5, 3, 8]

    References:
        Tang et al.: Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model
        for Personalized Recommendations, RecSys 2020, doi:10.1145/3383313.3412236, equations 1 to
        3, and 5 for the layers of a stack.
    """

    def __init__(
        self,
        num_tasks: int,
        task_experts: int,
        shared_experts: int,
        units: Sequence[int],
        shared_gate: bool = True,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_tasks = num_tasks
        self.task_experts = task_experts
        self.shared_experts = shared_experts
        self.units = list(units)
        self.shared_gate = shared_gate
        self.dropout = dropout
        count = num_tasks * task_experts + shared_experts
        self.experts = ParallelMLP(
            count, units, final_activation="relu", dropout=dropout, name="experts"
        )
        self.task_gates = GatedExperts(num_tasks, task_experts + shared_experts, name="task_gates")
        self.all_gate = GatedExperts(1, count, name="all_gate") if shared_gate else None

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the mixture of each task and, where asked for, the shared one."""
        tasks, own = self.num_tasks, self.task_experts
        to_tasks = to_shared = to_experts = inputs
        if inputs.shape.rank == 3:
            to_tasks, to_shared = inputs[:, :tasks], inputs[:, tasks]
            to_experts = tf.repeat(inputs, [own] * tasks + [self.shared_experts], axis=1)
        experts = self.experts(to_experts, training=training)
        width = self.units[-1]
        of_tasks = tf.reshape(experts[:, : tasks * own], [-1, tasks, own, width])
        shared = tf.repeat(experts[:, tf.newaxis, tasks * own :], tasks, axis=1)
        mixed = self.task_gates(to_tasks, tf.concat([of_tasks, shared], axis=2))
        if self.all_gate is None:
            return mixed
        return tf.concat([mixed, self.all_gate(to_shared, experts)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "num_tasks": self.num_tasks,
            "task_experts": self.task_experts,
            "shared_experts": self.shared_experts,
            "units": list(self.units),
            "shared_gate": self.shared_gate,
            "dropout": self.dropout,
        }
