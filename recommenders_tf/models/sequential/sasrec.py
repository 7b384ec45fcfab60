"""Self-attentive sequential recommendation, and its calibrated successor gSASRec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import CausalAttention
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM 2018, arXiv:1808.09781",
    search_space={
        "num_negatives": Choice((1, 16, 64, 256)),
        "calibration": Range(0.0, 1.0),
        "blocks": Choice((1, 2, 3)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class SASRec(SequenceRetriever):
    """Scores the next item by the last state of causal self-attention over a user's items.

    A step is the vector of its item, times √d, plus that of its position. Blocks of attention and
    of a network for each step, both as g(x) = x + Dropout(f(LayerNorm(x))), see earlier steps
    alone (sec. 3.2 and 3.3); the inner products of the last state with the items' own vectors are
    the scores (eq. 6). Positions are counted from the end of the sequence, which is what padding
    on the left does in the paper. Sequences longer than the schema's `max_length` are cut into
    windows and all of them are learned from; the paper takes the last one alone.

    The loss is the paper's binary cross-entropy with one negative for each step; with
    `num_negatives` 256 and `calibration` 0.75 it is that of gSASRec (arXiv:2308.07192). The
    objective `softmax` takes all items without negatives, and with some those alone, for
    catalogues of millions. Both rank better than the paper's; see `NextItemTask`.

    When to choose it:
        Where the order of what users did tells what comes next, and there are pasts of more than
        a few events. It is fast to train, as all steps are trained at once.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width d of items and states.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped; the paper has 0.2 for MovieLens and 0.5 for sparse data.
        objective: `binary`, `pairwise`, `softmax` or `bpr_max`.
        num_negatives: Negatives of each step; 0 takes all items, as the softmax alone can.
        calibration: t of gBCE, from 0 for the plain binary loss to 1.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `objective` is unknown, the number of negatives does not go with it,
            `calibration` is not from 0 to 1, or `heads` does not divide `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SASRec(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 50,
        blocks: int = 2,
        heads: int = 1,
        dropout: float = 0.2,
        objective: str = "binary",
        num_negatives: int = 1,
        calibration: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask(objective, items, num_negatives, calibration),
            **kwargs,
        )
        self.objective = objective
        self.num_negatives = num_negatives
        self.calibration = calibration
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.attend = CausalAttention(
            self.column.max_length or 0, blocks, heads, dropout, name="attend"
        )

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`."""
        return self.attend(vectors, remaining, training=training)

    def last_state(self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor) -> tf.Tensor:
        """Return the state after the last step; the last block computes no other."""
        state = self.attend(self.steps(features), remaining, last_only=True)
        return self.in_context(state, features)[:, 0]
