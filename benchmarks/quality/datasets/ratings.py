"""Ratings drawn at random: how far a model is from those that were held out."""

from __future__ import annotations

import dataclasses

from benchmarks.quality.held_out import Ratings, Splits
from recommenders_tf import data
from recommenders_tf.data import Split

_SPLITS = {
    "movielens-100k-ratings": Split("random", test_share=0.25),
    "movielens-1m-ratings": Split("random_events", test_share=0.1),
}
_WHOSE = {"random": "of each user's", "random_events": "of all"}
_LABEL = "rating"


def load(name: str, validation: bool, seed: int) -> Splits:
    """Return a log whose label is the rating itself, cut as its papers do."""
    log = data.load(name.removesuffix("-ratings"))
    label = dataclasses.replace(log.schema[_LABEL], positive_from=None)
    log = dataclasses.replace(log, schema=log.schema.replace([label]))
    split = dataclasses.replace(_SPLITS[name], seed=seed)
    train, *held_out = log.split(split, validation=validation)
    return Splits(
        data.encode(train),
        None,
        Ratings(held_out[0]),
        f"{split.test_share:.0%} {_WHOSE[split.strategy]} ratings are test, drawn "
        "anew for each seed; epochs and hyper-parameters chosen on as large a share of the rest",
    )
