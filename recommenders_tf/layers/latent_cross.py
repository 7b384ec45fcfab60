"""The state of a sequence in the context of what it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.schema import FeatureSchema


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class LatentCross(tf.keras.layers.Layer):
    """Scales states dimension by dimension as their contexts say: (1 + Σ w) ∘ h.

    Each context column has a vector w of its value, or of a number x the vector x · w, which begins
    at 0, so that a context says nothing before it is trained.

    Args:
        schema: Fitted schema.
        columns: Names of the context columns, none of them a list.
        dim: Width of the states.
        **kwargs: Of the Keras layer.

    Call arguments:
        states: `[batch, steps, dim]`.
        context: Encoded values by name, each `[batch, steps]`, or `[batch, 1]` where all steps have
            the same.

    Output shape:
        `[batch, steps, dim]`.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.encode(data.load("synthetic")).schema
        >>> layer = LatentCross(schema, ["device"], dim=4)
        >>> layer(tf.ones([2, 3, 4]), {"device": tf.constant([[2], [3]])}).shape.as_list()
        [2, 3, 4]

    References:
        Beutel et al.: Latent Cross: Making Use of Context in Recurrent Recommender Systems, WSDM
        2018, doi:10.1145/3159652.3159727, equation 4.
    """

    def __init__(
        self,
        schema: FeatureSchema | Mapping[str, Any],
        columns: Iterable[str],
        dim: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(schema, FeatureSchema):
            schema = FeatureSchema.from_dict(schema)
        self.schema = schema
        self.columns = list(columns)
        self.dim = dim
        self.embed = FeatureEmbedding(
            schema, self.columns, dim, False, "zeros", "vector", name="embed"
        )

    def call(self, states: tf.Tensor, context: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the states in their contexts."""
        flat = {name: tf.reshape(context[name], [-1]) for name in self.columns}
        steps = tf.shape(context[self.columns[0]])
        change = tf.add_n(self.embed(flat))
        change = tf.reshape(change, [steps[0], steps[1], self.dim])
        return states * (1 + tf.cast(change, states.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "schema": self.schema.to_dict(),
            "columns": list(self.columns),
            "dim": self.dim,
        }
