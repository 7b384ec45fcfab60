"""The comparison of the models of the matrix, without the peers' own environment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.speed import aims, bounded_memory, matrix, matrix_ours, render_matrix
from benchmarks.speed.pairs import K, Pairs, best_unseen, shared


@pytest.fixture(scope="module")
def pairs():
    return Pairs.of("synthetic")


@pytest.fixture(scope="module")
def path(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.npz"
    pairs.save(path)
    return str(path)


def _scores(pairs):
    factors = matrix._factors(pairs)
    return factors, factors["user"] @ factors["item"].T


def test_pairs_come_back_as_they_were_saved_and_none_is_in_both_parts(pairs, path):
    again = Pairs.read(path)
    np.testing.assert_array_equal(again.train, pairs.train)
    np.testing.assert_array_equal(again.test, pairs.test)
    assert again.shape == pairs.shape == tuple(pairs.train.max(axis=0) + 1)
    train = set(map(tuple, pairs.train.tolist()))
    assert train.isdisjoint(map(tuple, pairs.test.tolist()))
    assert len(pairs.test) == pytest.approx(0.2 * (len(pairs.train) + len(pairs.test)), rel=0.03)


def test_ndcg_of_lists_by_hand():
    train = np.array([[0, 0], [1, 0], [2, 0]], np.int32)
    test = np.array([[0, 1], [0, 2], [1, 3]], np.int32)
    lists = np.full((3, K), -1)
    lists[0, :3], lists[1, 0] = [1, 4, 2], 4
    first = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert Pairs(train, test, (3, 20)).ndcg(lists) == pytest.approx(first / 2)


def test_best_unseen_items_are_in_order_and_new(pairs):
    _, scores = _scores(pairs)
    lists = best_unseen(scores.copy(), pairs.matrix())
    scores[pairs.matrix().nonzero()] = -np.inf
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    assert shared(lists, expected) > 0.999
    assert np.all(np.diff(np.take_along_axis(scores, lists, axis=1)) <= 0)


@pytest.mark.parametrize("model", ["ease", "item_knn"])
def test_our_lists_are_those_of_a_trained_model(model, pairs, path, tmp_path):
    ours = matrix_ours.start(model, path, matrix.SETTINGS[model])
    usage = ours.fit()
    assert usage["seconds"] > 0
    assert ours.lists(str(tmp_path / "lists.npy")).startswith("recommenders-tf")
    lists = np.load(tmp_path / "lists.npy")
    assert lists.shape == (pairs.shape[0], K)
    rows = np.repeat(np.arange(len(lists)), K)
    assert not np.asarray(pairs.matrix()[rows, lists.ravel()]).any()
    popular = np.tile(np.bincount(pairs.train[:, 1]).astype(float), (len(lists), 1))
    assert pairs.ndcg(lists) > pairs.ndcg(best_unseen(popular, pairs.matrix())) + 0.03


def test_our_evaluation_of_given_factors_is_that_of_their_lists(pairs, path, tmp_path):
    factors, scores = _scores(pairs)
    np.savez(tmp_path / "factors.npz", **factors)
    ours = matrix_ours.start("bpr", path, {"embedding_dim": 64})
    ours.load(str(tmp_path / "factors.npz"))
    expected = pairs.ndcg(best_unseen(scores, pairs.matrix()))
    assert ours.evaluate()["NDCG"] == pytest.approx(expected, abs=1e-5)


class _Scripted:
    """A worker that takes as long as it is told, disturbed or not."""

    def __init__(self, seconds, others):
        self._answers = zip(seconds, others, strict=False)

    def ask(self, method):
        assert method == "fit"
        seconds, others = next(self._answers)
        return {"seconds": seconds, "cpu": seconds, "others": others}


def test_rounds_leave_out_what_warms_up_and_what_was_disturbed():
    ours = _Scripted([9.0, 1.0, 2.0, 3.0], [0.0, 0.0, 5.0, 0.0])
    peer = _Scripted(itertools.repeat(4.0), itertools.repeat(0.0))
    taken = matrix.by_turns({"ours": ours, "peer": peer}, "fit", rounds=2)
    assert [block["seconds"] for block in taken["ours"]] == [1.0, 3.0]
    assert len(taken["peer"]) == 2


def test_a_page_has_a_line_for_every_row_and_aims_judge_them():
    taken = {
        "ours": [{"seconds": s, "cpu": 2 * s, "others": 0.0} for s in (1.0, 2.0, 9.0)],
        "peer": [{"seconds": 6.0, "cpu": 6.0, "others": 0.0}] * 3,
    }
    common = {"threads": 2, "ndcg": {"ours": 0.31, "peer": 0.30}}
    fit = matrix._row(
        "fit ease on d", "pairs/s", 12, taken, peer="RecBole 1", shared=0.998, **common
    )
    assert fit["ours"] == 6 and fit["ratio"] == 3 and fit["cpu_over_wall"] == 2
    evaluated = matrix._row(
        "evaluate factors on movielens-1m, 1", "users/s", 60, taken, peer="RecBole 1", **common
    )
    memory = {"work": "memory of als, 9 users", "ours": 2.5, "threads": 2, "scores": 372.5}
    memory |= {"peaks": {"fit": 2.5, "evaluate": 1.0}, "seconds": {"fit": 30.0, "evaluate": 4.0}}
    rows = [fit, evaluated, memory | {"peer": None}]
    page = "\n".join(render_matrix.matrix_sections(rows))
    assert "| 2 | RecBole 1 | 2.00 | 6.00 | **3.00** | 0.3100, 0.3000 | 100% | 2.00 |" in page
    assert "| memory of als, 9 users | 2.5, 1.0 | 30, 4 | 372 |" in page
    verdicts = "\n".join(aims.verdicts(rows))
    assert "EASE at 5 times RecBole's speed or more | 3.0 times; short of it" in verdicts
    assert "within 2 seconds | 2.00 s | yes |" in verdicts


def test_made_up_pairs_stay_within_a_taste():
    pairs = bounded_memory.made_up(500, 1000)
    assert pairs.train.shape == (500 * bounded_memory.MET, 2) and len(pairs.test) == 500
    tastes = (pairs.train[:, 1] // 10).reshape(500, -1)
    assert np.all(tastes == tastes[:, :1])
    assert np.all(pairs.test[:, 1] // 10 == tastes[:, 0])


@pytest.mark.slow
def test_memory_is_measured_in_a_process_of_its_own():
    rows = list(bounded_memory.run(quick=True))
    assert [row["work"].split(",")[0] for row in rows] == ["memory of als", "memory of item_knn"]
    for row in rows:
        assert row["ours"] == max(row["peaks"].values()) > 0.1
        assert list(row["peaks"]) == ["fit", "recommend", "evaluate"]
