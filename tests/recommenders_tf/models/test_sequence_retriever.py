"""What every model of sequences keeps: the past alone tells, and every step is trained rightly."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING, STEP, TARGETS
from recommenders_tf.layers import last_step
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.schema import Column, FeatureSchema, SchemaError

NAMES = [n for n in rtf.registry.names() if issubclass(rtf.registry.get(n), SequenceRetriever)]
ITEMS_ALONE = [  # others also know the user, or when each event was
    name
    for name, cls in ((n, rtf.registry.get(n)) for n in NAMES)
    if not cls.knows_users and not getattr(cls, "reads_interactions", False)
]
CAUSAL = [n for n in NAMES if rtf.registry.get(n).foretells]  # others see both sides of a gap


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture(scope="module", params=NAMES)
def model(request, encoded) -> SequenceRetriever:
    tf.keras.utils.set_random_seed(3)
    made = rtf.registry.get(request.param)(encoded.schema)
    made.training_rows(encoded)
    made(next(iter(encoded.batches(2)))[0])
    random = np.random.default_rng(0)
    # Weights that matter: those of a new model are nearly all zeros and ones.
    for weight in made.trainable_weights:
        weight.assign_add(random.normal(0, 0.1, weight.shape))
    return made


def states(model, ids, remaining) -> np.ndarray:
    vectors = model.embed.rows({model.column.name: tf.constant(ids)}, model.column.name)
    return model.encode(vectors, tf.constant(remaining, tf.int32)).numpy()


def sequence(length: int, seed: int = 0, batch: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, 20, [batch, length])


def counted_down(*lengths: int, total: int) -> np.ndarray:
    steps = [left for length in lengths for left in range(length, 0, -1)]
    return np.array([steps + [0] * (total - len(steps))])


@pytest.mark.parametrize("model", CAUSAL, indirect=True)
def test_the_future_changes_no_state(model) -> None:
    total = model.column.max_length
    ids = sequence(total)
    remaining = counted_down(total, total=total)
    before = states(model, ids, remaining)
    for t in (total - 1, total // 2, 1):
        changed = ids.copy()
        changed[0, t:] = np.where(changed[0, t:] > 10, 3, 15)
        after = states(model, changed, remaining)
        np.testing.assert_allclose(after[0, :t], before[0, :t], rtol=1e-4, atol=1e-5)
        assert not np.allclose(after[0, t:], before[0, t:], atol=1e-3)


def test_sequences_in_one_row_know_nothing_of_each_other(model) -> None:
    total = model.column.max_length
    first, second = sequence(7, 1), sequence(5, 2)
    packed = np.zeros([1, total], int)
    packed[0, :7], packed[0, 7:12] = first, second
    together = states(model, packed, counted_down(7, 5, total=total))
    for ids, place in ((first, 0), (second, 7)):
        alone = np.zeros([1, total], int)
        alone[0, : ids.size] = ids
        expected = states(model, alone, counted_down(ids.size, total=total))
        np.testing.assert_allclose(
            together[0, place : place + ids.size], expected[0, : ids.size], rtol=1e-4, atol=1e-5
        )


def test_side_and_length_of_padding_change_no_query(model) -> None:
    name, mask_name = model.column.name, model.schema.mask_name(model.column)
    ids = sequence(6)
    queries = []
    for before, behind in ((0, 0), (0, 9), (9, 0), (4, 5)):
        padded = np.pad(ids, [[0, 0], [before, behind]])
        features = {name: tf.constant(padded), mask_name: tf.constant(padded > 0)}
        features[model.schema.user_id.name] = tf.constant([5], tf.int64)
        queries.append(model.encode_query(features).numpy())
    for query in queries[1:]:
        np.testing.assert_allclose(query, queries[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", CAUSAL, indirect=True)
def test_a_query_is_the_state_after_the_last_step_and_pays_for_no_padding(model) -> None:
    """Users and times stand in for details; what is cut off is padding of all rows alone."""
    name, mask = model.column.name, model.schema.mask_name(model.column)
    ids = sequence(9, 4, batch=3)
    is_real = np.arange(9) < np.array([[9], [4], [0]])
    wide = np.pad(np.where(is_real, ids, 0), [(0, 0), (3, model.column.max_length - 12)])
    features = {name: tf.constant(wide), mask: tf.constant(wide > 0)}
    features["user_id"] = tf.constant([2, 3, 4], tf.int64)
    short = model.shortened(features)
    assert short[name].shape == short[mask].shape == (3, 9)
    assert short["user_id"] is features["user_id"]
    nobody = model.shortened({name: tf.constant(0 * wide), mask: tf.constant(wide < 0)})
    assert nobody[name].shape == (3, 1)
    remaining = model.remaining(features)
    after = last_step(model.states(features, remaining), remaining).numpy()
    found = model.encode_query(features).numpy()
    np.testing.assert_allclose(found[:2, :-1], after[:2], rtol=1e-4, atol=1e-5)
    assert not found[:, -1][:2].any() and found[2].tolist() == [0.0] * (found.shape[1] - 1) + [1.0]


def test_who_has_no_past_gets_the_most_popular(model, encoded) -> None:
    model.bind(encoded.tables)
    item = model.schema.item_id.name
    counts = encoded.log.events[item].value_counts()
    answer = model.recommend(["nobody"], k=5)[item]
    assert counts[answer].tolist() == counts.head(5).tolist()


@pytest.mark.parametrize("model", ITEMS_ALONE, indirect=True)
def test_a_history_of_somebody_new_answers_as_that_of_a_user(model, encoded) -> None:
    model.bind(encoded.tables)
    user, item, time = (
        model.schema.user_id.name,
        model.schema.item_id.name,
        model.schema.event_time.name,
    )
    events = encoded.log.events.sort_values(time, kind="stable")
    known = events[user].iloc[0]
    met = events.loc[events[user] == known, item].tolist()
    expected = model.recommend([known], k=9)
    answer = model.recommend(["nobody", "no one"], k=9, history={"nobody": ["nothing", *met]})
    mine = answer[answer[user] == "nobody"]
    assert mine[item].tolist() == expected[item].tolist()
    np.testing.assert_allclose(mine["score"], expected["score"], rtol=1e-4)
    assert answer[answer[user] == "no one"][item].tolist() != expected[item].tolist()
    with pytest.raises(ValueError, match="`history` is of ann, whom `users` does not name"):
        model.recommend(["nobody"], history={"ann": met})


def test_what_is_missing_is_named(encoded) -> None:
    columns = [c for c in encoded.schema.columns.values() if c.kind != "sequence"]
    without = type(encoded.schema)(columns, encoded.schema.name)
    with pytest.raises(SchemaError, match=r"has no sequence of `item_id` or no event time"):
        rtf.models.SASRec(without)


def test_a_log_without_a_second_event_is_refused(planted_log) -> None:
    events = planted_log.events
    once = events.drop_duplicates(planted_log.schema.user_id.name)
    log = type(planted_log)(once, planted_log.users, planted_log.items, planted_log.schema)
    encoded = rtf.data.encode(log)
    with pytest.raises(ValueError, match="has another of its user before it"):
        rtf.models.SASRec(encoded.schema).training_rows(encoded)


def test_a_lone_negative_is_of_what_the_sequence_has_not(encoded) -> None:
    """Kang and McAuley 2018, sec. 3.5: the loss is that of the task, told what was met."""
    model = rtf.models.SASRec(encoded.schema, dropout=0.0)
    batch = next(iter(model.training_rows(encoded).batches(4, shuffle=False)))
    asked = []

    class Task:
        def __call__(self, states, targets, weights, catalogue, has_met):
            asked.append(has_met(targets).numpy())
            asked.append(has_met(batch[model.column.name]).numpy())
            return tf.reduce_sum(weights)

    object.__setattr__(model, "task", Task())
    assert float(model.compute_loss(batch)) == 1.0
    items, remaining = batch[model.column.name].numpy(), batch[REMAINING].numpy()
    of_targets, of_items = asked
    assert of_items[remaining > 0].all()
    for row, t in zip(*np.nonzero(remaining), strict=True):
        end = t + remaining[row, t]
        own = [
            s for s in range(items.shape[1]) if remaining[row, s] and s + remaining[row, s] == end
        ]
        assert of_targets[row, t] == (batch[TARGETS].numpy()[row, t] in items[row, own])


@pytest.fixture(scope="module")
def device_tells_the_item(planted_log):
    """Whoever asks by a device gets an item of that device's half, another one every time."""
    log, random = planted_log, np.random.default_rng(0)
    items = log.items["item_id"].to_numpy()
    device = random.integers(2, size=len(log.events))
    item = items[2 * random.integers(len(items) // 2, size=len(device)) + device]
    category = np.array(["even", "odd"], object)[np.arange(len(items)) % 2]
    return dataclasses.replace(
        log,
        events=log.events.assign(item_id=item, device=np.array(["a", "b"], object)[device]),
        items=log.items.assign(category=category),
    )


def half_of_answers(model, log, device) -> float:
    """The share of even items among what is recommended to whom asks by a device."""
    answer = model.serving_graph().recommend(
        user_id=tf.constant(log.users["user_id"].to_numpy()[:50].tolist()),
        history=tf.zeros([0, 0], tf.string),
        candidates=tf.zeros([0, 0], tf.string),
        k=tf.constant(10),
        exclude_seen=tf.constant(False),
        device=tf.constant([device]),
    )
    place = {item: number for number, item in enumerate(log.items["item_id"])}
    ids = [place[item.decode()] for item in answer["item_id"].numpy().ravel()]
    return 1 - np.mean(np.array(ids) % 2)


@pytest.mark.parametrize(
    ("name", "arguments", "epochs"),
    [
        ("sasrec", {"objective": "softmax", "num_negatives": 0}, 12),
        pytest.param("bert4rec", {}, 25, marks=pytest.mark.slow),
    ],
)
def test_the_context_of_a_request_tells_what_is_next(
    device_tells_the_item, name, arguments, epochs
) -> None:
    log = device_tells_the_item
    encoded = rtf.data.encode(log)
    tf.keras.utils.set_random_seed(1)
    model = rtf.registry.get(name)(encoded.schema, embedding_dim=16, dropout=0.0, **arguments)
    assert model.context == ["device"]
    model.compile(tf.keras.optimizers.Adam(0.01))
    model.fit(encoded, epochs=epochs, batch_size=16, verbose=0)
    assert half_of_answers(model, log, "a") > 0.8
    assert half_of_answers(model, log, "b") < 0.2


def test_features_of_past_items_join_their_steps(device_tells_the_item) -> None:
    """As sequences beside that of the items: in rows of training and in requests alike."""
    log = device_tells_the_item
    of_categories = {**log.schema["history"].to_dict(), "source": "category"}
    column = Column.from_dict("category_history", of_categories)
    schema = FeatureSchema([*log.schema.columns.values(), column], log.schema.name)
    encoded = rtf.data.encode(dataclasses.replace(log, schema=schema))
    model = rtf.models.SASRec(encoded.schema, embedding_dim=8)
    rows = model.training_rows(encoded)
    batch = next(iter(rows.batches(4)))
    category = dict(
        zip(
            *(encoded.tables.items.features[n].numpy() for n in ("item_id", "category")),
            strict=True,
        )
    )
    ids = batch["history"].numpy()
    expected = [[category[i] if i else 0 for i in row] for row in ids]
    np.testing.assert_array_equal(batch[STEP + "category"], expected)
    request = {"history": batch["history"], "category_history": tf.constant(expected)}
    np.testing.assert_array_equal(model.steps(batch), model.steps(request))
    assert not np.allclose(model.steps(batch), model.vectors(batch["history"]))

    other = dataclasses.replace(encoded.schema["category_history"], max_length=9)
    with pytest.raises(
        SchemaError, match="`category_history` has the `max_length` 9 and `history`"
    ):
        rtf.models.SASRec(encoded.schema.replace([other]))
