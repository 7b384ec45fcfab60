"""An exported retriever that finds items through an index."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.index import IVFConfig, IVFPQConfig, ScannConfig
from tests import harness
from tests.harness import assert_only_stock_ops

INDEXES = ["exact", IVFConfig(lists=10, probes=8), IVFPQConfig(lists=10, probes=8)]
_ASK = """
import json, sys, tensorflow as tf
users, k = json.loads(sys.argv[2])
recommend = tf.saved_model.load(sys.argv[1]).signatures["recommend"]
specs = recommend.structured_input_signature[1]
absent = {name: tf.zeros([0] * len(spec.shape), spec.dtype) for name, spec in specs.items()}
given = {"user_id": users, "k": k, "exclude_seen": True}
answer = recommend(**absent | {name: tf.constant(value) for name, value in given.items()})
print(json.dumps([[i.decode() for i in row] for row in answer["item_id"].numpy().tolist()]))
"""


@pytest.fixture(scope="module")
def fitted(planted_log):
    tf.keras.utils.set_random_seed(0)
    train = rtf.data.encode(planted_log)
    model, ranker = rtf.models.TwoTower(train.schema), rtf.models.WideDeep(train.schema)
    for own in (model, ranker):
        own.compile()
        own.fit(train, epochs=2, batch_size=256, verbose=0)
    return model, ranker


def ask(served, signature, users, k=10, **given):
    request = {"exclude_seen": tf.constant(True)}
    request |= {"user_id": tf.constant(users), "k": tf.constant(k), **given}
    answer = harness.ask(served.signatures[signature], **request)
    items = [[item.decode() for item in row] for row in answer["item_id"].numpy()]
    return items, answer["score"].numpy()


@pytest.mark.parametrize("index", INDEXES, ids=["exact", "ivf", "ivf_pq"])
def test_finds_what_scoring_all_finds(planted_log, fitted, index, tmp_path) -> None:
    model = fitted[0]
    path = model.export(tmp_path / "1", index=index)
    assert_only_stock_ops(path)
    served = tf.saved_model.load(str(path))
    catalogue = planted_log.items["item_id"].tolist()
    users = planted_log.users["user_id"].tolist()[:60]
    events = planted_log.events.groupby("user_id")["item_id"].agg(set)
    whole = model.recommend(users, k=len(catalogue)).groupby("user_id", sort=False)
    ranked = {user: own["item_id"].tolist() for user, own in whole}
    scores = {user: dict(zip(own["item_id"], own["score"], strict=True)) for user, own in whole}

    items, found = ask(served, "recommend", users)
    assert all(all(row) for row in items), "an answer is not full"
    assert not any(set(row) & events[user] for user, row in zip(users, items, strict=True))
    shared = [
        len(set(row) & set(ranked[user][:10])) for user, row in zip(users, items, strict=True)
    ]
    assert np.mean(shared) >= (10 if index == "exact" else 9), np.mean(shared)
    for user, row, own in zip(users, items, found, strict=True):
        np.testing.assert_allclose(own, [scores[user][item] for item in row], rtol=1e-4)

    # As many as are left, recent ones excluded; after them no item.
    recent = [row[:3] for row in items]
    rest, values = ask(served, "recommend", users, 150, history=tf.constant(recent))
    for user, row, own, met in zip(users, rest, values, recent, strict=True):
        count = len(catalogue) - len(events[user] | set(met))
        assert set(row[:count]) == set(catalogue) - events[user] - set(met)
        assert not any(row[count:]) and np.isneginf(own[count:]).all()

    asked = tf.constant([[*ranked[users[0]][20:50], ranked[users[0]][21], "nothing"]])
    few, _ = ask(served, "recommend", users[:1], 40, candidates=asked)
    assert [item for item in few[0] if item] == ranked[users[0]][20:50]
    all_asked, _ = ask(served, "recommend", users[:1], 150, exclude_seen=tf.constant(False))
    assert set(filter(None, all_asked[0])) == set(catalogue)


def test_a_cascade_retrieves_through_the_index(planted_log, fitted, tmp_path) -> None:
    cascade = rtf.Cascade(*fitted, num_retrieved=30)
    served = tf.saved_model.load(str(cascade.export(tmp_path / "1", index="exact")))
    users = planted_log.users["user_id"].tolist()[:20]
    items, _ = ask(served, "recommend", users, 5)
    assert [i for row in items for i in row] == cascade.recommend(users, k=5)["item_id"].tolist()


def test_the_evaluate_signature_scores_all(planted_log, fitted, tmp_path) -> None:
    """An index takes the place of the item vectors, and gives them back."""
    model = fitted[0]
    graph = model.serving_graph().with_index(IVFConfig(lists=10))
    users = tf.constant(planted_log.users["user_id"].tolist()[:9])
    histories = graph.tables.histories
    context = {"device": tf.constant([""] * 9)}
    found, expected = (
        own.catalogue_scores(users, histories, context) for own in (graph, model.serving_graph())
    )
    np.testing.assert_allclose(found[:, 1:], expected[:, 1:], rtol=1e-5, atol=1e-5)


def test_answers_the_same_in_a_process_that_has_tensorflow_alone(
    planted_log, fitted, tmp_path
) -> None:
    path = fitted[0].export(tmp_path / "1", index="ivf")
    users = planted_log.users["user_id"].tolist()[:7]
    arguments = [str(path), json.dumps([users, 10])]
    printed = subprocess.run(
        [sys.executable, "-c", _ASK, *arguments], check=True, capture_output=True, text=True
    ).stdout
    served = tf.saved_model.load(str(path))
    assert json.loads(printed.splitlines()[-1]) == ask(served, "recommend", users)[0]


def test_models_without_an_inner_product_refuse(planted_log, fitted, tmp_path) -> None:
    train = rtf.data.encode(planted_log)
    other = rtf.models.Content(train.schema)
    other.compile()
    other.fit(train, verbose=0)
    with pytest.raises(ValueError, match=r"`content\w*` does not score by the inner product"):
        other.export(tmp_path / "1", index="ivf")
    with pytest.raises(ValueError, match="A ranking model scores the pairs that it is given"):
        fitted[1].export(tmp_path / "1", index="ivf")
    for unfit in ("scann", "tree", ScannConfig()):
        with pytest.raises(ValueError, match="no exported model can hold: choose one of exact"):
            fitted[0].export(tmp_path / "1", index=unfit)
    assert not (tmp_path / "1").exists()
