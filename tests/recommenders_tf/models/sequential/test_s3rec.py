import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING
from recommenders_tf.models.item_attributes import attribute_table, num_attributes
from recommenders_tf.models.mutual_information import MutualInformation
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role

SMALL = {"embedding_dim": 8, "dropout": 0.0}


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture(scope="module")
def rows(encoded):
    return rtf.models.S3Rec(encoded.schema).training_rows(encoded)


@pytest.fixture(scope="module")
def batch(rows):
    return next(iter(rows.batches(6, shuffle=False)))


def objectives(encoded, batch, *weights) -> MutualInformation:
    """The model of the first stage, with weights that make every term count."""
    tf.keras.utils.set_random_seed(3)
    table = attribute_table(encoded)
    made = MutualInformation(encoded.schema, table, weights, 0.3, **SMALL)
    made.compute_loss(batch)
    random = np.random.default_rng(0)
    for weight in made.trainable_weights:
        weight.assign_add(random.normal(0, 0.3, weight.shape))
    return made


def softplus(values):
    return np.log1p(np.exp(values))


def test_every_item_has_the_attributes_of_the_catalogue(encoded, planted_log) -> None:
    table, schema = attribute_table(encoded), encoded.schema
    vocabularies = encoded.tables.encoder.vocabularies
    names = [*vocabularies["category"], *vocabularies["genres"]]
    assert len(names) == num_attributes(schema)
    ids = encoded.tables.items.features["item_id"].numpy()
    met = set(planted_log.events["item_id"])
    assert len(met) > 100
    for place, item in enumerate(planted_log.items.itertuples(), start=1):
        if item.item_id in met:
            found = {names[number - 1] for number in table[ids[place]] if number}
            assert found == {item.category, *item.genres}
    assert not table[:2].any()


def test_an_attribute_that_is_named_twice_counts_once(planted_log) -> None:
    items = planted_log.items.assign(genres=[genres * 2 for genres in planted_log.items["genres"]])
    twice = rtf.data.encode(dataclasses.replace(planted_log, items=items))
    for numbers in attribute_table(twice):
        own = numbers[numbers > 0]
        assert len(set(own)) == len(own)


def test_associated_attributes_are_told_by_the_vector_of_the_item(encoded, batch) -> None:
    """Zhou et al. 2020, eq. 4: every attribute of every step, σ(eᵀ W a)."""
    model = objectives(encoded, batch, 0.5, 0, 0, 0)
    e, a = model.table().numpy(), model.attribute_vectors.numpy()
    w, table = model.fit_associated.kernel.numpy(), attribute_table(encoded)
    expected, count = 0.0, 0
    for item in batch["history"].numpy()[batch[REMAINING].numpy() > 0]:
        logits = e[item] @ w @ a.T
        own = table[item][table[item] > 0] - 1
        expected += softplus(logits).sum() - logits[own].sum()
        count += 1
    actual = model.compute_loss(batch)
    np.testing.assert_allclose(actual, 0.5 * expected / count, rtol=1e-4)


@pytest.fixture
def drawn():
    """What the next call of `compute_loss` draws: gaps, segments, negatives, other segments."""

    def drawn(model, remaining):
        generators = [
            layer.generator for layer in (model.choose_gaps, model.choose_segment, model.negatives)
        ]
        generators.append(model.generator)
        for number, generator in enumerate(generators):
            generator.reset_from_seed(number)
        places, counts = model.choose_gaps(remaining)
        segment, last = model.choose_segment(remaining)
        negatives = model.negatives(tf.reshape(places, [-1]))
        starts = model.generator.uniform([len(remaining), 1])
        for number, generator in enumerate(generators):
            generator.reset_from_seed(number)
        negatives = np.reshape(negatives, places.shape)
        return [np.array(x) for x in (places, counts, segment, last, negatives, starts)]

    return drawn


def test_gaps_tell_items_and_attributes(encoded, batch, drawn) -> None:
    """Eq. 5 and 6: hᵀ W e above that of a drawn item, and σ(hᵀ W a)."""
    model = objectives(encoded, batch, 0, 1, 0.7, 0)
    remaining, items = batch[REMAINING], batch["history"].numpy()
    places, counts, _, _, negatives, _ = drawn(model, remaining)
    vectors = model.steps(batch).numpy()
    for row, at in enumerate(places):
        vectors[row, at[counts[row] > 0]] = model.gap.numpy()
    states = model.attend(tf.constant(vectors), remaining, causal=False).numpy()
    e, a, table = model.table().numpy(), model.attribute_vectors.numpy(), attribute_table(encoded)
    ends = np.arange(items.shape[1]) + remaining.numpy()
    expected, met_ones = 0.0, 0
    for row, gap in zip(*np.nonzero(counts), strict=True):
        place, other = places[row, gap], negatives[row, gap]
        own, state = items[row, place], states[row, place]
        together = items[row][(ends[row] == ends[row, place]) & (remaining.numpy()[row] > 0)]
        fits = state @ model.fit_item.kernel.numpy() @ e[[own, other]].T
        expected += (other not in together) * softplus(fits[1] - fits[0])
        met_ones += other in together
        logits = state @ model.fit_attribute.kernel.numpy() @ a.T
        has = table[own][table[own] > 0] - 1
        expected += 0.7 * (softplus(logits).sum() - logits[has].sum())
    assert met_ones
    real = np.count_nonzero(remaining)
    np.testing.assert_allclose(model.compute_loss(batch), expected / real, rtol=1e-4)


