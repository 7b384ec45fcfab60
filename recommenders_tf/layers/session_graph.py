"""The items of a session as nodes of a graph, after every step."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SessionGraph(tf.keras.layers.Layer):
    """Updates each node of a session's graph by those before and behind it.

    The nodes are the items of the session up to a step, the edges what was met right after what,
    each once. With a the means of the nodes from which edges come and to which they go, each
    through a matrix of its own, side by side, a node v becomes (eq. 1 to 5)

        z = σ(W_z a + U_z v),    r = σ(W_r a + U_r v),    ṽ = tanh(W a + U (r ∘ v)),
        v ← (1 − z) ∘ v + z ∘ ṽ

    once, as in the paper's program. The graphs after all steps are computed at once, in time and
    memory that grow with the square of the number of steps, or that after the last one alone.

    Call arguments:
        inputs: Vectors of the items, `[batch, steps, dim]`.
        same: Which steps of a session are of one item, bool `[batch, steps, steps]`.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it where it is causal.
        last_only: Whether to give the graph after the last step alone, of rows with one session.

    Output shape:
        Of the step i in the graph after the step t, `[batch, steps t, steps i, dim]`; of meaning
        where t sees i. With `last_only` `[batch, 1, steps i, dim]`.

    Example:
        >>> from recommenders_tf.layers import visible_steps
        >>> visible = visible_steps(tf.constant([[3, 2, 1]]), causal=True)
        >>> same = tf.eye(3, batch_shape=[1]) > 0
        >>> SessionGraph()(tf.ones([1, 3, 4]), same, visible).shape.as_list()
        [1, 3, 3, 4]

    References:
        Wu et al.: Session-based Recommendation with Graph Neural Networks, AAAI 2019,
        arXiv:1811.00855, section 3.2.
    """

    def build(self, input_shape: Any) -> None:
        """Create the matrices of both directions and of the gates."""
        dim = input_shape[-1]
        self.edges = tf.keras.layers.Dense(2 * dim, name="edges")
        self.edge_bias = self.add_weight(name="edge_bias", shape=[2 * dim], initializer="zeros")
        self.gates = self.add_weight(name="gates", shape=[2 * dim, 3 * dim])
        self.gate_bias = self.add_weight(name="gate_bias", shape=[3 * dim], initializer="zeros")
        self.recurrent = self.add_weight(name="recurrent", shape=[dim, 2 * dim])
        self.candidate = self.add_weight(name="candidate", shape=[dim, dim])
        super().build(input_shape)

    def call(
        self, inputs: tf.Tensor, same: tf.Tensor, visible: tf.Tensor, last_only: bool = False
    ) -> tf.Tensor:
        """Return the nodes after each step."""
        before, behind = tf.split(self.edges(inputs), 2, axis=2)
        # The edge of a step comes from the step before it, if that is of its session.
        has_edge = tf.pad(tf.linalg.diag_part(visible[:, 1:, :-1]), [[0, 0], [1, 0]])
        is_new = has_edge & ~_repeats(same & visible, has_edge)
        last_same, from_last = (
            tf.pad(part[:, :-1], [[0, 0], [1, 0], [0, 0]]) for part in (same, before)
        )
        shares = [
            _shares(nodes & is_new[:, :, tf.newaxis], last_only) for nodes in (same, last_same)
        ]
        # Projected before they are averaged: of the steps alone, not of every pair.
        kernels = tf.split(self.gates, 2)
        parts = [tf.tensordot(p, k, 1) for p, k in zip((from_last, behind), kernels, strict=True)]
        means = tf.einsum(
            "btik,bkd->btid",
            tf.cast(tf.concat(shares, axis=3), inputs.dtype),
            tf.concat(parts, axis=1),
        )
        means += tf.linalg.matvec(self.gates, self.edge_bias, transpose_a=True) + self.gate_bias
        z, r, from_means = tf.split(means, 3, axis=3)
        nodes = inputs[:, tf.newaxis]
        of_z, of_r = tf.split(tf.tensordot(nodes, self.recurrent, 1), 2, axis=3)
        update, reset = tf.sigmoid(z + of_z), tf.sigmoid(r + of_r)
        changed = tf.tanh(from_means + tf.tensordot(reset * nodes, self.candidate, 1))
        return nodes + update * (changed - nodes)


def _repeats(same: tf.Tensor, has_edge: tf.Tensor) -> tf.Tensor:
    """Return whether the edge of a step is one that there was before, `[batch, steps]`."""
    last_same = tf.pad(same[:, :-1, :-1], [[0, 0], [1, 0], [1, 0]])
    again = same & last_same & has_edge[:, tf.newaxis]
    earlier = tf.linalg.band_part(again, -1, 0) & ~tf.linalg.band_part(again, 0, 0)
    return tf.reduce_any(earlier, axis=2)


def _shares(joins: tf.Tensor, last_only: bool) -> tf.Tensor:
    """Return what each edge counts in the mean of each node up to each step.

    Args:
        joins: Whether the edge of the step k is one of the node i, `[batch, k, i]`.
        last_only: Whether to return it up to the last step alone.

    Returns:
        float32 `[batch, t, i, k]`.
    """
    counts = tf.cumsum(tf.cast(joins, tf.float32), axis=1)
    places = tf.range(tf.shape(joins)[1])
    steps = slice(-1, None) if last_only else slice(None)
    until = places[steps, tf.newaxis, tf.newaxis] >= places
    is_one = tf.transpose(joins, [0, 2, 1])[:, tf.newaxis] & until
    return tf.where(is_one, 1 / tf.maximum(counts[:, steps, :, tf.newaxis], 1.0), 0.0)
