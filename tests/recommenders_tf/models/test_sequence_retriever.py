"""What every model of sequences keeps: the past alone tells, and every step is trained rightly."""

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING, TARGETS
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.schema import SchemaError

NAMES = [n for n in rtf.registry.names() if issubclass(rtf.registry.get(n), SequenceRetriever)]
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
        queries.append(model.encode_query(features).numpy())
    for query in queries[1:]:
        np.testing.assert_allclose(query, queries[0], rtol=1e-4, atol=1e-5)


def test_who_has_no_past_gets_the_most_popular(model, encoded) -> None:
    model.bind(encoded.tables)
    item = model.schema.item_id.name
    counts = encoded.log.events[item].value_counts()
    answer = model.recommend(["nobody"], k=5)[item]
    assert counts[answer].tolist() == counts.head(5).tolist()


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
