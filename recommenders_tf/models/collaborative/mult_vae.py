"""Mult-VAE: a variational autoencoder with a multinomial likelihood."""

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
        "hidden_units": Choice(((200, 64), (600, 200))),
        "beta": Range(0.05, 1.0),
        "anneal_steps": Range(1000, 200_000, "log"),
        "l2": Choice((0.0, 1e-5, 1e-4)),
        "batch_size": Choice((64, 256, 1024)),
    },
)
class MultVAE(MultinomialAutoencoder):
    """Rebuilds what a user has met from a random code, as draws from softmax(f(z)).

    An encoder says of x where z lies: z ~ N(μ(x), σ(x)²). The loss is -Σᵢ xᵢ log πᵢ plus
    β KL(N(μ, σ²) ‖ N(0, 1)) (eq. 5), with β small, as rebuilding is what counts, and growing from 0
    by 1 / `anneal_steps` a step up to `beta` (section 2.2.2). An answer takes z = μ(x). A new user
    is answered from a few items, with no training.

    When to choose it:
        Where there are many users with a few items each, and new ones come all the time. Choose
        `beta`, and epochs enough to reach it, on validation: of a small data set the paper's
        `anneal_steps` see a fraction only. In training the last layer scores all items for every
        user of a batch, so time and memory grow with batch × items: give `batch_size` some hundred
        users.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        hidden_units: Widths of the layers down to the code, which comes last; the same back up.
        dropout: Share of the input that is dropped.
        beta: Most that β becomes.
        anneal_steps: Steps in which β would grow to 1.
        l2: λ of the penalty λ ‖W‖² on all weight matrices.
        learning_rate: Of the default optimizer, Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: `hidden_units` has fewer than two widths, or `anneal_steps` is below 1.

    Attributes:
        annealing_step: Steps so far; a weight, so that a run that goes on goes on with its β.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MultVAE(train.schema, hidden_units=[32, 16])
        >>> model.compile()
        >>> _ = model.fit(train, batch_size=100, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        hidden_units: Sequence[int] = (600, 200),
        dropout: float = 0.5,
        beta: float = 0.2,
        anneal_steps: int = 200_000,
        l2: float = 0.0,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, l2, learning_rate, **kwargs)
        if len(hidden_units) < 2:
            raise ValueError(
                f"`hidden_units` must name a layer and the code, as [600, 200]; it is "
                f"{list(hidden_units)}."
            )
        if anneal_steps < 1:
            raise ValueError(f"`anneal_steps` must be at least 1; it is {anneal_steps}.")
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.beta = beta
        self.anneal_steps = anneal_steps
        first, *rest, code = hidden_units
        self.encoder = SparseDense(self.num_items, first, "tanh", dropout)
        self.posterior = MLP([*rest, 2 * code], "tanh")
        self.noise = tf.keras.layers.GaussianNoise(1.0, dtype=tf.float32)
        self.decoder = MLP([*hidden_units[-2::-1], self.num_items], "tanh")
        self.annealing_step = self.add_weight(
            name="annealing_step",
            shape=[],
            initializer="zeros",
            trainable=False,
            dtype=tf.int64,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def reconstruct(self, inputs: tf.SparseTensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the logits of all items, and β times the divergence of the code."""
        moments = self.posterior(self.encoder(inputs, training=training), training=training)
        mean, log_variance = tf.split(tf.cast(moments, tf.float32), 2, axis=1)
        noise = self.noise(tf.zeros_like(mean), training=training)
        code = mean + tf.exp(0.5 * log_variance) * noise
        excess = tf.exp(log_variance) + mean**2 - 1 - log_variance
        divergence = 0.5 * tf.reduce_sum(excess, axis=1)
        return self.decoder(code, training=training), self.present_beta() * divergence

    def present_beta(self) -> tf.Tensor:
        """Return β at this step, float32 `[]`."""
        return tf.minimum(self.beta, tf.cast(self.annealing_step, tf.float32) / self.anneal_steps)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Take one step, and count it."""
        results = super().train_step(data)
        self.annealing_step.assign_add(1)
        return results
