"""NeuMF: a product and a network of separate vectors, fused in one score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.models.base import Recommender
from recommenders_tf.models.neural_cf import NeuralCF, ProductBranch, TowerBranch
from recommenders_tf.models.pretraining import Pretraining
from recommenders_tf.models.ranking.gmf import GMF
from recommenders_tf.models.ranking.ncf_mlp import NCFMLP
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="He et al.: Neural Collaborative Filtering, WWW 2017, arXiv:1708.05031",
    search_space={"mlp_embedding_dim": Range(4, 256, "log")},
)
class NeuMF(Pretraining, NeuralCF):
    """Scores a pair by hᵀ[φ_GMF; φ_MLP], trained to tell events from sampled negatives.

    φ_GMF = p_u ⊙ q_i and φ_MLP, the last layer of a network over [p_u; q_i], have vectors of their
    own (eq. 12); the loss is the binary cross-entropy of eq. 7, where each event is a positive
    with `num_negatives` items that the user has not met, drawn anew at every step. With
    `pretrain_epochs` a `GMF` and an `NCFMLP` are trained first, by lazy Adam, and the model begins
    as their mixture h = [α h_GMF; (1 − α) h_MLP] (eq. 13), which plain SGD then goes on to train,
    as in the paper. The tower is that of the authors' program; see `NCFMLP`.

    When to choose it:
        To compare with the literature, where it is the usual neural baseline. A tuned `mf` is
        simpler, ranks a catalogue much faster and was found to be at least as good (Rendle et al.
        2020, arXiv:2005.09683).

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        embedding_dim: Width of p and q of the product, the paper's predictive factors.
        mlp_embedding_dim: Width of p and q of the network.
        hidden_units: Layers of the network.
        num_negatives: Negatives for each event.
        pretrain_epochs: Epochs of the two models that are trained first, of both or one number
            for `GMF` and one for `NCFMLP`; 0 is without.
        alpha: Share of the product in the mixture.
        learning_rate: Of lazy Adam, or of SGD after the two.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.
        ValueError: `num_negatives` is below 1, `hidden_units` is empty or `pretrain_epochs` has
            another length than 2.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = NeuMF(train.schema, pretrain_epochs=1)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 8,
        mlp_embedding_dim: int = 32,
        hidden_units: Sequence[int] = (32, 16, 8),
        num_negatives: int = 4,
        pretrain_epochs: int | Sequence[int] = 0,
        alpha: float = 0.5,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        if np.size(pretrain_epochs) not in (1, 2):
            raise ValueError(
                "`pretrain_epochs` must be one number, or one for the product and one for the "
                f"network; it is {pretrain_epochs}."
            )
        branches = [
            ProductBranch(schema, embedding_dim, name="product"),
            TowerBranch(schema, mlp_embedding_dim, hidden_units, name="network"),
        ]
        super().__init__(
            schema,
            branches=branches,
            num_negatives=num_negatives,
            learning_rate=learning_rate,
            **kwargs,
        )
        self.embedding_dim = embedding_dim
        self.mlp_embedding_dim = mlp_embedding_dim
        self.hidden_units = hidden_units
        self.pretrain_epochs = pretrain_epochs
        self.alpha = alpha

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return lazy Adam, or SGD after pre-training."""
        if np.any(self.pretrain_epochs):
            # Adam would start without the moments that the two models were trained with.
            return tf.keras.optimizers.SGD(self.learning_rate)
        return super().default_optimizer()

    def stages(self) -> list[Recommender]:
        """Return the models of the two branches."""
        negatives = self.num_negatives
        return [
            GMF(self.schema, self.embedding_dim, negatives),
            NCFMLP(self.schema, self.mlp_embedding_dim, self.hidden_units, negatives),
        ]

    def take_over(self, stages: Sequence[Recommender]) -> None:
        """Begin as the mixture of the two trained models."""
        shares = (self.alpha, 1.0 - self.alpha)
        for branch, stage, share in zip(self.branches, stages, shares, strict=True):
            branch.set_weights(stage.branches[0].get_weights())
            branch.scale(share)
