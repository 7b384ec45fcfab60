"""The data of the quality benchmark, from small files of the same form."""

from __future__ import annotations

import gzip
import json
import types

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import datasets
from benchmarks.quality.datasets import frappe, ratings, sequences
from benchmarks.quality.held_out import Candidates, means
from recommenders_tf import data
from recommenders_tf.models import Popularity
from recommenders_tf.schema import FIRST_ID, UNKNOWN_ID


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RECOMMENDERS_TF_DATA", str(tmp_path))
    return tmp_path


def write(path, lines):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))


def rows_of(source):
    features, labels = next(iter(source.batches(1000, shuffle=False)))
    return {name: value.numpy() for name, value in features.items()}, labels.numpy()


def test_frappe_is_encoded_by_its_training_part(folder):
    others = " ".join(f"{number}:1" for number in range(8))
    lines = {
        "train.rebuilt": [f"1 10:1 20:1 {others}", f"-1 10:1 21:1 {others}"],
        "validation": [f"-1 10:1 20:1 {others}"],
        "test": [f"1 10:1 20:1 {others}", f"-1 99:1 21:1 {others}"],
    }
    for part, text in lines.items():
        write(folder / "frappe" / f"frappe.{part}.libfm.gz", text)
    splits = datasets.load("frappe")
    features, labels = rows_of(splits.measured.rows)
    assert labels.tolist() == [1.0, 0.0]
    assert features["user"].tolist() == [FIRST_ID, UNKNOWN_ID]
    assert features["item"].tolist() == [FIRST_ID, FIRST_ID + 1]
    assert len(splits.train) == 2
    assert len(datasets.load("frappe", validation=True).measured.rows) == 1


@pytest.fixture
def lastfm(folder):
    home = folder / "deepcf-lastfm"
    pairs = [(user, item) for user in range(3) for item in range(4 * user, 4 * user + 4)]
    write(home / "lastfm.train.rating.gz", [f"{u}\t{i}\t5" for u, i in pairs])
    write(
        home / "lastfm.test.negative.gz",
        ["\t".join([f"({u},{u + 20})", *map(str, range(u + 20, u + 119))]) for u in range(3)],
    )
    return pairs


def test_leave_one_out_ranks_the_right_item_first_of_its_row(lastfm):
    splits = datasets.load("lastfm")
    features, labels = rows_of(splits.measured.rows)
    assert labels.reshape(3, 100)[:, 0].tolist() == [1, 1, 1]
    assert labels.sum() == 3
    assert (features["item"].reshape(3, 100)[:, 0] - FIRST_ID).tolist() == [20, 21, 22]
    assert (features["user"].reshape(3, 100) - FIRST_ID == np.arange(3)[:, np.newaxis]).all()
    assert splits.watched is None
    assert len(splits.train) == len(lastfm)


def test_a_copy_of_the_right_item_is_no_wrong_candidate(lastfm):
    splits = datasets.load("lastfm")

    class Constant:
        """Gives every pair one score, so that all wrong candidates but the copy tie."""

        def __call__(self, batch, training):
            return batch["user"][:, None] * 0

    splits.measured.counts[:, 12:] = False  # of 99 wrong ones the copy and ten others are left
    assert isinstance(splits.measured, Candidates)
    assert splits.measured.counts.sum(axis=1).tolist() == [10, 10, 10]
    assert splits.measured.measure(Constant())["HR@10"].tolist() == [0, 0, 0]
    splits.measured.counts[:, 11:] = False
    assert splits.measured.measure(Constant())["HR@10"].tolist() == [1, 1, 1]


def test_validation_holds_out_an_event_of_each_user_among_unseen_items(lastfm):
    splits = datasets.load("lastfm", validation=True)
    train, _ = rows_of(splits.train)
    measured, _ = rows_of(splits.measured.rows)
    kept = set(zip(train["user"] - FIRST_ID, train["item"] - FIRST_ID, strict=True))
    asked = zip(measured["user"] - FIRST_ID, measured["item"] - FIRST_ID, strict=True)
    candidates = list(asked)
    held, negatives = candidates[::100], set(candidates) - set(candidates[::100])
    assert kept | set(held) == set(lastfm)
    assert len(kept) == len(lastfm) - 3
    assert not negatives & set(lastfm)
    assert splits.watched is splits.measured


