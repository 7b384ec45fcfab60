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


def losses(model, encoded, **arguments):
    """The model's loss of a batch, its scores of all items at every step, and the batch."""
    made = type(model)(encoded.schema, **arguments)
    rows = made.training_rows(encoded)
    batch = next(iter(rows.batches(4, shuffle=False)))
    made.compute_loss(batch)
    random = np.random.default_rng(0)
    made.set_weights([random.normal(0, 0.3, w.shape) for w in made.get_weights()])
    loss = made.compute_loss(batch).numpy()
    batch = {name: value.numpy() for name, value in batch.items()}
    scores = states(made, batch[made.column.name], batch[REMAINING]) @ made._table().numpy().T
    return loss, scores, batch, made


def test_softmax_over_all_items(encoded) -> None:
    loss, scores, batch, _ = losses(rtf.models.SASRec(encoded.schema), encoded, num_negatives=0)
    scores = scores[:, :, 2:] - scores[:, :, 2:].max(axis=2, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))
    real = batch[REMAINING] > 0
    picked = np.take_along_axis(logs, np.maximum(batch[TARGETS] - 2, 0)[:, :, np.newaxis], 2)
    np.testing.assert_allclose(loss, -picked[:, :, 0][real].mean(), rtol=1e-4)


@pytest.mark.parametrize("calibration", [0.0, 0.75])
@pytest.mark.parametrize("count", [1, 8])
def test_sampled_losses(encoded, count, calibration) -> None:
    """gBCE (Petrov and Macdonald 2023, eq. 11 and 15), with the negatives that were drawn."""
    made = rtf.models.SASRec(encoded.schema)
    arguments = {"num_negatives": count, "calibration": calibration}
    _, scores, batch, made = losses(made, encoded, **arguments)
    made.negatives.generator.reset_from_seed(5)
    loss = made.compute_loss({name: tf.constant(value) for name, value in batch.items()}).numpy()
    made.negatives.generator.reset_from_seed(5)
    ids, targets, remaining = (batch[n] for n in (made.column.name, TARGETS, REMAINING))
    shape = targets.ravel() if count == 1 else targets
    drawn = made.negatives(tf.constant(shape)).numpy()
    alpha = count / (made.num_items - 2 - 1)
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    total, clashes = 0.0, 0
    for row, t in zip(*np.nonzero(remaining), strict=True):
        negatives = drawn[row] if count > 1 else drawn[row * targets.shape[1] + t]
        end = t + remaining[row, t]
        own = [s for s in range(ids.shape[1]) if remaining[row, s] and s + remaining[row, s] == end]
        met = {targets[row, t]} | (set(ids[row, own]) if count == 1 else set())
        total += beta * np.log1p(np.exp(-scores[row, t, targets[row, t]]))
        for item in negatives:
            clashes += item in met
            total += 0 if item in met else np.log1p(np.exp(scores[row, t, item]))
    assert clashes  # so that leaving them out is tested
    np.testing.assert_allclose(loss, total / np.count_nonzero(remaining), rtol=1e-3)


def test_what_is_missing_is_named(encoded) -> None:
    columns = [c for c in encoded.schema.columns.values() if c.kind != "sequence"]
    without = type(encoded.schema)(columns, encoded.schema.name)
    with pytest.raises(SchemaError, match=r"has no sequence of `item_id` or no event time"):
        rtf.models.SASRec(without)
    with pytest.raises(ValueError, match="`num_negatives` must be at least 0; it is -1"):
        rtf.models.SASRec(encoded.schema, num_negatives=-1)


def test_a_log_without_a_second_event_is_refused(planted_log) -> None:
    events = planted_log.events
    once = events.drop_duplicates(planted_log.schema.user_id.name)
    log = type(planted_log)(once, planted_log.users, planted_log.items, planted_log.schema)
    encoded = rtf.data.encode(log)
    with pytest.raises(ValueError, match="has another of its user before it"):
        rtf.models.SASRec(encoded.schema).training_rows(encoded)
