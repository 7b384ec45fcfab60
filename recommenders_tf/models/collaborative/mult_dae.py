"""Mult-DAE: a denoising autoencoder with a multinomial likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.mlp import MLP
from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.models.multinomial_autoencoder import MultinomialAutoencoder
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range


@register(
    paper="Liang, Krishnan, Hoffman, Jebara: Variational Autoencoders for Collaborative Filtering, "
    "WWW 2018, arXiv:1802.05814",
    search_space={
        "hidden_units": Choice(((64,), (200,), (600, 200))),
        "l2": Range(1e-6, 0.01, "log"),
        "batch_size": Choice((64, 256, 1024)),
    },
)
class MultDAE(MultinomialAutoencoder):
    """Rebuilds what a user has met from half of it, as draws from softmax(f(x)).

    x has length 1 and loses `dropout` of its values at every step; f is a network of tanh layers,
    narrow in the middle (section 2.3). The loss is -Σᵢ xᵢ log πᵢ with the whole x. A new user is
    answered from a few items, with no training.

    When to choose it:
        As `mult_vae`, which it comes close to with one thing less to tune: there is no KL term.
        In training the last layer scores all items for every user of a batch, so time and memory
        grow with batch × items: give `batch_size` some hundred users.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        hidden_units: Widths of the layers down to the code, the same back up; the authors' own is
            one layer.
        dropout: Share of the input that is dropped.
        l2: λ of the penalty λ ‖W‖² on all weight matrices; the authors' 0.01 for a batch of 500.
        learning_rate: Of the default optimizer, Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: `hidden_units` is empty.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MultDAE(train.schema, hidden_units=[16])
        >>> model.compile()
        >>> _ = model.fit(train, batch_size=100, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        hidden_units: Sequence[int] = (200,),
        dropout: float = 0.5,
        l2: float = 2e-5,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, l2, learning_rate, **kwargs)
        if not hidden_units:
            raise ValueError("`hidden_units` must name at least the width of the code; it is [].")
        self.hidden_units = hidden_units
        self.dropout = dropout
        first, *rest = hidden_units
        self.encoder = SparseDense(self.num_items, first, "tanh", dropout)
        self.decoder = MLP([*rest, *hidden_units[-2::-1], self.num_items], "tanh")

    def reconstruct(self, inputs: tf.SparseTensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the logits of all items, and zeros."""
        code = self.encoder(inputs, training=training)
        return self.decoder(code, training=training), tf.zeros([])
