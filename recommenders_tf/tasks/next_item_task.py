"""How wrong the states of a sequence model are about the items that they should tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from recommenders_tf.layers import PopularNegatives, UniformNegatives
from recommenders_tf.losses import BPRMax
from recommenders_tf.schema import FIRST_ID
from recommenders_tf.tasks.ranking_task import RankingTask

OBJECTIVES = ("binary", "pairwise", "softmax", "bpr_max")
_NEVER = -1e9  # logit of what must not be told; half precision has no such number


class Catalogue(Protocol):
    """The items as a model scores them."""

    def vectors(self, items: tf.Tensor) -> tf.Tensor:
        """Return the vectors of items, `[batch, items, dim]` of ids `[batch, items]`."""
        ...

    def table(self) -> tf.Tensor:
        """Return the vectors of all items, `[all items, dim]`."""
        ...

    def item_bias(self) -> tf.Tensor | None:
        """Return what is added to the logit of each item, float32 `[all items]`, if anything."""
        ...


class NextItemTask(tf.keras.layers.Layer):
    """The loss of states that should each tell one item of a catalogue.

    `softmax` is −log of the item's share in the softmax over all items or, with `num_negatives`,
    over itself and items that are drawn once for a batch, as Jean et al. do: with it no step needs
    memory for the catalogue. `corrected` takes from the logit of each drawn item the log of how
    many times it is expected among the draws, so that the sum over them is on average that over
    all others, whatever they are drawn by. `bpr_max` sets the item above drawn ones likewise; see
    `BPRMax`.

    `binary` is −β log σ(s⁺ + c) − Σ log(1 − σ(s⁻ + c)), where β = 1 − t (1 − α) for the share α of
    all items that is drawn: gBCE, and with t = 0 the plain cross-entropy. With c = log(β/n) for n
    negatives, scores of 0 are right where nothing is known; without it, hundreds of steps go into
    that level alone, and the states lose in them what tells them apart. It changes no order, and is
    0 in the plain loss with one negative. One negative is drawn for each state, of what its
    sequence has not; several are drawn for each row and serve all of its states, as their scores
    are then one matrix product. A drawn item that is the one to be told counts nothing. `pairwise`
    draws likewise, and is −Σ log σ(s⁺ − s⁻).

    Args:
        objective: `binary`, `pairwise`, `softmax` or `bpr_max`.
        num_items: Size of the vocabulary, padding and unknown included.
        num_negatives: Items that are drawn; 0 takes all, which `softmax` alone can.
        calibration: t.
        sample_power: Items are drawn for a batch in proportion to this power of how often they
            occur; with 0 all alike.
        penalty: λ of `BPRMax`.
        corrected: Whether the softmax over drawn items stands for that over all.
        **kwargs: Of the Keras layer.

    Call arguments:
        states: `[batch, steps, dim]`.
        targets: The items to be told, int64 `[batch, steps]`.
        weights: What each counts, float32 `[batch, steps]`.
        catalogue: The items.
        has_met: Returns of items `[batch, steps]`, one drawn for each state, which of them its
            sequence has; None asks nothing.

    Output shape:
        The sum over the steps, a float32 scalar.

    Raises:
        ValueError: `objective` is unknown, the number of negatives does not go with it, or
            `calibration` is not from 0 to 1.

    References:
        Petrov, Macdonald: gSASRec: Reducing Overconfidence in Sequential Recommendation Trained
        with Negative Sampling, RecSys 2023, arXiv:2308.07192, eq. 11 and 15; Jean et al.: On Using
        Very Large Target Vocabulary for Neural Machine Translation, ACL 2015, arXiv:1412.2007.
    """

    def __init__(
        self,
        objective: str,
        num_items: int,
        num_negatives: int = 0,
        calibration: float = 0.0,
        sample_power: float = 0.0,
        penalty: float = 1.0,
        corrected: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if objective not in OBJECTIVES:
            raise ValueError(
                f"`objective` is `{objective}`; it must be one of {', '.join(OBJECTIVES)}."
            )
        least = 0 if objective == "softmax" else 1
        if num_negatives < least:
            raise ValueError(
                f"`num_negatives` must be at least {least} with the objective `{objective}`; it is "
                f"{num_negatives}."
            )
        if not 0 <= calibration <= 1:
            raise ValueError(f"`calibration` must be from 0 to 1; it is {calibration}.")
        self.objective = objective
        self.num_items = num_items
        self.num_negatives = num_negatives
        self.calibration = calibration
        self.corrected = corrected
        self.negatives: Any = None
        if objective in ("binary", "pairwise"):
            self.negatives = UniformNegatives(num_items, num_negatives)
        elif num_negatives:
            self.negatives = PopularNegatives(num_negatives, sample_power)
        losses = tf.keras.losses
        loss = {
            **dict.fromkeys(
                ("binary", "pairwise"),
                losses.BinaryCrossentropy(from_logits=True, reduction="sum"),
            ),
            "softmax": losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
            "bpr_max": BPRMax(penalty, reduction="sum"),
        }
        self.task = RankingTask(loss=loss[objective])

    def assign(self, counts: np.ndarray) -> None:
        """Take how often each item occurs, `[all items]`: what does not is never drawn."""
        if isinstance(self.negatives, PopularNegatives):
            self.negatives.assign(counts)

    def call(
        self,
        states: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        catalogue: Catalogue,
        has_met: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Return the loss."""
        if self.objective in ("binary", "pairwise"):
            return self._against_each(states, targets, weights, catalogue, has_met)
        if self.num_negatives:
            return self._shared(states, targets, weights, catalogue)
        logits = tf.matmul(_flat(states), catalogue.table(), transpose_b=True)
        logits = tf.cast(logits, tf.float32) + self._reserved()
        if (bias := catalogue.item_bias()) is not None:
            logits += bias
        return self.task(_flat(targets), logits, sample_weight=_flat(weights))

    def _shared(
        self, states: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, catalogue: Catalogue
    ) -> tf.Tensor:
        """Return the loss with items that are drawn once for the batch."""
        drawn = self.negatives(tf.zeros([1]))
        right = _products(states, catalogue.vectors(targets))
        wrong = tf.matmul(_flat(states), catalogue.vectors(drawn)[0], transpose_b=True)
        wrong = tf.cast(wrong, tf.float32)
        if (bias := catalogue.item_bias()) is not None:
            right += tf.gather(bias, targets)[:, :, tf.newaxis]
            wrong += tf.gather(bias, drawn)
        if self.corrected:
            wrong -= self.negatives.log_share(drawn) + math.log(self.num_negatives)
        wrong = tf.where(drawn == _flat(targets)[:, tf.newaxis], _NEVER, wrong)
        logits = tf.concat([_flat(right), wrong], axis=1)
        first = tf.zeros([tf.shape(logits)[0]], tf.int32)
        return self.task(first, logits, sample_weight=_flat(weights))

    def _against_each(
        self,
        states: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
        catalogue: Catalogue,
        has_met: Callable[[tf.Tensor], tf.Tensor] | None,
    ) -> tf.Tensor:
        right = _products(states, catalogue.vectors(targets))
        if self.num_negatives == 1:
            drawn = tf.reshape(self.negatives(_flat(targets)), tf.shape(targets))
            wrong = _products(states, catalogue.vectors(drawn))
            counts = drawn != targets
            if has_met is not None:
                counts &= ~has_met(drawn)
            counts = counts[:, :, tf.newaxis]
        else:
            drawn = self.negatives(targets)
            wrong = tf.matmul(states, catalogue.vectors(drawn), transpose_b=True)
            wrong = tf.cast(wrong, tf.float32)
            counts = drawn[:, tf.newaxis] != targets[:, :, tf.newaxis]
        counts = tf.cast(counts, tf.float32) * weights[:, :, tf.newaxis]
        if self.objective == "pairwise":
            apart, counts = (tf.reshape(part, [-1, 1]) for part in (right - wrong, counts))
            return self.task(tf.ones_like(apart), apart, sample_weight=counts)
        share = self.num_negatives / max(1, self.num_items - FIRST_ID - 1)
        beta = 1 - self.calibration * (1 - min(1.0, share))
        labels = tf.concat([tf.ones_like(right), tf.zeros_like(wrong)], axis=2)
        logits = tf.concat([right, wrong], axis=2) + math.log(beta / self.num_negatives)
        counts = tf.concat([beta * weights[:, :, tf.newaxis], counts], axis=2)
        labels, logits, counts = (tf.reshape(part, [-1, 1]) for part in (labels, logits, counts))
        return self.task(labels, logits, sample_weight=counts)

    def _reserved(self) -> tf.Tensor:
        """Return what keeps padding and unknown from being told, `[all items]`."""
        reserved = np.arange(self.num_items) < FIRST_ID
        return tf.constant(np.where(reserved, _NEVER, 0.0), tf.float32)


def _products(states: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Return the inner product of each state with a vector of its own, `[batch, steps, 1]`."""
    return tf.cast(tf.reduce_sum(states * vectors, axis=2, keepdims=True), tf.float32)


def _flat(steps: tf.Tensor) -> tf.Tensor:
    """Return all steps of all rows below each other."""
    return tf.reshape(steps, [-1, *steps.shape[2:]])
