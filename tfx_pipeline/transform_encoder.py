"""The Transform graph as the encoder of raw features that goes into the exported model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from recommenders_tf.schema import FeatureSchema
from tfx_pipeline.preprocessing import fitted_schema


class TransformEncoder(tf.Module):
    """Maps raw columns to encoded tensors with the graph that made the training examples.

    Args:
        schema: The schema that `preprocessing_fn` was given.
        output: Output of Transform.

    Attributes:
        schema: The fitted schema.
    """

    def __init__(self, schema: FeatureSchema, output: tft.TFTransformOutput) -> None:
        super().__init__(name="transform_encoder")
        self.schema = fitted_schema(schema, output)
        self._layer = output.transform_features_layer()

    def encode(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Encode the raw columns that are there, and crosses all of whose sources are.

        Args:
            raw: Raw batch as in `features.raw_spec`; columns may be left out.

        Returns:
            The encoded batch.
        """
        if not raw:
            return {}
        masks = {self.schema.mask_name(c) for c in self.schema.features if c.is_list}
        return {
            name: tf.cast(value, tf.bool) if name in masks else value
            for name, value in self._layer(dict(raw)).items()
        }
