import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


def test_loss_is_the_corrected_in_batch_softmax(train) -> None:
    """Yi et al. 2019, eq. 4, by NumPy: logits - log Q, accidental hits left out."""
    model = rtf.models.TwoTower(train.schema, embedding_dim=6)
    features, label = next(iter(train.batches(40, shuffle=False)))
    items = features["item_id"].numpy()
    loss = model.compute_loss((features, label), training=True).numpy()
    query, candidate = model.encode_query(features), model.encode_candidates(features)
    logits = query.numpy() @ candidate.numpy().T
    share = np.array([(items == item).mean() for item in items])  # the first batch is all it saw
    logits = logits - np.log(share)
    hits = (items[:, np.newaxis] == items) & ~np.eye(40, dtype=bool)
    assert hits.any()
    logits[hits] = -np.inf
    expected = np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    np.testing.assert_allclose(loss, expected.mean(), rtol=1e-4)


def test_item_share_counts_training_steps_only(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=6)
    batch = next(iter(train.batches(40, shuffle=False)))
    model.compute_loss(batch, training=False)
    assert float(model.examples) == 0
    model.compute_loss(batch, training=True)
    model.compute_loss(batch, training=True)
    assert float(model.examples) == 80
    counts = np.bincount(batch[0]["item_id"], minlength=model.item_counts.shape[0])
    np.testing.assert_array_equal(model.item_counts.numpy(), 2 * counts)


def test_towers_see_their_own_side_only(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=6)
    assert "device" in model.query_tower.embed.columns
    assert "history" in model.query_tower.embed.columns
    assert "genres" in model.candidate_tower.embed.columns
    # A cross of user and item belongs to neither.
    for tower in (model.query_tower, model.candidate_tower):
        assert "occupation_x_category" not in tower.embed.columns


def test_vectors_are_normalized_and_scaled_by_temperature(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=6, temperature=0.5)
    features, _ = next(iter(train.batches(8, shuffle=False)))
    np.testing.assert_allclose(tf.norm(model.encode_query(features), axis=1), 2.0, rtol=1e-5)
    np.testing.assert_allclose(tf.norm(model.encode_candidates(features), axis=1), 1.0, rtol=1e-5)
