"""Logistic regression: one weight for every feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf

from recommenders_tf.layers import FirstOrder
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Richardson et al.: Predicting Clicks: Estimating the Click-Through Rate for New Ads, "
    "WWW 2007, doi:10.1145/1242572.1242643"
)
class LR(Ranker):
    """Predicts σ(b + Σ wᵢ xᵢ), one weight for every feature.

    The value of an id is 1, that of a number itself; a list counts as the mean of its ids. Crosses
    of the schema are features as well, and the only interactions that the model sees.
    `compile(embedding_l2=λ)` adds the usual penalty λ/2 Σ w² on the weights of ids.

    When to choose it:
        As the figure that any other ranker has to beat, or where every weight must be readable.

    Args:
        schema: Fitted schema with a label.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = LR(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    contract_exceptions: ClassVar[Mapping[str, str]] = {
        "learns": "The planted signal is which user meets which item; no single feature shows it."
    }

    def __init__(self, schema: FeatureSchema, learning_rate: float = 0.001, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.features]
        self.first_order = FirstOrder(schema, columns, use_bias=True, name="first_order")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        return self.first_order(inputs)
