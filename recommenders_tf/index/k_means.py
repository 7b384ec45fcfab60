"""K-means, a block of vectors at a time."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_BLOCK_SCORES = 2**22


def k_means(vectors: np.ndarray, clusters: int, iterations: int = 10, seed: int = 0) -> np.ndarray:
    """Return centroids that vectors lie near to, by Lloyd's algorithm.

    It starts from different vectors drawn at random. A cluster that loses all of its own starts
    anew from one of the vectors, drawn again.

    Args:
        vectors: float32 `[vectors, dim]`.
        clusters: How many centroids, at most as many as there are vectors.
        iterations: Passes over the vectors.
        seed: Of the draws.

    Returns:
        float32 `[clusters, dim]`.

    Example:
        >>> points = np.array([[0.0], [0.2], [9.0], [9.2]], np.float32)
        >>> np.sort(k_means(points, 2), axis=0).round(1).tolist()
        [[0.1], [9.1]]

    References:
        Lloyd: Least Squares Quantization in PCM, IEEE Transactions on Information Theory 28 (1982).
    """
    random = np.random.default_rng(seed)
    data = tf.constant(vectors, tf.float32)
    centroids = vectors[random.choice(len(vectors), clusters, replace=False)]
    for _ in range(iterations):
        nearest = nearest_centroids(data, centroids)
        sums = tf.math.unsorted_segment_sum(data, nearest, clusters).numpy()
        counts = np.bincount(nearest, minlength=clusters)[:, np.newaxis]
        again = vectors[random.integers(len(vectors), size=clusters)]
        centroids = np.where(counts, sums / np.maximum(counts, 1), again)
    return centroids.astype(np.float32)


def nearest_centroids(vectors: np.ndarray | tf.Tensor, centroids: np.ndarray) -> np.ndarray:
    """Return the number of the centroid nearest to each vector, int64 `[vectors]`.

    Example:
        >>> nearest_centroids(np.array([[1.0], [7.0]]), np.array([[0.0], [9.0]])).tolist()
        [0, 1]
    """
    vectors = tf.constant(vectors, tf.float32)
    points = tf.constant(centroids.T, tf.float32)
    offsets = tf.reduce_sum(points**2, axis=0) / 2
    step = max(1, _BLOCK_SCORES // len(centroids))
    blocks = [
        _nearest(vectors[start : start + step], points, offsets)
        for start in range(0, len(vectors), step)
    ]
    return np.concatenate([block.numpy() for block in blocks])


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None]),
        tf.TensorSpec([None, None]),
        tf.TensorSpec([None]),
    ],
    autograph=False,
)
def _nearest(vectors: tf.Tensor, points: tf.Tensor, offsets: tf.Tensor) -> tf.Tensor:
    # The nearest has the greatest x c - |c|^2 / 2.
    return tf.argmax(tf.matmul(vectors, points) - offsets, axis=1)
