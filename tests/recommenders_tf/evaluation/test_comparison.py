import dataclasses

import numpy as np
import pandas as pd
import pytest

from recommenders_tf.data import Split
from recommenders_tf.evaluation import Evaluation, Protocol, compare, holm

PROTOCOL = Protocol(Split("random", test_share=0.25, seed=1))


@pytest.fixture(scope="module")
def found():
    """Evaluations of four models on 200 users: one with a planted lead, three of chance."""
    random = np.random.default_rng(0)
    users = np.array([f"u{number}" for number in range(200)], object)
    chance = [random.random(200) for _ in range(3)]
    values = {f"chance_{number}": one for number, one in enumerate(chance)}
    values["better"] = chance[0] + random.random(200) / 2
    data = {"name": "made up", "digest": "0"}
    return [
        Evaluation(name, PROTOCOL, data, users, {"NDCG@10": one}, {"Coverage@10": 0.5})
        for name, one in values.items()
    ]


def test_a_table_of_models_corrects_for_their_number(found):
    table = compare(found, "NDCG@10")
    assert table["model"][0] == "better"
    assert table["mean"].is_monotonic_decreasing
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    assert table.loc[0, ["difference", "difference_low", "p", "p_holm"]].isna().all()
    np.testing.assert_allclose(table["p_holm"][1:], holm(table["p"][1:]))
    by_name = pd.Series(table["difference"].to_numpy(), table["model"])
    for one in found[:3]:
        expected = one.metrics["NDCG@10"] - found[3].metrics["NDCG@10"]
        assert by_name[one.model] == pytest.approx(expected)


def test_models_are_held_against_one_of_choice(found):
    table = compare(found, "NDCG@10", against="chance_1").set_index("model")
    assert table.index[0] == "better"
    assert np.isnan(table["difference"]["chance_1"]) and np.isnan(table["p_holm"]["chance_1"])
    own = found[3].difference(found[1], "NDCG@10")
    assert table["difference"]["better"] == own.mean > 0
    bounds = table.loc["better", ["difference_low", "difference_high"]].tolist()
    assert bounds == [own.low, own.high]
    assert table["p"]["better"] == own.randomization
    others = table.drop("chance_1")
    np.testing.assert_allclose(others["p_holm"], holm(others["p"]))
    with pytest.raises(ValueError, match="no evaluation of `mf` to hold others against; there are"):
        compare(found, "NDCG@10", against="mf")


def test_what_can_not_be_compared_is_refused(found):
    with pytest.raises(ValueError, match="takes two evaluations or more"):
        compare(found[:1], "NDCG@10")
    other = dataclasses.replace(found[2], protocol=Protocol(Split("random", test_share=0.5)))
    with pytest.raises(ValueError, match=r"`split.test_share` \(0.5, 0.25\).*evaluate both by"):
        compare([found[0], other], "NDCG@10")