def test_an_unknown_name_and_a_missing_file_are_named(folder):
    with pytest.raises(ValueError, match="`dataset` is `netflix`; it must be one of adult, "):
        datasets.load("netflix")
    with pytest.raises(FileNotFoundError, match=r"adult.data.gz` is missing: name the folder"):
        datasets.load("adult")


@pytest.fixture
def few_events(monkeypatch):
    log = data.synthetic(num_users=40, num_items=15, num_events=300, seed=1)
    monkeypatch.setattr(data, "load", lambda name: log)
    return log


def test_a_past_movie_has_its_own_set_of_genres(few_events):
    features, _ = rows_of(datasets.load("movielens-1m-genres").train)
    sets = dict(zip(features["item_id"].tolist(), features["genre_set"].tolist(), strict=True))
    length = features["history"].shape[1]
    past = zip(
        features["history"].ravel(), features["genre_history"][:, :length].ravel(), strict=True
    )
    met = [(sets[item], genres) for item, genres in past if item in sets]
    assert len(met) > 100 and len(set(met)) > 3
    assert all(expected == found for expected, found in met)


def test_the_last_event_of_each_user_is_told_from_a_drawn_item(few_events):
    splits = datasets.load("amazon-grocery-last-out")
    features, labels = rows_of(splits.measured.rows)
    users, counts = np.unique(features["user_id"], return_counts=True)
    events = few_events.events["user_id"].value_counts()
    assert len(users) == (events > 1).sum() and (counts == 2).all()
    assert set(features["user_id"][labels == 0]) == set(users)


def test_of_ratings_a_tenth_is_held_out_and_measured_in_stars(monkeypatch):
    log = data.synthetic(num_users=100, num_items=80, num_events=2000)
    monkeypatch.setattr(ratings.data, "load", lambda name: log)
    splits = datasets.load("movielens-1m-ratings")
    assert splits.train.schema["rating"].positive_from is None
    held_out = splits.measured.log.events
    assert (len(splits.train), len(held_out)) == (1800, 200)
    assert not held_out.index.duplicated().any()
    both = pd.concat([held_out, splits.train.log.events])[["user_id", "item_id"]]
    assert len(both.drop_duplicates()) == 2000

    model = types.SimpleNamespace(
        kind="retrieval",
        score=lambda events: np.full(len(events), 3.0),
        tables=splits.train.tables,
    )
    errors = held_out["rating"] - 3
    found = means(splits.measured.measure(model))
    np.testing.assert_allclose(found["RMSE"], np.sqrt((errors**2).mean()))
    np.testing.assert_allclose(found["MAE"], errors.abs().mean())

    other = datasets.load("movielens-1m-ratings", seed=1)
    assert pairs_of(other.measured.log) != pairs_of(splits.measured.log)
    chosen = datasets.load("movielens-1m-ratings", validation=True)
    assert (len(chosen.train), len(chosen.measured.log)) == (1620, 180)


def test_lists_of_a_published_split_have_all_of_its_items(folder):
    home = folder / "gowalla-lightgcn"
    # A user, and then what they met.
    write(
        home / "train.txt.gz",
        [f"{user} " + " ".join(map(str, range(user, user + 10))) for user in (0, 1)],
    )
    write(home / "test.txt.gz", ["0 12 13", "1 0"])
    splits = datasets.load("gowalla")
    assert len(splits.train) == 20 and splits.watched is None
    events = splits.measured.log.events
    assert list(zip(events["user"], events["item"], strict=True)) == [
        *(("0", "12"), ("0", "13"), ("1", "0"))
    ]
    chosen = datasets.load("gowalla", validation=True)
    held_out = chosen.measured.log.events
    assert len(chosen.train) == 18 and held_out["user"].tolist() == ["0", "1"]
    learned = set(zip(*(splits.train.log.events[c] for c in ("user", "item")), strict=True))
    assert set(zip(held_out["user"], held_out["item"], strict=True)) <= learned


