"""A made-up event log with known structure: for tests, and for want of data."""

from __future__ import annotations

import pathlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.quarantine import CleaningReport
from recommenders_tf.schema import FeatureSchema

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SCHEMA = pathlib.Path(__file__).with_name("schemas") / "synthetic.yaml"
_START, _SECONDS = 1_700_000_000, 180 * 24 * 3600
_EXPLORING = 0.2
"""Share of events in which a user meets any popular item, whatever their taste."""
_EVENNESS = 0.15
"""Of a user's taste: near 0 for one cluster only, large for all clusters alike."""
_CLUSTERS = {
    "Action": ("explosive", "chase", "hero", "storm", "iron"),
    "Comedy": ("funny", "wedding", "holiday", "neighbours", "prank"),
    "Drama": ("silent", "letters", "river", "daughter", "autumn"),
    "Horror": ("haunted", "scream", "cellar", "midnight", "bones"),
    "Romance": ("kiss", "summer", "paris", "promise", "hearts"),
    "Science": ("galaxy", "robot", "orbit", "quantum", "mars"),
}
_NAMES = np.array(list(_CLUSTERS))
_WORDS = np.array(list(_CLUSTERS.values()))
_NOUNS = np.array(["night", "story", "return", "game", "world", "road", "house", "day"])
_OCCUPATIONS = np.array(["soldier", "teacher", "writer", "student", "nurse", "engineer"])
_DEVICES = np.array(["phone", "tv", "laptop"])


def synthetic(
    num_users: int = 1_000,
    num_items: int = 500,
    num_events: int = 50_000,
    seed: int = 0,
) -> EventLog:
    """Make an event log in which there is something to learn.

    - Each item belongs to one of six taste clusters, and so do its words, category, genres and
      price; within a cluster, popularity falls off as in Zipf's law.
    - Each user has a taste: a mixture of clusters that moves, over the time of the log, from one
      mixture to another. Age, gender and occupation tell something of it.
    - A rating from 1 to 5 follows from the user's taste at that time, the item's quality, the
      user's mildness, the device and chance. No user rates an item twice.

    Args:
        num_users: Number of users.
        num_items: Number of items.
        num_events: Number of events.
        seed: The same seed and sizes give the same log.

    Returns:
        A log named `synthetic` of 180 days, events in order of time. Users and items without
        events stay in their tables.

    Raises:
        ValueError: There are too few users and items for so many events, or none.

    Example:
        >>> synthetic(num_users=20, num_items=30, num_events=100)
        EventLog('synthetic', events=100, users=20, items=30)
    """
    if min(num_users, num_items, num_events) < 1 or num_events > num_users * num_items // 2:
        raise ValueError(
            f"{num_events} events need more than {num_users} users and {num_items} items, since "
            "no user rates an item twice: ask for at most half as many events as there are pairs."
        )
    random = np.random.default_rng(seed)
    early, late = random.dirichlet(np.full(len(_NAMES), _EVENNESS), (2, num_users))
    cluster = random.integers(len(_NAMES), size=num_items)
    popularity = 1.0 / (1.0 + random.permutation(num_items))
    user, item, moment = _meetings(random, early, late, cluster, popularity, num_events)
    device = random.integers(len(_DEVICES), size=num_events)
    rating = _ratings(random, _taste(early, late, user, moment), user, item, cluster, device)
    events = pd.DataFrame(
        {
            "user_id": _ids("u", num_users)[user],
            "item_id": _ids("i", num_items)[item],
            "device": _DEVICES.astype(object)[device],
            "timestamp": _START + (moment * _SECONDS).astype(np.int64),
            "rating": rating,
        }
    )
    users, items = _users(random, early + late), _items(random, cluster)
    sizes = {"users": num_users, "items": num_items, "events": num_events}
    nothing = pd.DataFrame({"table": [], "reason": [], "row": []}, dtype=object)
    report = CleaningReport(sizes, sizes, nothing)
    return EventLog(events, users, items, FeatureSchema.load(_SCHEMA), report=report)


