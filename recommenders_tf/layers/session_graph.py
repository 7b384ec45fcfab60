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

    once, as in the paper's program. The graphs of all steps are computed at once: time and memory
    grow with the square of the number of steps.

    Args:
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Vectors of the items, `[batch, steps, dim]`.
        same: Which steps of a session are of one item, bool `[batch, steps, steps]`.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it where it is causal.

    Output shape:
        Of the step i in the graph after the step t, `[batch, steps t, steps i, dim]`; of meaning
        where t sees i.

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
        self.gates = tf.keras.layers.Dense(3 * dim, name="gates")
        self.recurrent = self.add_weight(name="recurrent", shape=[dim, 2 * dim])
        self.candidate = self.add_weight(name="candidate", shape=[dim, dim])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, same: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Return the nodes after each step."""
        before, behind = tf.split(self.edges(inputs), 2, axis=2)
        # The edge of a step comes from the step before it, if that is of its session.
        has_edge = tf.pad(tf.linalg.diag_part(visible[:, 1:, :-1]), [[0, 0], [1, 0]])
        is_new = has_edge & ~_repeats(same & visible, has_edge)
        last_same, from_last = (
            tf.pad(part[:, :-1], [[0, 0], [1, 0], [0, 0]]) for part in (same, before)
        )
        joins = ((same, from_last), (last_same, behind))
        means = [_means(nodes & is_new[:, :, tf.newaxis], part) for nodes, part in joins]
        means = tf.concat(means, axis=3) + self.edge_bias
        z, r, from_means = tf.split(self.gates(means), 3, axis=3)
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


def _means(joins: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Return the mean of what has joined each node up to each step.

    Args:
        joins: Whether the edge of the step t is one of the node i, `[batch, t, i]`.
        vectors: What it brings, `[batch, t, dim]`.
    """
    counts = tf.cast(joins, vectors.dtype)
    sums = tf.cumsum(counts[:, :, :, tf.newaxis] * vectors[:, :, tf.newaxis], axis=1)
    return tf.math.divide_no_nan(sums, tf.cumsum(counts, axis=1)[:, :, :, tf.newaxis])
