"""Deep Crossing: residual units over stacked features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding, ResidualUnit
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Shan et al.: Deep Crossing: Web-Scale Modeling without Manually Crafted Combinatorial "
    "Features, KDD 2016, doi:10.1145/2939672.2939704"
)
class DeepCrossing(Ranker):
    """Predicts σ(w·x_L + b), x_L being the stacked features after several residual units.

    A column of ids becomes max(0, W_j X_j + b_j) (eq. 1), a row of a table plus a bias, or the mean
    of a list's rows plus it; numbers are stacked beside these as they are (eq. 2). Each unit adds
    what two layers make of its input to it before the last ReLU (eq. 4). The paper stacks a column
    of at most 256 ids as it is, one-hot; here every column of ids is embedded. Crosses of the
    schema are left out: the model learns its own.

    When to choose it:
        When columns have widths of their own or there are many numbers, as nothing needs vectors
        of one width, and a deep network should still train well.

    Args:
        schema: Fitted schema with a label.
        embedding_dim: Width of the embeddings; the paper has 256.
        residual_units: Width within each residual unit.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DeepCrossing(train.schema, embedding_dim=8, residual_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 256,
        residual_units: Sequence[int] = (512, 512, 256, 128, 64),
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.residual_units = residual_units
        self.learning_rate = learning_rate
        ids = [column.name for column in schema.uncrossed if column.has_ids]
        numbers = [column.name for column in schema.features if column.is_numeric]
        self.embed = FeatureEmbedding(
            schema, ids, embedding_dim, output="concatenated", name="embed"
        )
        self.rectify = _Rectifier(name="rectify")
        self.numbers = None
        if numbers:
            self.numbers = FeatureEmbedding(
                schema, numbers, embedding_dim, output="concatenated", name="numbers"
            )
        self.units = [ResidualUnit(width) for width in residual_units]
        self.scoring = tf.keras.layers.Dense(1, name="scoring")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        hidden = self.rectify(self.embed(inputs))
        if self.numbers is not None:
            hidden = tf.concat([hidden, self.numbers(inputs)], axis=1)
        for unit in self.units:
            hidden = unit(hidden)
        return tf.cast(self.scoring(hidden), tf.float32)


class _Rectifier(tf.keras.layers.Layer):
    """Computes max(0, x + b)."""

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=input_shape[-1:], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(inputs + self.bias)
