"""The data of the quality benchmark, each cut as its protocol says.

Sets that come with their own split and have neither times nor histories are a protocol and not an
event log: they live here, and not among the data sets that the library knows by name.
"""

from __future__ import annotations

import importlib

from benchmarks.quality.held_out import Splits

_MODULES = {
    "adult": "adult",
    "amazon-grocery": "event_logs",
    "amazon-grocery-last-out": "event_logs",
    "amusic": "leave_one_out",
    "citeulike-a": "citeulike",
    "citeulike-a-new-items": "citeulike",
    "criteo-8k": "criteo",
    "diginetica": "sessions",
    "frappe": "frappe",
    "frappe-redrawn": "frappe",
    "gowalla": "lists",
    "ipinyou": "ipinyou",
    "lastfm": "leave_one_out",
    "ml-1m": "leave_one_out",
    "movielens-100k": "full_ranking",
    "movielens-100k-75-25": "lists",
    "movielens-100k-ratings": "ratings",
    "movielens-1m": "event_logs",
    "movielens-1m-genres": "event_logs",
    "movielens-1m-last-out": "full_ranking",
    "movielens-1m-ratings": "ratings",
    "movielens-1m-two-labels": "event_logs",
    "s3rec-beauty": "sequences",
    "s3rec-lastfm": "sequences",
    "sequential-beauty": "sequences",
    "sequential-ml-1m": "sequences",
    "yoochoose": "sessions",
}


DRAWN = {
    "frappe-redrawn",
    "movielens-100k-75-25",
    "movielens-100k-ratings",
    "movielens-1m-ratings",
}
"""Data of which each seed draws a part of its own, as their papers do or one would have to."""


def load(name: str, validation: bool = False, seed: int = 0) -> Splits:
    """Return a data set as its protocol cuts it.

    Args:
        name: Of the data set, as configs have it.
        validation: Measure on a validation part in place of the test part, for choosing.
        seed: Of the run, by which those of `DRAWN` are cut.

    Raises:
        ValueError: There is no such data set.
        FileNotFoundError: Its files are not on this machine.
    """
    if name not in _MODULES:
        raise ValueError(f"`dataset` is `{name}`; it must be one of {', '.join(_MODULES)}.")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return module.load(name, validation, *([seed] if name in DRAWN else []))
