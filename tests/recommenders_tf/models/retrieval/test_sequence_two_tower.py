import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


@pytest.mark.parametrize("encoder", ["attention", "gru"])
def test_the_order_of_the_past_counts_and_its_padding_does_not(train, encoder) -> None:
    model = rtf.models.SequenceTwoTower(train.schema, embedding_dim=8, encoder=encoder)
    features, _ = next(iter(train.batches(4)))
    model(features)
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(random.normal(0, 0.1, weight.shape))
    ids = np.zeros([4, train.schema["history"].max_length], int)
    ids[:, :5] = random.permuted(np.tile(np.arange(2, 12), [4, 1]), axis=1)[:, :5]

    def query(ids):
        past = {"history": tf.constant(ids), "history_mask": tf.constant(ids > 0)}
        return model.encode_query(features | past).numpy()

    swapped = ids.copy()
    swapped[:, [0, 3]] = ids[:, [3, 0]]
    assert (np.abs(query(swapped) - query(ids)).max(axis=1) > 1e-3).all()
    np.testing.assert_allclose(query(np.roll(ids, 7, axis=1)), query(ids), rtol=1e-4, atol=1e-5)
    assert np.isfinite(query(0 * ids)).all()


def test_the_sequence_is_read_by_the_encoder_alone(train) -> None:
    model = rtf.models.SequenceTwoTower(train.schema, embedding_dim=8)
    assert "history" not in model.query_tower.embed.columns
    plain = rtf.models.TwoTower(train.schema, embedding_dim=8).query_tower.embed.columns
    assert {"history", *model.query_tower.embed.columns} == set(plain)


def test_an_unknown_encoder_is_named(train) -> None:
    with pytest.raises(ValueError, match="`encoder` is `lstm`; it must be one of attention, gru"):
        rtf.models.SequenceTwoTower(train.schema, encoder="lstm")
