import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.models.retrieval.youtube_dnn import EXAMPLE_AGE


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


def test_the_query_is_a_tower_of_rectifiers_over_features_and_mean_of_the_past(train) -> None:
    """Covington et al. 2016, sec. 3.2 and figure 3."""
    model = rtf.models.YouTubeDNN(train.schema, embedding_dim=6, hidden_units=(7,))
    batch, _ = next(iter(model.training_rows(train).batches(20)))
    query = model.encode_query(batch).numpy()
    columns = model.embed.columns
    assert {"user_id", "history", "device", "age"} <= set(columns)
    assert "category" not in columns
    layer = rtf.layers.FeatureEmbedding.from_config(
        model.embed.get_config() | {"output": "concatenated"}
    )
    layer(batch)
    layer.set_weights(model.embed.get_weights())
    hidden = np.concatenate([layer(batch).numpy(), batch[EXAMPLE_AGE].numpy()[:, None]], axis=1)
    weights = [w.numpy() for w in model.network.weights]
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    assert len(weights) == 4 and hidden.shape == (20, 6)
    np.testing.assert_allclose(query, hidden, rtol=1e-4, atol=1e-6)


def test_the_age_of_an_example_is_its_distance_from_the_end_and_0_when_served(train) -> None:
    model = rtf.models.YouTubeDNN(train.schema, embedding_dim=6)
    rows = model.training_rows(train)
    assert model.training_rows(rows) is rows
    batch, _ = next(iter(rows.batches(len(train), shuffle=False)))
    times = train.columns(["timestamp"])["timestamp"]
    expected = (times.max() - times) / (times.max() - times.min())
    np.testing.assert_allclose(batch[EXAMPLE_AGE], expected, atol=1e-6)
    features = {name: value[:9] for name, value in batch.items()}
    served = {name: value for name, value in features.items() if name != EXAMPLE_AGE}
    fresh = features | {EXAMPLE_AGE: tf.zeros(9)}
    np.testing.assert_array_equal(model.encode_query(served), model.encode_query(fresh))
    assert not np.allclose(model.encode_query(served), model.encode_query(features))


def test_the_loss_is_the_softmax_over_drawn_items_weighed_by_how_they_are_drawn(train) -> None:
    model = rtf.models.YouTubeDNN(train.schema, embedding_dim=6, num_negatives=50)
    batch, label = next(iter(model.training_rows(train).batches(30)))
    model.compute_loss((batch, label))
    negatives = model.task.negatives
    negatives.generator.reset_from_seed(5)
    loss = float(model.compute_loss((batch, label)))
    negatives.generator.reset_from_seed(5)
    drawn = negatives(tf.zeros([1])).numpy()[0]
    items = batch["item_id"].numpy()
    counts = np.bincount(train.columns(["item_id"])["item_id"])
    counts[:2] = 0
    scores = model.encode_query(batch).numpy() @ model.table().numpy().T
    expected = np.log(50 * np.maximum(counts, 1) / counts.sum())
    losses = []
    for row, item in enumerate(items):
        others = drawn[drawn != item]
        others = scores[row, others] - expected[others]
        losses.append(np.log(np.exp(scores[row, item]) + np.exp(others).sum()) - scores[row, item])
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_trains_compiled_as_well(train, jit_compile) -> None:
    model = rtf.models.YouTubeDNN(train.schema, embedding_dim=8, hidden_units=(16,))
    model.compile(jit_compile=jit_compile)
    losses = model.fit(train, epochs=2, batch_size=512, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_growing_item_id_is_refused(train) -> None:
    column = dataclasses.replace(train.schema.item_id, growing=True, max_vocabulary=50)
    with pytest.raises(rtf.schema.SchemaError, match="`item_id` grows"):
        rtf.models.YouTubeDNN(train.schema.replace([column]))
