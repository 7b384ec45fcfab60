"""What a real server answers over gRPC equals what the models in memory say."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from examples.demo import MODEL, serving
from recommenders_tf import features
from serving.client import ServingClient

REQUESTS = 1000


@pytest.fixture(scope="module")
def cascade(planted_log) -> tuple[rtf.Cascade, rtf.models.WideDeep]:
    train = rtf.data.encode(planted_log)
    retriever, ranker = rtf.models.TwoTower(train.schema), rtf.models.WideDeep(train.schema)
    for model in (retriever, ranker):
        model.compile()
        model.fit(train, epochs=3, batch_size=256, verbose=0)
    return rtf.Cascade(retriever, ranker, num_retrieved=30), ranker


@pytest.fixture(scope="module")
def client(cascade, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    cascade[0].export(folder / "1")
    with serving(folder) as (address, _), ServingClient(address, model=MODEL) as client:
        yield client


def test_scores_of_a_thousand_requests_from_raw_strings(planted_log, cascade, client) -> None:
    _, ranker = cascade
    events = planted_log.events.sample(REQUESTS, random_state=1)
    served = [
        client.predict(
            {"user_id": np.array([user]), "item_id": np.array([item]), "device": [device]},
            signature_name="score",
        )["score"][0]
        for user, item, device in events[["user_id", "item_id", "device"]].to_numpy()
    ]
    # Encoded by the tables that training batches are made of, with the whole history of each
    # user as the server has it, and scored by the model as Keras holds it.
    tables = ranker.tables
    user_rows = tables.users.rows(tf.constant(events["user_id"].to_numpy(object)))
    batch = tables.query_features(user_rows, tables.histories.rows(user_rows))
    batch |= tables.items.gather(tables.items.rows(tf.constant(events["item_id"].to_numpy(object))))
    batch |= tables.encoder.encode({"device": tf.constant(events["device"].to_numpy(object))})
    batch |= features.cross(tables.schema, batch)
    in_memory = tf.sigmoid(ranker(batch))[:, 0].numpy()
    assert np.ptp(in_memory) > 0.1
    np.testing.assert_allclose(served, in_memory, rtol=1e-5, atol=1e-5)


def test_recommendations_are_those_of_the_cascade(planted_log, cascade, client) -> None:
    users = planted_log.users["user_id"].tolist()
    offline = cascade[0].recommend(users, k=7)
    answer = client.recommend(users, k=7)
    assert answer.item_ids.ravel().tolist() == offline["item_id"].tolist()
    np.testing.assert_allclose(answer.scores.ravel(), offline["score"], rtol=1e-5, atol=1e-5)


def test_unknown_user_and_seen_items(planted_log, client) -> None:
    assert len(list(client.recommend(["nobody"], k=5).for_user(0))) == 5
    user = planted_log.users["user_id"][0]
    seen = set(planted_log.events.loc[planted_log.events["user_id"] == user, "item_id"])
    assert not seen & {item for item, _ in client.recommend([user], k=20).for_user(0)}
