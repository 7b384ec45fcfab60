import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.drawn_items import DRAWN, drawn_items


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


def expected_losses(logits, own, items, expected):
    """Yi et al. 2019, eq. 4: logits - log of what is expected, accidental hits left out."""
    logits = logits - np.log(expected)
    hits = own[:, np.newaxis] == items
    hits[np.arange(len(own)), np.arange(len(own))] = False
    assert hits.any()
    logits[hits] = -np.inf
    return logits


def softmax_loss(logits):
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - np.diag(logits))


def test_loss_is_the_corrected_in_batch_softmax(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=6)
    features, label = next(iter(train.batches(40, shuffle=False)))
    items = features["item_id"].numpy()
    loss = model.compute_loss((features, label), training=True).numpy()
    query, candidate = model.encode_query(features), model.encode_candidates(features)
    # The first batch is all it saw: what is expected is what was there.
    counts = np.array([(items == item).sum() for item in items])
    logits = expected_losses(query.numpy() @ candidate.numpy().T, items, items, counts)
    np.testing.assert_allclose(loss, softmax_loss(logits), rtol=1e-4)


@pytest.mark.parametrize("hard", [0, 3])
def test_drawn_items_join_with_what_is_expected_of_both_parts(train, hard) -> None:
    """Yang et al. 2020: one softmax over both, each item corrected by B q + B' / N; of hard
    negatives, the highest of these logits alone.
    """
    model = rtf.models.TwoTower(
        train.schema, embedding_dim=6, num_negatives=2, num_hard_negatives=hard
    )
    batch = next(iter(model.training_rows(train).batches(40, shuffle=False)))
    loss = model.compute_loss(batch, training=True).numpy()
    drawn = drawn_items(batch[0], train.schema)
    own = batch[0]["item_id"].numpy()
    items = np.concatenate([own, drawn["item_id"].numpy()])
    assert len(items) == 120
    vectors = [model.encode_candidates(part).numpy() for part in (batch[0], drawn)]
    met = len(np.unique(train.columns(["item_id"])["item_id"]))
    counts = np.array([(own == item).sum() for item in items])
    expected = np.where(counts > 0, counts, 1 / 2) + 80 / met  # 1 / 2: never yet in 1 step
    logits = model.encode_query(batch[0]).numpy() @ np.concatenate(vectors).T
    logits = expected_losses(logits, own, items, expected)
    right = np.diag(logits).copy()
    if hard:
        logits[np.arange(40), np.arange(40)] = -np.inf
        logits = -np.sort(-logits, axis=1)[:, :hard]
        logits = np.concatenate([right[:, np.newaxis], logits], axis=1)
    losses = np.log(np.exp(logits).sum(axis=1)) - right
    np.testing.assert_allclose(loss, losses.mean(), rtol=1e-4)


def test_training_steps_alone_are_counted(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=6)
    batch = next(iter(train.batches(40, shuffle=False)))
    model.compute_loss(batch, training=False)
    assert int(model.frequency.step) == 0
    model.compute_loss(batch, training=True)
    model.compute_loss(batch, training=True)
    assert int(model.frequency.step) == 2
    counts = np.bincount(batch[0]["item_id"], minlength=model.frequency.buckets)
    np.testing.assert_array_equal(model.frequency.hits.numpy(), 2 * counts)


