"""How often ids come, learned from a stream that may change."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.lower_bound import lower_bound


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class StreamingFrequency(tf.keras.layers.Layer):
    """Estimates how many times an id comes in a step: 1 / B, for the mean gap B between two hits.

    At every hit of a bucket, an id modulo `buckets`, in step t (algorithm 2)

        B ← (1 − α) B + α (t − A),    A ← t

    so that of an id that comes several times in one step all gaps but the first are 0. α is 1 / n
    at the n-th hit until that falls below `rate`: the first hits count alike, which leaves no bias
    of where B began (proposition 4.1), and the latest ones more from then on. The time and memory
    of a step are those of its ids.

    Args:
        buckets: Size H of the arrays A and B.
        rate: The least that α becomes.
        **kwargs: Of the Keras layer.

    Call arguments:
        ids: int64 `[ids]`.
        training: Whether the ids are a step of the stream; otherwise they are only asked about.

    Output shape:
        float32 `[ids]`. Of a bucket that was never hit, as if the next step were its first hit.

    Example:
        >>> layer = StreamingFrequency(buckets=8)
        >>> for ids in ([5, 5, 2], [5, 5, 3]):
        ...     answer = layer(tf.constant(ids, tf.int64), training=True)
        >>> layer(tf.constant([5, 2, 3], tf.int64)).numpy().round(2).tolist()
        [2.0, 1.0, 0.5]

    References:
        Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations,
        RecSys 2019, section 4.
    """

    def __init__(self, buckets: int, rate: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if buckets < 1 or not 0 < rate <= 1:
            raise ValueError(
                "`buckets` must be at least 1 and `rate` above 0 and at most 1; they are "
                f"{buckets} and {rate}."
            )
        self.buckets = buckets
        self.rate = rate

    def build(self, input_shape: Any) -> None:
        """Create the arrays."""
        self.step = self._state("step", [], tf.int64)
        self.last = self._state("last", [self.buckets], tf.int64)
        self.hits = self._state("hits", [self.buckets], tf.float32)
        self.gaps = self._state("gaps", [self.buckets], tf.float32)
        super().build(input_shape)

    def call(self, ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return how many times each id comes in a step."""
        places = ids % self.buckets
        if training:
            self._update(places)
        gaps, hits = tf.gather(self.gaps, places), tf.gather(self.hits, places)
        unmet = tf.cast(self.step + 1, tf.float32)
        return 1 / tf.where(hits > 0, gaps, unmet)

    def _update(self, places: tf.Tensor) -> None:
        """Take the hits of a step, all of a bucket in the closed form of one after another."""
        step = self.step.assign_add(1, read_value=True)
        ordered = tf.sort(places)
        times = tf.cast(lower_bound(ordered, places + 1) - lower_bound(ordered, places), tf.float32)
        first = tf.gather(self.hits, places) + 1
        last = first + times - 1
        alpha = tf.maximum(self.rate, 1 / first)
        gap = tf.cast(step - tf.gather(self.last, places), tf.float32)
        gaps = (1 - alpha) * tf.gather(self.gaps, places) + alpha * gap
        # The product of 1 − α over the hits behind the first, whose gap is 0.
        turn = 1 / self.rate
        gaps *= tf.minimum(first, turn) / tf.minimum(last, turn)
        gaps *= (1 - self.rate) ** (tf.maximum(last, turn) - tf.maximum(first, turn))
        # The same value is written for every hit of a bucket.
        self.gaps.scatter_update(tf.IndexedSlices(gaps, places))
        self.hits.scatter_update(tf.IndexedSlices(last, places))
        self.last.scatter_update(tf.IndexedSlices(tf.fill(tf.shape(places), step), places))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"buckets": self.buckets, "rate": self.rate}

    def _state(self, name: str, shape: list[int], dtype: tf.DType) -> tf.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            trainable=False,
            dtype=dtype,
            experimental_autocast=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
