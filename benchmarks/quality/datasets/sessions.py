"""Clicks of anonymous sessions: each one of a test session is asked for by those before it."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd

from benchmarks.quality.datasets import files
from benchmarks.quality.held_out import Lists, Splits
from recommenders_tf import data
from recommenders_tf.data import EventLog
from recommenders_tf.evaluation import Protocol
from recommenders_tf.schema import FeatureSchema

_LENGTH = 20
_VALIDATION_SHARE, _SEED = 0.1, 0
_SAID = {
    "diginetica": "sessions of the last week are test, of the others a tenth validation",
    "yoochoose": "sessions are parted in time as published",
}
Sessions = list[list[str]]


def load(name: str, validation: bool) -> Splits:
    """Return training sessions, and the clicks of test or validation sessions as questions.

    Each question is a session of its own, which knows the clicks before the one that is asked for.
    """
    train, asked = (_diginetica if name == "diginetica" else _yoochoose)(validation)
    known = {item for session in train for item in session}
    questions = [session for session in asked if session[-1] in known]
    learned = _clicks("t", train)
    past = _clicks("q", [session[:-1] for session in questions])
    targets = _clicks("q", [session[-1:] for session in questions])
    for part, start in ((past, len(learned)), (targets, len(learned) + len(past))):
        part["time"] += start
    clicks = pd.concat([learned, past, targets], ignore_index=True)
    users, items = (clicks[[c]].drop_duplicates(ignore_index=True) for c in ("session", "item"))
    schema = FeatureSchema.from_dict(
        {
            "name": name,
            "columns": {
                "session": {"kind": "id", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "time": {"kind": "timestamp", "role": "event_time"},
                "history": {
                    "kind": "sequence",
                    "role": "user",
                    "source": "item",
                    "max_length": _LENGTH,
                },
            },
        }
    )
    before = pd.concat([learned, past], ignore_index=True)
    measured = Lists(
        EventLog(targets, users, items, schema, past=before),
        Protocol(exclude_seen=False),
        20,
        ("HR", "MRR"),
    )
    return Splits(
        data.encode(EventLog(learned, users, items, schema)),
        measured if validation else None,
        measured,
        f"{_SAID[name]}; each click from the second on is ranked among all items, met or not, by "
        f"up to {_LENGTH} clicks before it in its session; items that training has not are not "
        "asked for",
    )


def _clicks(prefix: str, sessions: Sessions) -> pd.DataFrame:
    """Return a click a row, in order, the sessions named by their number."""
    owners = np.repeat(np.arange(len(sessions)), [len(session) for session in sessions])
    items = [item for session in sessions for item in session]
    names = np.array([f"{prefix}{number}" for number in range(len(sessions))], object)
    return pd.DataFrame({"session": names[owners], "item": items, "time": np.arange(len(items))})


def _diginetica(validation: bool) -> tuple[Sessions, Sessions]:
    """Return training sessions and questions, each the clicks before and the one asked for."""
    with gzip.open(files.find("session-diginetica", "all_train_seq.txt.gz"), "rt") as file:
        train = [line.split() for line in file]
    if validation:
        held_out = np.random.default_rng(_SEED).random(len(train)) < _VALIDATION_SHARE
        parts: tuple[Sessions, Sessions] = ([], [])
        for session, out in zip(train, held_out, strict=True):
            parts[out].append(session)
        return parts[0], _questions(parts[1])
    with gzip.open(files.find("session-diginetica", "test.txt.gz"), "rt") as file:
        return train, [line.split() for line in file]


def _yoochoose(validation: bool) -> tuple[Sessions, Sessions]:
    """Likewise, of the files of the sample."""
    train, asked = (
        _read_yoochoose(part)
        for part in (("train_tr", "train_valid") if validation else ("train_full", "test"))
    )
    return train, _questions(asked)


def _read_yoochoose(part: str) -> Sessions:
    path = files.find("session-yoochoose-100k", f"yoochoose-clicks-100k_{part}.txt.gz")
    clicks = pd.read_csv(path, sep="\t", dtype={"SessionId": str, "ItemId": str})
    clicks = clicks.sort_values("Time", kind="stable")
    by_session = clicks.groupby("SessionId", sort=False)["ItemId"].agg(list)
    return [*by_session]


def _questions(sessions: Sessions) -> Sessions:
    return [session[: end + 1] for session in sessions for end in range(1, len(session))]
