"""The comparison of sequence models, without the peer's own environment."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from benchmarks.speed import aims, sequences_ours, time_to_equal
from benchmarks.speed.pairs import K, Pairs
from benchmarks.speed.render_sequences import sequence_sections


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Forty users, each of whom meets items that follow one another."""
    folder = tmp_path_factory.mktemp("data")
    lines = [f"{user} {1 + (3 * user + step) % 30}" for user in range(1, 41) for step in range(12)]
    (folder / "sequential-ml-1m").mkdir()
    path = folder / "sequential-ml-1m" / "ml-1m.txt.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOMMENDERS_TF_DATA", str(folder))
        return time_to_equal._pairs(None), time_to_equal._pairs(5)


def test_the_item_before_the_last_is_asked_for_and_the_last_by_nobody(pairs):
    every, few = pairs
    assert (len(every.train), len(every.test), every.shape[0]) == (400, 40, 40)
    assert (len(few.train), len(few.test), few.shape[0]) == (50, 5, 5)
    of_first = every.train[every.train[:, 0] == 0][:, 1]
    assert of_first.tolist() == list(range(10))  # codes in the order of appearance
    assert every.test[0].tolist() == [0, 10]


def test_ours_learns_what_follows_and_both_ways_to_measure_agree(pairs, tmp_path):
    every, _ = pairs
    every.save(tmp_path / "pairs.npz")
    settings = {"embedding_dim": 16}
    ours = sequences_ours.start("gru4rec", str(tmp_path / "pairs.npz"), 20, settings)
    for _ in range(40):
        ours.train(seconds=1)
    ours.lists(str(tmp_path / "lists.npy"))
    lists = np.load(tmp_path / "lists.npy")
    assert lists.shape == (40, K)
    # Nothing that was met is as likely as what follows.
    assert ours.evaluate()["NDCG"] == pytest.approx(every.ndcg(lists), abs=0.05)
    assert every.ndcg(lists) > 0.8


class Learner:
    """Gets better with each call."""

    contender = "learner"

    def __init__(self, pairs: Pairs) -> None:
        self._lists, self._calls = np.full((pairs.shape[0], K), -1), 0
        self._test = pairs.test

    def ask(self, method, **arguments):
        if method == "train":
            user, item = self._test[self._calls]
            self._lists[user, 0], self._calls = item, self._calls + 1
            return {"seconds": arguments["seconds"], "others": 0.0, "examples": 7}
        np.save(arguments["path"], self._lists)
        return "learner 1"


def test_learning_ends_with_the_time_or_at_the_goal(pairs, tmp_path):
    every, _ = pairs
    curve, examples, disturbed = time_to_equal._learn(
        Learner(every), every, tmp_path / "lists.npy", 80.0
    )
    assert [seconds for seconds, _ in curve] == [10.0 * look for look in range(1, 9)]
    assert [value for _, value in curve] == pytest.approx([look / 40 for look in range(1, 9)])
    assert (examples, disturbed) == (56, False)
    curve, _, _ = time_to_equal._learn(
        Learner(every), every, tmp_path / "lists.npy", 80.0, goal=3 / 40
    )
    assert len(curve) == 3


def test_the_page_has_a_line_for_each_model():
    row = {
        "work": "learn sasrec on sequential-ml-1m",
        "threads": 1,
        "peer": "RecBole 1.2.1",
        "ratio": 40.0,
        "seconds": {"ours": 20.0, "peer": 800.0},
        "ndcg": {"ours": 0.05, "peer": 0.04},
        "peer_examples": 12345,
        "disturbed": False,
    }
    evaluated = row | {"work": "evaluate sasrec on sequential-ml-1m", "ratio": 8.0}
    lines = sequence_sections([row, evaluated])
    assert "| 20.0 | 800.0 | **40.0** | 0.0500, 0.0400 | 12,345 |" in "\n".join(lines)
    verdicts = "\n".join(aims.verdicts([row, evaluated]))
    assert (
        "| SASRec, GRU4Rec and BERT4Rec as good as RecBole's 10 times sooner | 40.0 times | yes |"
        in verdicts
    )
    assert "| 0 of 1 |" in verdicts
    assert sequence_sections([])[-1] == "Not measured yet.\n"