def _meetings(
    random: np.random.Generator,
    early: Floats,
    late: Floats,
    cluster: Ints,
    popularity: Floats,
    num_events: int,
) -> tuple[Ints, Ints, Floats]:
    """Draw who meets what at which moment (0 to 1), in order of time, no pair twice."""
    activity = random.lognormal(sigma=0.8, size=len(early))
    weights = popularity * (cluster == np.arange(len(_NAMES))[:, None]) + 1e-12
    user, item, moment = np.empty(0, int), np.empty(0, int), np.empty(0)
    while len(user) < num_events:
        size = 2 * num_events
        who = random.choice(len(early), size, p=activity / activity.sum())
        when = random.random(size)
        liked = _draw(random, _taste(early, late, who, when))
        what = random.choice(len(cluster), size, p=popularity / popularity.sum())
        tasteful = random.random(size) > _EXPLORING
        for index in range(len(_NAMES)):
            chosen = np.flatnonzero(tasteful & (liked == index))
            p = weights[index] / weights[index].sum()
            what[chosen] = random.choice(len(cluster), len(chosen), p=p)
        user, item = np.concatenate([user, who]), np.concatenate([item, what])
        moment = np.concatenate([moment, when])
        _, first = np.unique(user * len(cluster) + item, return_index=True)
        first.sort()
        user, item, moment = user[first], item[first], moment[first]
    order = np.argsort(moment[:num_events], kind="stable")
    return user[order], item[order], moment[order]


def _taste(early: Floats, late: Floats, user: Ints, moment: Floats) -> Floats:
    """Return each user's mixture of clusters at a moment: [events, clusters]."""
    return early[user] + (late[user] - early[user]) * moment[:, None]


def _draw(random: np.random.Generator, shares: Floats) -> Ints:
    """Draw one column for each row, each with its share as probability."""
    drawn = (np.cumsum(shares, axis=1) < random.random((len(shares), 1))).sum(axis=1)
    return np.minimum(drawn, shares.shape[1] - 1)


def _ratings(
    random: np.random.Generator, taste: Floats, user: Ints, item: Ints, cluster: Ints, device: Ints
) -> Floats:
    liking = np.sqrt(taste[np.arange(len(user)), cluster[item]])
    quality = random.normal(scale=0.5, size=len(cluster))[item]
    mildness = random.normal(scale=0.4, size=user.max() + 1)[user]
    big_screen = 0.5 * ((device == 1) & np.isin(_NAMES, ["Action", "Science"])[cluster[item]])
    noise = random.normal(scale=0.6, size=len(user))
    return np.clip(np.rint(2.0 + 2.5 * liking + quality + mildness + big_screen + noise), 1, 5)


def _users(random: np.random.Generator, taste: Floats) -> pd.DataFrame:
    favourite = taste.argmax(axis=1)
    shown = random.random(len(taste)) < 0.7
    occupation = np.where(shown, favourite, random.integers(len(_OCCUPATIONS), size=len(taste)))
    age = np.clip(random.normal(20 + 8 * favourite, 6), 10, 90).round()
    women = random.random(len(taste)) < np.where(favourite % 2 == 1, 0.7, 0.3)
    return pd.DataFrame(
        {
            "user_id": _ids("u", len(taste)),
            "age": age,
            "gender": np.where(women, "F", "M").astype(object),
            "occupation": _OCCUPATIONS.astype(object)[occupation],
        }
    )


def _items(random: np.random.Generator, cluster: Ints) -> pd.DataFrame:
    size = len(cluster)
    second = random.integers(len(_NAMES), size=size)
    has_second = (random.random(size) < 0.4) & (second != cluster)
    word = _WORDS[cluster, random.integers(_WORDS.shape[1], size=size)].astype(object)
    noun = _NOUNS.astype(object)[random.integers(len(_NOUNS), size=size)]
    number = np.arange(1, size + 1).astype(str).astype(object)
    genres = [
        [str(name) for name in _NAMES[[a, b] if both else [a]]]
        for a, b, both in zip(cluster, second, has_second, strict=True)
    ]
    return pd.DataFrame(
        {
            "item_id": _ids("i", size),
            "title": "The " + word + " " + noun + " " + number,
            "category": _NAMES.astype(object)[cluster],
            "genres": genres,
            "price": np.exp(random.normal(1.0 + 0.3 * cluster, 0.5)).round(2),
        }
    )


def _ids(letter: str, count: int) -> npt.NDArray[np.object_]:
    return letter + np.arange(1, count + 1).astype(str).astype(object)
