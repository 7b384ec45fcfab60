"""Values of users that are kept beside rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import by_user

KEY = {"model": "mf", "dataset": "toy", "protocol": "last event", "recipe": {"dim": 4}}
ROW = {**KEY, "metric": "HR@10", "seeds": [1, 2]}


@pytest.fixture
def results(tmp_path):
    return tmp_path / "rows.jsonl"


def test_users_have_their_mean_over_the_seeds(results):
    by_user.keep(results, KEY, 2, {"HR@10": np.array([0.0, 1.0]), "NDCG@10": np.zeros(2)})
    by_user.keep(results, KEY, 1, {"HR@10": np.array([1.0, 1.0]), "NDCG@10": np.zeros(2)})
    assert by_user.load(results, ROW).tolist() == [0.5, 1.0]
    assert by_user.load(results, {**ROW, "seeds": [2]}).tolist() == [0.0, 1.0]


def test_a_seed_that_was_not_kept_is_no_mean(results):
    assert by_user.load(results, ROW) is None
    by_user.keep(results, KEY, 1, {"HR@10": np.ones(2)})
    assert by_user.load(results, ROW) is None


@pytest.mark.parametrize("field", ["protocol", "recipe"])
def test_another_run_takes_the_place_of_what_was_kept(results, field):
    for seed in (1, 2):
        by_user.keep(results, KEY, seed, {"HR@10": np.ones(2)})
    other = {**KEY, field: "another"}
    by_user.keep(results, other, 1, {"HR@10": np.zeros(2)})
    assert by_user.load(results, ROW) is None
    assert by_user.load(results, {**ROW, **other, "seeds": [1]}).tolist() == [0.0, 0.0]


def test_nothing_is_kept_of_a_metric_of_all(results):
    by_user.keep(results, KEY, 1, {"AUC": np.asarray(0.7)})
    assert list(results.parent.iterdir()) == []