def test_a_sequence_fits_the_segment_that_it_lacks(encoded, batch, drawn) -> None:
    """Eq. 7: sᵀ W s′ above that with steps from elsewhere, the other steps of both a gap."""
    model = objectives(encoded, batch, 0, 0, 0, 2)
    remaining = batch[REMAINING]
    _, _, segment, last, _, starts = drawn(model, remaining)
    vectors, gap = model.steps(batch).numpy(), model.gap.numpy()
    elsewhere = vectors[remaining.numpy() > 0]
    expected = 0.0
    for row, inside in enumerate(segment):
        views = [
            np.where(inside[:, np.newaxis], *pair)
            for pair in ((gap, vectors[row]), (vectors[row], gap))
        ]
        other = np.full_like(vectors[row], gap)
        first = int(starts[row, 0] * len(elsewhere)) + 1
        picked = np.arange(first, first + inside.sum()) % len(elsewhere)
        other[inside] = elsewhere[picked]
        states = model.attend(
            tf.constant(np.stack([*views, other]), tf.float32),
            tf.repeat(remaining[row : row + 1], 3, axis=0),
            causal=False,
        ).numpy()
        (place,) = np.flatnonzero(last[row])
        whole, right, wrong = states[:, place]
        fits = whole @ model.fit_segment.kernel.numpy() @ np.stack([right, wrong]).T
        expected += softplus(fits[1] - fits[0])
    real = np.count_nonzero(remaining)
    np.testing.assert_allclose(model.compute_loss(batch), 2 * expected / real, rtol=1e-4)


def test_gradients_reach_all_of_the_first_stage(encoded, batch) -> None:
    model = objectives(encoded, batch, 0.2, 1, 1, 0.5)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(gradient is not None for gradient in gradients)


def test_one_fit_pre_trains_and_then_learns_what_is_next(encoded, batch, monkeypatch) -> None:
    losses = []
    fit = MutualInformation.fit

    def watched(self, *args, **kwargs):
        history = fit(self, *args, **kwargs)
        losses.extend(history.history["loss"])
        stages.append(self)
        return history

    stages = []
    monkeypatch.setattr(MutualInformation, "fit", watched)
    tf.keras.utils.set_random_seed(1)
    model = rtf.models.S3Rec(encoded.schema, **SMALL, pretrain_epochs=4)
    model.compile(tf.keras.optimizers.SGD(0.0))
    model.fit(encoded, epochs=1, batch_size=8, verbose=0)
    assert losses[-1] < losses[0]
    assert bool(model.is_pretrained)
    for mine, first in zip(model.attend.weights, stages[0].attend.weights, strict=True):
        np.testing.assert_array_equal(mine, first)
    np.testing.assert_array_equal(model.table(), stages[0].table())
    model.fit(encoded, epochs=1, batch_size=8, verbose=0)
    assert len(stages) == 1


def test_a_catalogue_without_attributes_learns_from_sequences_alone(planted_log) -> None:
    kept = [c for c in planted_log.schema.columns.values() if c.role is not Role.ITEM]
    kept = [c for c in kept if c.kind is not Kind.CROSS]
    schema = FeatureSchema([*kept, Column("item_id", Kind.ID, Role.ITEM)], "plain")
    encoded = rtf.data.encode(dataclasses.replace(planted_log, schema=schema))
    assert attribute_table(encoded).shape == (
        encoded.schema.vocabulary_size(encoded.schema.item_id),
        0,
    )
    model = rtf.models.S3Rec(encoded.schema, **SMALL, pretrain_epochs=1)
    model.compile()
    history = model.fit(encoded, epochs=1, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_what_cannot_be_is_named(encoded, rows) -> None:
    schema = encoded.schema
    with pytest.raises(ValueError, match=r"`objective_weights` must be four numbers .* \[1, 1\]"):
        rtf.models.S3Rec(schema, objective_weights=(1, 1))
    with pytest.raises(ValueError, match="`mask_share` must lie between 0 and 1; it is 1"):
        rtf.models.S3Rec(schema, mask_share=1.0)
    model = rtf.models.S3Rec(schema, **SMALL)
    model.compile()
    with pytest.raises(ValueError, match="or set `pretrain_epochs=0`"):
        model.fit(rows.batches(8), verbose=0)
