"""The linear part of a model of features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.schema import FeatureSchema


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FirstOrder(tf.keras.layers.Layer):
    """Sums one weight for every feature, times its value: b + Σ wᵢ xᵢ.

    The value of an id is 1, that of a number itself; a list counts as the mean of its ids.

    Args:
        schema: Fitted schema.
        columns: Names of the columns.
        use_bias: Whether there is a b.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: Encoded batch, as `features.encoded_spec` gives it.

    Output shape:
        float32 `[batch, 1]`, in any precision.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.encode(data.load("synthetic")).schema
        >>> FirstOrder(schema, ["user_id"])({"user_id": tf.constant([2, 3])}).shape.as_list()
        [2, 1]
    """

    def __init__(
        self,
        schema: FeatureSchema | Mapping[str, Any],
        columns: Iterable[str],
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_bias = use_bias
        self.embed = FeatureEmbedding(
            schema, columns, 1, False, "zeros", "vector", "concatenated", name="embed"
        )

    def build(self, input_shape: Any) -> None:
        """Create the bias."""
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=[], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the sums."""
        weights = tf.cast(self.embed(inputs), tf.float32)
        total = tf.reduce_sum(weights, axis=1, keepdims=True)
        return total + tf.cast(self.bias, tf.float32) if self.use_bias else total

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "schema": self.embed.schema.to_dict(),
            "columns": list(self.embed.columns),
            "use_bias": self.use_bias,
        }
