"""xDeepFM: products of features of bounded degree, vector by vector, beside a deep network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, CompressedInteraction, FeatureEmbedding, FirstOrder
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Lian et al.: xDeepFM: Combining Explicit and Implicit Feature Interactions for "
    "Recommender Systems, KDD 2018, arXiv:1803.05170",
    search_space={"cross_units": Choice(((50, 50), (100, 100, 100), (200, 200, 200)))},
)
class XDeepFM(Ranker):
    """Predicts σ(y_linear + y_CIN + y_DNN) from products of the vectors of features (eq. 15).

    The compressed interaction network makes Xᵏₕ = Σᵢ Σⱼ Wᵏₕᵢⱼ (Xᵏ⁻¹ᵢ ⊙ X⁰ⱼ) of the columns' vectors
    X⁰ (eq. 6) and weighs the sums of the values of all Xᵏₕ (eq. 7): layer k holds products of k + 1
    features. The deep network takes all vectors side by side. The value of an id is 1, that of a
    number itself; the vector of a list is the mean of its ids' vectors. Crosses of the schema are
    left out: the model learns its own.

    When to choose it:
        Where products of three or four columns matter and `deepfm`, which has those of two, stays
        behind. It is the slowest of the models of this kind: a layer costs as much as its width
        times that of the layer before times the number of columns.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            products of their vectors are taken.
        embedding_dim: Width of the embeddings.
        cross_units: Number of vectors of each layer of the compressed interaction network. As the
            depths, these are the paper's for its Dianping data; for Criteo it takes twice as many.
        hidden_units: Hidden layers of the deep network.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = XDeepFM(train.schema, cross_units=(8, 8), hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        cross_units: Sequence[int] = (100, 100, 100),
        hidden_units: Sequence[int] = (400, 400, 400),
        dropout: float = 0.5,
        batch_norm: bool = False,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.cross_units = cross_units
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, name="first_order")
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.interact = CompressedInteraction(cross_units, name="interact")
        self.cross_logit = tf.keras.layers.Dense(1, use_bias=False, name="cross_logit")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        flat = tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
        cross, deep = self.cross_logit(self.interact(vectors)), self.deep(flat, training=training)
        return self.first_order(inputs) + tf.cast(cross, tf.float32) + tf.cast(deep, tf.float32)
