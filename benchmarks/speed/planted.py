"""Examples whose labels follow a planted model, so that training has something to find."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from benchmarks.speed.case import SHORTEST_HISTORY, Case

FIRST_ID = 2  # as in recommenders_tf: 0 is padding, 1 an unknown value
_BLOCK = 65_536

Examples = tuple[dict[str, np.ndarray], np.ndarray]


def examples(case: Case, count: int, seed: int) -> Examples:
    """Return features by column and float32 labels `[count]`, the same for the same seed.

    The n-th id of a field is drawn with a probability of about 1/n, as ids of users, items and
    words are in the world. A label is 1 with the probability that the sum of one weight an id and
    of the products of the first fields' vectors gives; of histories, by how often they meet the
    item's category.
    """
    blocks = [
        _block(case, min(_BLOCK, count - start), np.random.default_rng([seed, start]))
        for start in range(0, count, _BLOCK)
    ]
    _weights.cache_clear()  # or it would count as memory of the training
    features = {name: np.concatenate([f[name] for f, _ in blocks]) for name in blocks[0][0]}
    return features, np.concatenate([labels for _, labels in blocks])


def _block(case: Case, count: int, random: np.random.Generator) -> Examples:
    draw = _visits if case.history else _fields
    features, logits = draw(case, count, random)
    for name in case.numeric_names:
        features[name] = random.standard_normal(count, np.float32)
        logits += 0.2 * features[name]
    labels = random.random(count) < 1 / (1 + np.exp(-logits))
    return features, labels.astype(np.float32)


def _fields(case: Case, count: int, random: np.random.Generator) -> Examples:
    features = {name: _ids(case.vocabulary, count, random) for name in case.fields}
    logits = np.full(count, -1.0, np.float32)
    for number, ids in enumerate(features.values()):
        logits += 0.3 * _weights(case.vocabulary, 1, number)[ids, 0]
    vectors = [
        _weights(case.vocabulary, 4, 1000 + number)[features[name]]
        for number, name in enumerate(case.fields[:4])
    ]
    for left, right in itertools.pairwise(vectors):
        logits += 0.3 * (left * right).sum(axis=1)
    return features, logits


def _visits(case: Case, count: int, random: np.random.Generator) -> Examples:
    """Return users, items, and histories half of which keep to one category a user."""
    topics = case.vocabulary_of("category") - FIRST_ID
    topic = random.integers(0, topics, count)
    item = _ids(case.vocabulary, count, random)
    item = _with_topic(case, item, topic, topics, random)
    past = _ids(case.vocabulary, (count, case.history), random)
    past = _with_topic(case, past, topic[:, None], topics, random)
    lengths = random.integers(SHORTEST_HISTORY, case.history + 1, count)
    mask = np.arange(case.history) < lengths[:, None]
    features = {
        "user_id": _ids(case.vocabulary, count, random),
        "item_id": item,
        "category": FIRST_ID + item % topics,
        "past_item_id": past * mask,
        "past_category": (FIRST_ID + past % topics) * mask,
    }
    met = (features["past_category"] == features["category"][:, None]).sum(axis=1) / lengths
    logits = 4 * met.astype(np.float32) - 2 + 0.5 * _weights(case.vocabulary, 1, 0)[item, 0]
    return {name: ids.astype(np.int32) for name, ids in features.items()}, logits


def _with_topic(
    case: Case, ids: np.ndarray, topic: np.ndarray, topics: int, random: np.random.Generator
) -> np.ndarray:
    """Return the ids, one in two moved to the nearest one of the topic."""
    moved = ids // topics * topics + topic
    moved = np.where(moved < case.vocabulary, moved, moved - topics)
    return np.where(random.random(ids.shape) < 0.5, np.maximum(moved, FIRST_ID), ids)


def _ids(vocabulary: int, shape: int | tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    ranks = (vocabulary - FIRST_ID) ** random.random(shape, np.float32)
    return FIRST_ID - 1 + ranks.astype(np.int32)


@functools.lru_cache(maxsize=64)
def _weights(vocabulary: int, width: int, number: int) -> np.ndarray:
    return np.random.default_rng(number).standard_normal((vocabulary, width), np.float32)
