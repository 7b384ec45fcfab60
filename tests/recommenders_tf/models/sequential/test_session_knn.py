import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


def solved(encoded, **arguments):
    model = rtf.models.SessionKNN(encoded.schema, **arguments)
    model.compile()
    model.fit(encoded, verbose=0)
    return model


def expected_scores(model, encoded, session, user, neighbours, recent):
    """V-SKNN by sets and loops, from the raw log."""
    schema, events = encoded.schema, encoded.log.events
    past = {
        name: (set(part[schema.item_id.name]), part[schema.event_time.name].max())
        for name, part in events.groupby(schema.user_id.name)
    }
    place = {}
    for number, item in enumerate(session):
        place[item] = number
    steps = {item: len(session) - at for item, at in place.items()}  # 1 for the last
    sharing = [n for n, (items, _) in past.items() if n != user and items & set(session)]
    sharing = sorted(sharing, key=lambda n: -past[n][1])[:recent]
    similarity = {
        n: sum(1 - (steps[i] - 1) / max(steps.values()) for i in past[n][0] & set(session))
        / max(steps.values())
        for n in sharing
    }
    scores = {}
    for n in sorted(sharing, key=lambda n: -similarity[n])[:neighbours]:
        decay = max(1 / steps[i] for i in past[n][0] & set(session))
        for item in past[n][0]:
            scores[item] = scores.get(item, 0) + similarity[n] * decay
    return scores


@pytest.mark.parametrize(("neighbours", "recent"), [(1000, 1000), (1000, 40)])
@pytest.mark.parametrize("repeated", [False, True])
def test_scores_are_those_of_sets_and_loops(encoded, neighbours, recent, repeated) -> None:
    model = solved(encoded, num_neighbours=neighbours, num_recent=recent)
    item = model.schema.item_id.name
    met = encoded.log.events[item].unique()[:5].tolist()
    session = [*met, met[1]] if repeated else met
    answer = model.recommend(["nobody"], k=10**6, exclude_seen=False, history={"nobody": session})
    scores = answer.set_index(item)["score"]
    expected = expected_scores(model, encoded, session, "nobody", neighbours, recent)
    for name, value in scores.items():
        np.testing.assert_allclose(value, expected.get(name, 0.0), rtol=1e-4, atol=1e-6)
    assert len(set(expected.values())) > 10


def test_the_most_similar_alone_are_neighbours(encoded) -> None:
    """With one neighbour what has a score is what one session has."""
    model = solved(encoded, num_neighbours=1)
    schema = model.schema
    met = encoded.log.events[schema.item_id.name].unique()[:3].tolist()
    answer = model.recommend(["nobody"], k=10**6, exclude_seen=False, history={"nobody": met})
    scored = set(answer.loc[answer["score"] > 0, schema.item_id.name])
    sessions = encoded.log.events.groupby(schema.user_id.name)[schema.item_id.name].agg(set)
    assert scored in sessions.tolist()


def test_nobody_is_a_neighbour_of_their_own(encoded) -> None:
    model = solved(encoded)
    schema = model.schema
    user = encoded.log.events[schema.user_id.name].iloc[0]
    own = encoded.log.events.query(f"{schema.user_id.name} == @user")
    session = own.sort_values(schema.event_time.name, kind="stable")[schema.item_id.name].tolist()
    session = session[-model.column.max_length :]
    scores = model.recommend([user], k=10**6, exclude_seen=False).set_index(schema.item_id.name)
    expected = expected_scores(model, encoded, session, user, 100, 1000)
    top = scores["score"].head(5)
    np.testing.assert_allclose(top, [expected[name] for name in top.index], rtol=1e-3)


def test_recency_survives_a_file(encoded, tmp_path) -> None:
    model = solved(encoded, num_recent=7)
    model.save(tmp_path / "model.keras")
    again = rtf.load_model(tmp_path / "model.keras")
    assert tf.reduce_max(model.recency) == model.num_users - 1
    np.testing.assert_array_equal(again.recency, model.recency)
