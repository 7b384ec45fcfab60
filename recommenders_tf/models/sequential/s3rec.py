"""S3-Rec: self-attention that first learns how items, attributes and sequences belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.data.sequence_rows import SequenceRows
from recommenders_tf.models.base import Recommender
from recommenders_tf.models.item_attributes import attribute_table
from recommenders_tf.models.mutual_information import MutualInformation, TransformerRetriever
from recommenders_tf.models.pretraining import Pretraining
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Zhou et al.: S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual "
    "Information Maximization, CIKM 2020, arXiv:2008.07873",
    search_space={
        "blocks": Choice((1, 2, 3)),
        "dropout": Range(0.1, 0.6),
        "mask_share": Range(0.1, 0.6),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class S3Rec(Pretraining, TransformerRetriever):
    """Scores the next item by the last state of a transformer that was pre-trained on attributes.

    One call of `fit` does both stages. First the encoder sees sequences from both sides and learns
    four objectives of mutual information: which attributes an item has, which item stood in a gap,
    which attributes that item has, and which segment a sequence lacks; see `MutualInformation`.
    Then it sees earlier steps alone and learns the next item, −log σ(s⁺ − s⁻) against one drawn
    item for each step (sec. 4.3). The score of an item is the inner product of its vector with the
    state; attributes are read while training alone.

    The attributes are the columns of items of kind `categorical` or `multi_hot` that do not grow,
    such as category, brand, genres. Where the schema has none, the two objectives of items and
    segments are left. The associated attributes are told from the vector of the item, as in the
    paper; the authors' program takes the state of its step.

    When to choose it:
        Where pasts are short or few and items are well described: what they have in common is
        learned before who met what after what. Both stages take time for many epochs; where there
        is plenty of behaviour `sasrec` comes as far in less.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and states.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped.
        pretrain_epochs: Passes over the data by the first stage; 0 leaves it out. The paper's
            program takes 100 and more.
        objective_weights: Of associated attributes, masked items, masked attributes and segments.
        mask_share: Share of the steps that become gaps.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: There are not four weights, one is negative, `mask_share` is no share, or
            `heads` does not divide `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = S3Rec(train.schema, embedding_dim=16, pretrain_epochs=1)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    _attributes: np.ndarray | None

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.5,
        pretrain_epochs: int = 10,
        objective_weights: Sequence[float] = (0.2, 1.0, 1.0, 0.5),
        mask_share: float = 0.2,
        **kwargs: Any,
    ) -> None:
        if len(objective_weights) != 4 or min(objective_weights) < 0:
            raise ValueError(
                "`objective_weights` must be four numbers from 0 up: of associated attributes, "
                "masked items, masked attributes and segments; they are "
                f"{list(objective_weights)}."
            )
        if not 0 < mask_share < 1:
            raise ValueError(f"`mask_share` must lie between 0 and 1; it is {mask_share}.")
        super().__init__(
            schema,
            embedding_dim=embedding_dim,
            task=lambda items: NextItemTask("pairwise", items, num_negatives=1),
            blocks=blocks,
            heads=heads,
            dropout=dropout,
            **kwargs,
        )
        self.pretrain_epochs = pretrain_epochs
        self.objective_weights = objective_weights
        self.mask_share = mask_share
        object.__setattr__(self, "_attributes", None)  # past Keras' tracking: no weight

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather sequences of users as all sequence models do, and the attributes of items."""
        if not isinstance(source, SequenceRows):
            object.__setattr__(self, "_attributes", attribute_table(source))
        return super().training_rows(source)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Pre-train once, then learn the next item; see `Pretraining.fit`."""
        return super().fit(
            self.training_rows(x) if isinstance(x, RowSource) else x, *args, **kwargs
        )

    def stages(self) -> list[Recommender]:
        """Return the model of the four objectives.

        Raises:
            ValueError: The attributes of the items are not known yet.
        """
        if self._attributes is None:
            raise ValueError(
                f"`{self.name}` pre-trains on the attributes of items: fit it on an `EncodedLog`, "
                "or call `training_rows` of one first, or set `pretrain_epochs=0`."
            )
        return [
            MutualInformation(
                self.schema,
                self._attributes,
                self.objective_weights,
                self.mask_share,
                self.embedding_dim,
                blocks=self.blocks,
                heads=self.heads,
                dropout=self.dropout,
                name=f"{self.name}_objectives",
            )
        ]

    def take_over(self, stages: Sequence[Recommender]) -> None:
        """Start from the vectors and the encoder of the first stage."""
        (stage,) = stages
        assert isinstance(stage, MutualInformation)
        self.start_from(stage)
