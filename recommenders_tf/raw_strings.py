"""What raw strings are taken apart into: words, values and weights, hashes.

Plain TensorFlow ops on a batch, the same in training and serving.
"""

from __future__ import annotations

import tensorflow as tf

from recommenders_tf.column import WEIGHT
from recommenders_tf.schema import FIRST_ID, PADDING_ID, UNKNOWN_ID, UNKNOWN_VALUE


def tokenize(text: tf.Tensor) -> tf.RaggedTensor:
    """Split strings `[batch]` into lower-case words `[batch, (words)]`.

    Example:
        >>> tokenize(tf.constant(["Toy Story (1995)"])).to_list()
        [[b'toy', b'story', b'1995']]
    """
    words = tf.strings.regex_replace(
        tf.strings.lower(text, encoding="utf-8"), r"[^\p{L}\p{N}]+", " "
    )
    return tf.strings.split(words)


def split_weights(values: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Split strings `value:weight` into values and float32 weights, at the last colon.

    Without a colon the weight is 1; what is no finite number from 0 up weighs 0.

    Example:
        >>> values, weights = split_weights(tf.ragged.constant([["Sci-Fi:0.5", "Drama"]]))
        >>> values.to_list(), weights.to_list()
        ([[b'Sci-Fi', b'Drama']], [[0.5, 1.0]])
    """
    text = values.flat_values
    has_colon = tf.strings.regex_full_match(text, r"(?s).*:.*")
    weight = tf.strings.regex_replace(text, r"(?s).*:", "")
    is_number = tf.strings.regex_full_match(weight, WEIGHT)
    number = tf.strings.to_number(tf.where(is_number, weight, "0"), tf.float32)
    number = tf.where(tf.math.is_finite(number), number, 0.0)
    return (
        values.with_flat_values(tf.strings.regex_replace(text, r":[^:]*$", "")),
        values.with_flat_values(tf.where(has_colon, number, 1.0)),
    )


def hash_ids(values: tf.Tensor, buckets: int) -> tf.Tensor:
    """Return ids from `FIRST_ID` up by hash; "" becomes `PADDING_ID`.

    The hash is the same on every machine. The hashing trick of Weinberger et al. 2009
    (arXiv:0902.2206).

    Args:
        values: Strings of any shape.
        buckets: Number of different ids.

    Example:
        >>> hash_ids(tf.constant(["", "a", "b", "a"]), 1000).numpy().tolist()
        [0, 941, 824, 941]
    """
    ids = tf.strings.to_hash_bucket_fast(values, buckets) + FIRST_ID
    ids = tf.where(tf.equal(values, UNKNOWN_VALUE), tf.constant(UNKNOWN_ID, tf.int64), ids)
    return tf.where(tf.equal(values, ""), tf.constant(PADDING_ID, tf.int64), ids)
