"""Every step of a sequence from the others, as much as they concern it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dropout import Dropout


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SelfAttention(tf.keras.layers.Layer):
    """Computes softmax(Q Kᵀ / √d) V in several heads, Q, K and V projections of the same steps.

    Keras' `MultiHeadAttention` projects query, key and value one after another, and always the
    output too; here the three are one matrix product. Who may see whom is given, once for
    all layers: see `visible_steps`.

    Where steps i and j are in a relation r, such as how far or how long apart they are, it may have
    a key and a value as well: the score becomes qᵢ (kⱼ + kᵣ) / √d, and what is summed vⱼ + vᵣ (Shaw
    et al. 2018, eq. 3 and 4). They are never laid out for every pair: memory grows with the pairs,
    and with the steps times the relations.

    Args:
        heads: Heads, each a part of the width.
        project: Whether a matrix mixes the heads' outputs.
        dropout: Share of the attention that is dropped.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        visible: Bool `[batch, steps, steps]`: whether the step of a row may see that of a column.
        training: Whether to drop.
        ends: Bool `[batch, steps]`, where the one step of each row stands that is asked for; None
            asks for all. Not with `related`.
        positions: What is added to the keys and to the values of the steps, such as the vectors
            of their positions, `[batch, steps, 2 * dim]`; None adds nothing.
        related: Relation of the step of a row to that of a column, int32 `[batch, steps, steps]`;
            None where there is none.
        relations: Keys and values of the relations, `[relations, 2 * dim]`.

    Output shape:
        `[batch, steps, dim]`, with `ends` `[batch, 1, dim]`. A step that may see nothing gets the
        mean of all values.

    Raises:
        ValueError: `dim` cannot be divided by `heads`.

    Example:
        >>> layer = SelfAttention(heads=2)
        >>> visible = visible_steps(tf.constant([[3, 2, 1]]), causal=True)
        >>> layer(tf.ones([1, 3, 4]), visible).shape.as_list()
        [1, 3, 4]

    References:
        Vaswani et al.: Attention Is All You Need, NIPS 2017, arXiv:1706.03762, section 3.2; Shaw
        et al.: Self-Attention with Relative Position Representations, NAACL 2018, arXiv:1803.02155;
        Li et al.: Time Interval Aware Self-Attention for Sequential Recommendation, WSDM 2020,
        doi:10.1145/3336191.3371786, equations 6 to 8.
    """

    def __init__(
        self, heads: int = 1, project: bool = True, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.project = project
        self.dropout = dropout
        self.drop = Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        """Create the projections."""
        dim = input_shape[-1]
        if dim % self.heads:
            raise ValueError(
                f"Attention in {self.heads} heads parts vectors into as many pieces, but they are "
                f"{dim} wide: give a width that `heads` divides."
            )
        # Each third as if it were a matrix of its own.
        glorot = tf.keras.initializers.RandomUniform(-((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        self.kernel = self.add_weight(name="kernel", shape=[dim, 3 * dim], initializer=glorot)
        self.bias = self.add_weight(name="bias", shape=[3 * dim], initializer="zeros")
        if self.project:
            self.mix = self.add_weight(name="mix", shape=[dim, dim])
            self.mix_bias = self.add_weight(name="mix_bias", shape=[dim], initializer="zeros")
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        visible: tf.Tensor,
        training: bool = False,
        ends: tf.Tensor | None = None,
        positions: tf.Tensor | None = None,
        related: tf.Tensor | None = None,
        relations: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the attended values."""
        dim = inputs.shape[2]
        part = dim // self.heads
        asked = slice(0 if ends is None else dim, None)
        projected = tf.tensordot(inputs, self.kernel[:, asked], 1) + self.bias[asked]
        if positions is not None:
            projected += tf.pad(positions, [[0, 0], [0, 0], [dim - asked.start, 0]])
        parts = tf.split(self._in_heads(projected), 3 if ends is None else 2, axis=1)
        if ends is not None:
            own = tf.tensordot(steps_at(inputs, ends), self.kernel[:, :dim], 1) + self.bias[:dim]
            parts = [self._in_heads(own), *parts]
            visible = steps_at(visible, ends)
        query, key, value = parts
        query *= part**-0.5
        scores = tf.matmul(query, key, transpose_b=True)
        if related is not None:
            vectors = tf.reshape(relations, [-1, 2, self.heads, part])
            places = tf.repeat(related[:, tf.newaxis], self.heads, axis=1)
            of_keys = tf.einsum("bhsd,rhd->bhsr", query, vectors[:, 0])
            scores += tf.gather(of_keys, places, batch_dims=3)
        scores = tf.cast(scores, tf.float32)
        scores = tf.where(visible[:, tf.newaxis], scores, scores.dtype.min)
        weights = tf.cast(tf.nn.softmax(scores), self.compute_dtype)
        weights = self.drop(weights, training=training)
        attended = tf.matmul(weights, value)
        if related is not None:
            shares = _sums_by_relation(weights, places, tf.shape(vectors)[0])
            attended += tf.einsum("bhsr,rhd->bhsd", shares, vectors[:, 1])
        attended = tf.transpose(attended, [0, 2, 1, 3])
        attended = tf.reshape(attended, [-1, tf.shape(attended)[1], dim])
        if not self.project:
            return attended
        return tf.tensordot(attended, self.mix, 1) + self.mix_bias

    def _in_heads(self, projected: tf.Tensor) -> tf.Tensor:
        """Return projections `[batch, steps, n * dim]` as `[batch, n * heads, steps, part]`."""
        steps, part = tf.shape(projected)[1], self.kernel.shape[0] // self.heads
        heads = tf.reshape(projected, [-1, steps, projected.shape[2] // part, part])
        return tf.transpose(heads, [0, 2, 1, 3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "heads": self.heads,
            "project": self.project,
            "dropout": self.dropout,
        }


def _sums_by_relation(weights: tf.Tensor, related: tf.Tensor, relations: tf.Tensor) -> tf.Tensor:
    """Return the weight of all pairs of each relation, `[batch, heads, steps, relations]`."""
    flat = tf.reshape(related, [-1, tf.shape(related)[3]])
    rows = tf.range(tf.shape(flat)[0])[:, tf.newaxis] * relations
    sums = tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), tf.reshape(rows + flat, [-1]), tf.shape(flat)[0] * relations
    )
    return tf.reshape(sums, tf.concat([tf.shape(related)[:3], [relations]], axis=0))


def steps_at(values: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Return of each row the value of one step.

    Args:
        values: `[batch, steps, ...]`.
        ends: Where the step stands, bool `[batch, steps]`; the first one of a row without any.

    Returns:
        `[batch, 1, ...]`.

    Example:
        >>> steps_at(tf.constant([[3, 4, 5]]), tf.constant([[False, True, False]])).numpy()
        array([[4]], dtype=int32)
    """
    place = tf.argmax(tf.cast(ends, tf.int32), axis=1)
    return tf.gather(values, place[:, tf.newaxis], batch_dims=1)


def visible_steps(remaining: tf.Tensor, causal: bool) -> tf.Tensor:
    """Return which steps may see which: those of the same sequence, and of them the earlier ones.

    Args:
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`. Several sequences may stand in a row.
        causal: Whether a step sees itself and earlier ones alone.

    Returns:
        Bool `[batch, steps, steps]`.

    Example:
        >>> visible_steps(tf.constant([[2, 1, 1, 0]]), causal=True).numpy().astype(int).tolist()
        [[[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]]
    """
    place = tf.range(tf.shape(remaining)[1])
    remaining = tf.cast(remaining, tf.int32)
    end = tf.where(remaining > 0, place + remaining, -1 - place)  # the same within a sequence
    visible = end[:, :, tf.newaxis] == end[:, tf.newaxis]
    visible &= (remaining > 0)[:, tf.newaxis]
    return visible & (place[:, tf.newaxis] >= place) if causal else visible