def test_lists_of_a_random_quarter_are_measured_among_unseen_items(few_events):
    splits, other = (datasets.load("movielens-100k-75-25", seed=seed) for seed in (0, 1))
    assert pairs_of(splits.measured.log) != pairs_of(other.measured.log)
    assert splits.protocol == other.protocol
    assert splits.train.schema["rating"].positive_from is None
    assert len(splits.measured.log) == pytest.approx(0.25 * len(few_events), abs=20)
    model = Popularity(splits.train.schema)
    model.compile()
    model.fit(splits.train, verbose=0)
    found = means(splits.measured.measure(model))
    assert set(found) == {"NDCG@10", "Precision@10", "Recall@10"}
    assert 0 < found["Precision@10"] < found["Recall@10"] <= 1


@pytest.fixture
def papers(folder):
    """Ten users with ten of thirty papers each; paper 7 has no tag."""
    home = folder / "citeulike-a"
    lists = [[(3 * user + step) % 30 for step in range(10)] for user in range(10)]
    write(home / "users.dat.gz", [f"10 {' '.join(map(str, items))}" for items in lists])
    write(home / "item-tag.dat.gz", ["0" if i == 7 else f"2 0 {1 + i % 2}" for i in range(30)])
    write(home / "tags.dat.gz", ["all", "even", "odd"])
    return {(str(user), str(item)) for user, items in enumerate(lists) for item in items}


def pairs_of(log):
    ids = (log.schema.user_id.name, log.schema.item_id.name)
    return set(zip(*(log.events[name] for name in ids), strict=True))


def test_papers_carry_their_tags_and_a_fifth_of_each_library_is_test(papers):
    splits = datasets.load("citeulike-a")
    tags = splits.train.log.items.set_index("item")["tags"]
    assert [list(tags[item]) for item in ("4", "5", "7")] == [["all", "even"], ["all", "odd"], []]
    test = splits.measured.log
    assert test.events["user"].value_counts().tolist() == [2] * 10
    assert pairs_of(test) | pairs_of(splits.train.log) == papers
    assert not pairs_of(test) & pairs_of(splits.train.log)


def test_new_papers_are_in_nobodys_training(papers):
    splits = datasets.load("citeulike-a-new-items")
    held_out = datasets.load("citeulike-a-new-items", validation=True)
    test, train = splits.measured.log, splits.train.log
    assert not set(test.events["item"]) & set(train.events["item"])
    assert pairs_of(test) | pairs_of(train) == papers
    watched = held_out.measured.log
    assert not set(watched.events["item"]) & set(held_out.train.log.events["item"])
    assert not pairs_of(watched) & pairs_of(test)


def test_other_negatives_of_frappe_are_apps_that_the_user_never_used():
    random = np.random.default_rng(0)
    context = random.integers(5, size=60).astype(str).astype(object)
    used = pd.DataFrame({"label": 1.0, "user": ["1", "2"] * 30, "context": context})
    used["item"] = random.integers(8, size=60).astype(str).astype(object)
    parts = {"train": used[:40], "validation": used[40:50], "test": used[50:]}
    parts["test"] = pd.concat([parts["test"], used[:8].assign(label=-1.0, item="9")])
    drawn = frappe.redrawn(parts, seed=1)
    negatives = drawn[drawn["label"] < 0]
    assert (len(drawn), len(negatives)) == (120, 80)
    ever = set(zip(used["user"], used["item"], strict=True))
    assert not ever & set(zip(negatives["user"], negatives["item"], strict=True))
    assert set(negatives["item"]) <= {*used["item"], "9"}
    kept = ["user", "context"]
    counts = (part[kept].value_counts().sort_index() for part in (negatives, used[:40]))
    assert next(counts).equals(2 * next(counts))
    assert not drawn.equals(frappe.redrawn(parts, seed=2))


