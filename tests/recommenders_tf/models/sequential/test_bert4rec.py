import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING


@pytest.fixture(scope="module")
def model(planted_log):
    encoded = rtf.data.encode(planted_log)
    made = rtf.models.BERT4Rec(encoded.schema, embedding_dim=8, mask_share=0.3, last_share=0.5)
    rows = made.training_rows(encoded)
    made.compute_loss(next(iter(rows.batches(2))))
    random = np.random.default_rng(0)
    made.set_weights([random.normal(0, 0.3, w.shape) for w in made.get_weights()])
    return made


def told(model, vectors, remaining):
    """What each step tells: GELU, its norm, and the product with all vectors, eq. 7."""
    states = model.encode(tf.constant(vectors, tf.float32), tf.constant(remaining)).numpy()
    projection, bias = (w.numpy() for w in model.project.weights)
    hidden = tf.nn.gelu(states @ projection + bias).numpy()
    gamma, beta = (w.numpy() for w in model.project_norm.weights)
    hidden = (hidden - hidden.mean(-1, keepdims=True)) / np.sqrt(
        hidden.var(-1, keepdims=True) + 1e-3
    )
    return (hidden * gamma + beta) @ model.table().numpy().T + model.bias.numpy()[:, 0]


def test_loss_tells_what_stood_in_the_gaps(model) -> None:
    """Eq. 8: the mean over gaps of -log softmax of what they stand for, told from gaps alone."""
    length = model.column.max_length
    ids = np.random.default_rng(1).integers(2, 20, [3, length])
    remaining = np.array(
        [[*range(n, 0, -1)] + [0] * (length - n) for n in (length, 9, 3)], np.int32
    )
    ids[remaining == 0] = 0
    model.choose_gaps.generator.reset_from_seed(4)
    places, counts = (part.numpy() for part in model.choose_gaps(tf.constant(remaining)))
    vectors = model.table().numpy()[ids]
    rows, slots = np.nonzero(counts)
    vectors[rows, places[rows, slots]] = model.gap.numpy()
    scores = told(model, vectors, remaining)[:, :, 2:]
    logs = scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))
    at = places[rows, slots]
    expected = -logs[rows, at, ids[rows, at] - 2].mean()

    model.choose_gaps.generator.reset_from_seed(4)
    batch = {model.column.name: tf.constant(ids), REMAINING: tf.constant(remaining)}
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 7, 49, 50])
def test_answers_from_a_gap_behind_the_last_step(model, count) -> None:
    """The oldest step gives way where the model has no room for one more."""
    length = model.column.max_length
    ids = np.random.default_rng(2).integers(2, 20, count)
    padded = np.zeros([1, length], int)
    padded[0, :count] = ids
    name, mask = model.column.name, model.schema.mask_name(model.column)
    query = model.encode_query({name: tf.constant(padded), mask: tf.constant(padded > 0)})
    items = {model.schema.item_id.name: tf.range(model.num_items, dtype=tf.int64)}
    scores = model.score_candidates(query, model.encode_candidates(items)).numpy()[0]

    kept = ids[-(length - 1) :]
    vectors = np.concatenate([model.table().numpy()[kept], model.gap.numpy()[np.newaxis]])
    remaining = np.arange(len(vectors), 0, -1, np.int32)
    expected = told(model, vectors[np.newaxis], remaining[np.newaxis])[0, -1]
    np.testing.assert_allclose(scores[2:], expected[2:], rtol=1e-3, atol=1e-4)
