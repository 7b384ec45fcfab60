import dataclasses

import numpy as np
import pytest

from recommenders_tf.data import Split
from recommenders_tf.evaluation import Evaluation, Protocol, evaluate

RANDOM = Protocol(Split("random", test_share=0.25, seed=1))


@pytest.fixture(scope="module")
def found(parts, table_of, model_of):
    """Evaluations of four models: one with a planted signal, three of chance."""
    encoded, test = parts
    evaluations = []
    for seed in range(4):
        model = model_of(encoded, table_of(encoded, 10**6, seed), f"chance_{seed}")
        evaluations.append(evaluate(model, test, RANDOM, metrics=("NDCG", "HR", "Coverage")))
    gain = np.random.default_rng(9).random(len(evaluations[0].users)) / 10
    better = {name: values + gain for name, values in evaluations[0].per_user.items()}
    return [dataclasses.replace(evaluations[0], model="better", per_user=better), *evaluations]


def test_a_result_is_read_as_it_was_written(found, tmp_path):
    found[1].save(tmp_path / "deep" / "result")
    again = Evaluation.load(tmp_path / "deep" / "result")
    assert again.metrics == found[1].metrics
    assert list(again.metrics) == ["NDCG@10", "HR@10", "Coverage@10"]
    assert again.protocol == RANDOM
    assert again.users.tolist() == found[1].users.tolist()
    assert again.data == found[1].data
    assert found[0].difference(again, "NDCG@10").mean > 0


def test_a_difference_is_between_the_same_users_in_any_order(found):
    better, first = found[:2]
    order = np.random.default_rng(0).permutation(len(first.users))
    shuffled = dataclasses.replace(
        first,
        users=first.users[order],
        per_user={name: values[order] for name, values in first.per_user.items()},
    )
    found_difference = better.difference(first, "NDCG@10")
    expected = np.mean(better.per_user["NDCG@10"] - first.per_user["NDCG@10"])
    assert found_difference.mean == pytest.approx(expected)
    assert found_difference.low < expected < found_difference.high
    assert found_difference.t_test < 1e-6 and found_difference.randomization < 1e-3
    assert better.difference(shuffled, "NDCG@10") == found_difference


def test_results_of_two_protocols_or_data_sets_are_not_compared(
    found, planted_log, model_of, table_of, parts
):
    encoded, test = parts
    other = dataclasses.replace(found[2], protocol=Protocol(Split("random", test_share=0.5)))
    with pytest.raises(ValueError, match="The protocols of `better` and `chance_1` differ in"):
        found[0].difference(other, "NDCG@10")
    with pytest.raises(ValueError, match=r"`split.test_share` \(0.5, 0.25\).*evaluate both by"):
        other.difference(found[0], "NDCG@10")
    fewer = dataclasses.replace(test, events=test.events.iloc[1:])
    model = model_of(encoded, table_of(encoded, 10**6), "fewer")
    elsewhere = evaluate(model, fewer, RANDOM, metrics=("NDCG",))
    with pytest.raises(ValueError, match=r"The data of .*`test_events` \(1200, 1199\).*`digest`"):
        found[0].difference(elsewhere, "NDCG@10")


def test_what_users_do_not_have_is_named(found):
    with pytest.raises(KeyError, match="no values of `Coverage@10` by user"):
        found[0].interval("Coverage@10")
    low, high = found[0].interval("NDCG@10", confidence=0.9)
    assert found[0].intervals(0.9)["NDCG@10"] == pytest.approx((low, high))
    assert set(found[0].intervals()) == {"NDCG@10", "HR@10"}