@pytest.fixture
def tracks(folder):
    """Six users with six of twelve items each, of which the odd ones have a tag, twice."""
    home = folder / "sequential-s3rec"
    met = {user: [1 + (user + 2 * step) % 12 for step in range(6)] for user in range(1, 7)}
    write(home / "LastFM.txt.gz", [f"{u} {' '.join(map(str, items))}" for u, items in met.items()])
    tags = {str(item): [7, 7] if item % 2 else [] for item in range(1, 13)}
    write(home / "LastFM_item2attributes.json.gz", [json.dumps(tags)])
    wrong = {user: sorted({*range(1, 13)} - {*items})[:5] for user, items in met.items()}
    write(home / "LastFM_sample.txt.gz", [f"{u} {' '.join(map(str, w))}" for u, w in wrong.items()])
    return met


def test_the_last_two_items_of_a_sequence_are_held_out(tracks, monkeypatch, tmp_path):
    monkeypatch.setattr(sequences, "ROOT", tmp_path)
    splits = datasets.load("s3rec-lastfm")
    test, watched = splits.measured.log, splits.watched.log
    assert test.events["item"].tolist() == [str(items[-1]) for items in tracks.values()]
    assert watched.events["item"].tolist() == [str(items[-2]) for items in tracks.values()]
    assert len(splits.train) == 4 * 6 and len(test.past) == 5 * 6 and len(watched.past) == 4 * 6
    assert datasets.load("s3rec-lastfm", validation=True).measured.log.events.equals(watched.events)
    tags = test.items.set_index("item")["attributes"]
    assert (tags["1"], tags["2"]) == (["7"], [])
    assert splits.train.schema["attributes"].max_length == 1


def test_one_model_is_reported_among_all_and_among_published_items(tracks, monkeypatch, tmp_path):
    monkeypatch.setattr(sequences, "ROOT", tmp_path)
    splits = datasets.load("s3rec-lastfm")
    model = Popularity(splits.train.schema)
    model.compile()
    model.fit(splits.train, verbose=0)
    found = {said: means(asked.measure(model)) for said, asked in splits.reported.items()}
    everything, few = found
    assert [*found[everything]] == ["HR@10", "NDCG@10"]
    assert [*found[few]] == ["HR@10 of 99 published", "NDCG@10 of 99 published"]
    assert everything.endswith("all items that the user has not met")
    assert few.endswith("99 items that the user has not met, published with the set")
    assert found[few]["HR@10 of 99 published"] == 1  # six candidates
    assert found[few]["NDCG@10 of 99 published"] > found[everything]["NDCG@10"]


def test_each_click_of_a_session_is_asked_for_by_those_before_it(folder):
    home = folder / "session-yoochoose-100k"
    head = "SessionId\tItemId\tTime"
    clicks = ["1\t5\t1.5", "2\t6\t9.0", "1\t6\t2.5", "1\t7\t3.5", "2\t5\t9.5"]
    asked = ["8\t7\t22.0", "8\t5\t21.0", "8\t7\t23.5", "8\t9\t24.0", "9\t6\t30.0", "9\t5\t31.0"]
    for part, lines in (("train_full", clicks), ("test", asked)):
        write(home / f"yoochoose-clicks-100k_{part}.txt.gz", [head, *lines])
    splits = datasets.load("yoochoose")
    assert splits.train.log.events["item"].tolist() == ["5", "6", "7", "6", "5"]
    log = splits.measured.log
    assert log.events["item"].tolist() == ["7", "7", "5"]  # 9 is unknown to training
    before = log.past.groupby("session", sort=False)["item"].agg(list)
    assert [before[session] for session in log.events["session"]] == [["5"], ["5", "7"], ["6"]]
    assert not splits.measured.protocol.exclude_seen


def test_published_questions_of_diginetica_are_asked_as_they_are(folder):
    home = folder / "session-diginetica"
    write(home / "all_train_seq.txt.gz", [f"{i % 7} {(i + 1) % 7}" for i in range(100)])
    write(home / "test.txt.gz", ["1 2\t3", "1\t2"])
    splits, chosen = (datasets.load("diginetica", validation=v) for v in (False, True))
    log = splits.measured.log
    assert (len(splits.train), log.events["item"].tolist()) == (200, ["3", "2"])
    assert log.past.loc[log.past["session"] == "q0", "item"].tolist() == ["1", "2"]
    assert len(chosen.train) + 2 * len(chosen.measured.log) == 200
    assert 0 < len(chosen.measured.log) < 30
