import dataclasses
import json

import numpy as np
import pytest

from recommenders_tf.data import Split
from recommenders_tf.evaluation import Candidates, Evaluation, Protocol, compare
from recommenders_tf.evaluation.report import ComparedModel, gather_facts


def test_facts_are_json_and_say_what_the_evaluations_say(facts, compared):
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["metric"] == "NDCG@10"
    for told, model in zip(facts["models"], compared, strict=True):
        assert told["metrics"] == model.evaluation.metrics
        low, high = told["intervals"]["NDCG@10"]
        assert (low, high) == model.evaluation.interval("NDCG@10")
        assert told["history"] == {"loss": [0.7, 0.6]}
    assert facts["asked"] == compared[0].evaluation.protocol.describe()
    assert facts["data"]["train_events"] == 3600 and facts["data"]["test_events"] == 1200


def test_models_are_held_against_the_best_and_the_first(facts, compared):
    evaluations = [model.evaluation for model in compared]
    assert facts["differences"]["best"][0]["difference"] is None
    for name, against in (("best", "knowing"), ("first", "chance")):
        expected = compare(evaluations, "NDCG@10", against).set_index("model")
        records = {record["model"]: record for record in facts["differences"][name]}
        assert set(records) == {"chance", "other_chance", "knowing"}
        assert records.pop(against)["p_holm"] is None
        for other, record in records.items():
            assert record["difference"] == pytest.approx(expected["difference"][other])
            assert record["p_holm"] == pytest.approx(expected["p_holm"][other])
    assert records["knowing"]["p_holm"] < 0.01 < 0.05 < records["other_chance"]["p_holm"]


def test_examples_are_what_users_met_and_were_recommended(facts, compared, parts):
    encoded, test = parts
    past, items = test.past, encoded.log.items.set_index("item_id")["title"]
    activity = [example["events"] for example in facts["examples"]]
    assert activity == sorted(activity)
    for example in facts["examples"]:
        own = past[past["user_id"] == example["user"]].sort_values("timestamp", kind="stable")
        assert example["events"] == len(own)
        latest = own["item_id"].tolist()[::-1][:10]
        assert [item["id"] for item in example["history"]] == latest
        held_out = set(test.events.loc[test.events["user_id"] == example["user"], "item_id"])
        assert {item["id"] for item in example["held_out"]} <= held_out
        assert len(example["held_out"]) == min(len(held_out), 10)
        assert example["num_held_out"] == len(held_out)
        place = compared[2].evaluation.users.tolist().index(example["user"])
        catalogue = encoded.log.items["item_id"].to_numpy()
        expected = catalogue[compared[2].lists.items[place]].tolist()
        listed = example["lists"]["knowing"]
        assert [item["id"] for item in listed] == expected
        assert [item["is_right"] for item in listed] == [one in held_out for one in expected]
        assert all(item["title"] == items[item["id"]] for item in listed)


def test_a_report_names_no_folder_of_the_machine(compared, parts, tmp_path):
    encoded, test = parts
    file = tmp_path / "candidates.csv"
    split = Split("folds", folds=str(tmp_path / "folds.csv"))
    protocol = Protocol(split, candidates=Candidates("file", file=str(file)))
    elsewhere = [
        dataclasses.replace(
            model,
            settings={**model.settings, "parameters": {"vectors": str(file), "dims": [1, 2]}},
            evaluation=dataclasses.replace(model.evaluation, protocol=protocol),
        )
        for model in compared
    ]
    facts = gather_facts(elsewhere, encoded.log, test)
    assert str(tmp_path) not in json.dumps(facts)
    assert facts["models"][0]["parameters"] == {"vectors": "candidates.csv", "dims": [1, 2]}
    assert "Fold test of `folds.csv`" in facts["asked"]
    assert facts["protocol"]["candidates"]["file"] == "candidates.csv"


def test_a_model_is_read_as_it_was_written_if_it_is_the_one_asked_for(compared, tmp_path):
    model, settings = compared[2], {"model": "mf", "parameters": {"hidden_units": (8, 4)}}
    assert ComparedModel.load(tmp_path, settings) is None
    dataclasses.replace(model, settings=settings).save(tmp_path)
    again = ComparedModel.load(tmp_path, settings)
    assert again.name == "knowing" and again.kind == "retrieval"
    assert again.history == model.history
    assert again.evaluation.metrics == model.evaluation.metrics
    np.testing.assert_array_equal(again.lists.items, model.lists.items)
    np.testing.assert_array_equal(again.lists.is_relevant, model.lists.is_relevant)
    assert ComparedModel.load(tmp_path, {**settings, "parameters": {}}) is None


def test_models_that_rank_are_compared_among_themselves(compared, parts):
    encoded, test = parts
    protocol, nobody = compared[0].evaluation.protocol, np.zeros(0, object)
    data = {"digest": "1"}
    rankers = [
        ComparedModel(
            {"model": name}, {}, Evaluation(name, protocol, data, nobody, {}, {"AUC": auc})
        )
        for name, auc in (("lr", 0.7), ("fm", 0.8))
    ]
    alone = gather_facts(rankers, encoded.log, test)
    assert "metric" not in alone and "examples" not in alone
    assert alone["models"][1]["metrics"] == {"AUC": 0.8}
    both = gather_facts([*rankers, compared[0]], encoded.log, test)
    assert both["metric"] == "NDCG@10" and both["differences"] == {}
    assert list(both["by_activity"][0]["models"]) == ["chance"]
    other = dataclasses.replace(
        rankers[1], evaluation=dataclasses.replace(rankers[1].evaluation, data={"digest": "2"})
    )
    with pytest.raises(ValueError, match="The data of `lr` and `fm` differ"):
        gather_facts([rankers[0], other], encoded.log, test)


def test_what_makes_no_comparison_is_refused(compared, parts):
    encoded, test = parts
    for models in (compared[:1], [compared[0], compared[0]]):
        with pytest.raises(ValueError, match="two models or more, each with a name of its own"):
            gather_facts(models, encoded.log, test)
    without = [
        dataclasses.replace(m, evaluation=dataclasses.replace(m.evaluation, per_user={}))
        for m in compared
    ]
    with pytest.raises(ValueError, match="No metric of `chance` is one that each user has"):
        gather_facts(without, encoded.log, test)