@pytest.mark.parametrize("num_negatives", [0, 1])
def test_two_replicas_have_the_loss_and_gradients_of_one(train, num_negatives) -> None:
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    make = {"embedding_dim": 6, "num_negatives": num_negatives, "hidden_units": (5,)}
    one = rtf.models.TwoTower(train.schema, **make)
    batch = next(iter(one.training_rows(train).batches(40, shuffle=False)))[0]
    with tf.GradientTape() as tape:
        loss = one.compute_loss((batch,), training=True)
    gradients = tape.gradient(loss, one.trainable_weights)
    with strategy.scope():
        two = rtf.models.TwoTower(train.schema, **make)
        two(rtf.models.base.example_batch(train.schema))
    for weight, value in zip(two.trainable_weights, one.trainable_weights, strict=True):
        weight.assign(value)

    def half(context):
        first = 20 * context.replica_id_in_sync_group
        return {name: value[first : first + 20] for name, value in batch.items()}

    halves = strategy.experimental_distribute_values_from_function(half)

    @tf.function(autograph=False)
    def run(halves):
        def step(batch):
            with tf.GradientTape() as tape:
                loss = two.compute_loss((batch,), training=True)
            parts = tape.gradient(loss, two.trainable_weights)
            context = tf.distribute.get_replica_context()
            return context.all_reduce("mean", [loss, *map(tf.convert_to_tensor, parts)])

        return strategy.run(step, (halves,))

    found = [strategy.experimental_local_results(value)[0] for value in run(halves)]
    expected = [loss, *map(tf.convert_to_tensor, gradients)]
    for value, other in zip(found, expected, strict=True):
        # Of a tensor as a whole: what nearly cancels in a sum depends on the order of the sum.
        assert np.linalg.norm(value - other) <= 1e-4 * np.linalg.norm(other)
    hits = np.bincount(batch["item_id"], minlength=two.frequency.buckets)
    np.testing.assert_array_equal(two.frequency.hits.numpy(), hits)


def test_an_item_without_events_ranks_by_its_features(planted_log) -> None:
    """New items stand before most others for whom likes their kind, without any training."""
    events, items = planted_log.events, planted_log.items
    new = items["item_id"].to_numpy()[:24]  # four of each group
    group = {item: number % 6 for number, item in enumerate(items["item_id"])}
    # The features of the planted log tell nothing of the groups; these do.
    known = items.assign(category=[f"kind {group[item]}" for item in items["item_id"]])
    log = type(planted_log)(
        events[~events["item_id"].isin(new)], planted_log.users, known, planted_log.schema
    )
    encoded = rtf.data.encode(log)
    tf.keras.utils.set_random_seed(1)
    model = rtf.models.TwoTower(encoded.schema, embedding_dim=16, num_negatives=1)
    model.compile()
    model.fit(encoded, epochs=12, batch_size=256, verbose=0)
    users = log.users["user_id"].tolist()
    answer = model.recommend(users, k=len(items), exclude_seen=False)
    own = pd.Series({user: number % 6 for number, user in enumerate(users)})
    answer = answer[answer["item_id"].isin(new)]
    alike = answer["item_id"].map(group).to_numpy() == own[answer["user_id"]].to_numpy()
    ranks = answer["rank"].to_numpy()
    assert ranks[alike].mean() < 0.6 * ranks[~alike].mean(), (
        ranks[alike].mean(),
        ranks[~alike].mean(),
    )


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
    plain = rtf.models.TwoTower(train.schema, embedding_dim=6, temperature=None)
    norms = tf.norm(plain.encode_candidates(features), axis=1).numpy()
    assert norms.std() > 0.01


@pytest.mark.parametrize("jit_compile", [False, True])
def test_trains_with_everything_on(train, jit_compile) -> None:
    model = rtf.models.TwoTower(
        train.schema, embedding_dim=8, num_negatives=2, num_hard_negatives=20
    )
    model.compile(jit_compile=jit_compile)
    losses = model.fit(train, epochs=3, batch_size=512, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_what_is_wrong_is_said(train) -> None:
    with pytest.raises(ValueError, match="must be at least 0; they are -1 and 0"):
        rtf.models.TwoTower(train.schema, num_negatives=-1)
    model = rtf.models.TwoTower(train.schema, num_negatives=1)
    with pytest.raises(rtf.schema.SchemaError, match=f"lacks the column `{DRAWN}"):
        model.compute_loss(next(iter(train.batches(8))))
