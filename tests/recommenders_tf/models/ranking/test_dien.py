import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models import DIEN
from recommenders_tf.schema import Column, FeatureSchema, Kind, SchemaError
from tests.recommenders_tf.layers.test_attention_gru import recurrence

SMALL = {"embedding_dim": 3, "hidden_units": (5,), "activation": "sigmoid"}


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def changed(schema, name, **fields):
    return schema.replace([Column.from_dict(name, schema[name].to_dict() | fields)])


@pytest.fixture
def model(schema, batch):
    def make(**arguments):
        model = DIEN(schema, **SMALL, **arguments)
        model(batch)
        random = np.random.default_rng(1)
        model.set_weights([random.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])
        return model

    return make


def behaviours(model, batch):
    """Item and category of each step, side by side."""
    parts = (("history", "item_id"), ("categories", "category"))
    rows = [model.embed.table(source).numpy()[batch[past].numpy()] for past, source in parts]
    return np.concatenate(rows, axis=2)


def states(layer, inputs, attention):
    """The state after each step of one list."""
    ends = range(1, len(inputs) + 1)
    return [recurrence(layer, inputs[:t], attention[:t]) for t in ends]


@pytest.mark.parametrize("evolution", ["augru", "agru", "aigru"])
def test_equation(model, batch, column_vectors, evolution) -> None:
    """Zhou et al. 2019, figure 1: extraction, attention to the candidate (eq. 8), evolution."""
    model = model(evolution=evolution)
    vectors = column_vectors(model.embed)
    candidate = np.concatenate([vectors["item_id"], vectors["category"]], axis=1)
    steps = behaviours(model, batch)
    final = np.zeros([len(steps), 6])
    for row, length in enumerate(batch["history_mask"].numpy().sum(axis=1)):
        if length:
            real = steps[row, :length]
            interests = np.stack(states(model.extract, real, np.ones(length)))
            fits = np.exp(interests @ model.attend.kernel.numpy() @ candidate[row])
            final[row] = recurrence(model.evolve, interests, fits / fits.sum())
    w1, b1, w2, b2 = model.deep.get_weights()
    hidden = sigmoid(np.concatenate([*vectors.values(), final], axis=1) @ w1 + b1)
    np.testing.assert_allclose(model(batch), hidden @ w2 + b2, rtol=1e-4, atol=1e-5)


def test_auxiliary_loss_is_of_the_interests_and_of_training_alone(model, batch) -> None:
    """Eq. 7: α times what the interests cannot tell of the next behaviour."""
    plain, weighted = model(auxiliary_weight=0.0), model(auxiliary_weight=0.3)
    mask = batch["history_mask"]
    steps = tf.constant(behaviours(weighted, batch))
    interests = weighted.extract(steps, mask)
    state = weighted.next_behaviour.generator.state.numpy()
    expected = weighted.next_behaviour(interests, steps, batch["history"], mask)
    weighted.next_behaviour.generator.state.assign(state)
    weighted(batch, training=True)
    np.testing.assert_allclose(weighted.losses, [0.3 * expected], rtol=1e-5)
    assert expected > 0
    weighted(batch)
    plain(batch, training=True)
    assert not weighted.losses
    assert not plain.losses


def test_the_order_of_the_past_matters(model, batch) -> None:
    model = model()
    full = np.flatnonzero(batch["history_mask"].numpy().all(axis=1))
    reversed_ = {n: batch[n][:, ::-1] for n in ("history", "categories")}
    difference = np.abs(model(batch) - model(batch | reversed_))[full]
    assert (difference > 1e-6).all()
    assert len(full)


def test_sequences_must_go_together(schema) -> None:
    with pytest.raises(SchemaError, match="`categories` has the `max_length` 3 and `history` 4"):
        DIEN(changed(schema, "categories", max_length=3))
    columns = [c for c in schema.columns.values() if c.kind is not Kind.SEQUENCE]
    with pytest.raises(SchemaError, match="has no column of kind `sequence`"):
        DIEN(FeatureSchema(columns))
    same = changed(schema, "categories", share_with="tags")
    with pytest.raises(SchemaError, match="`categories` is 5 wide and its source `category` 18"):
        DIEN(changed(same, "tags", embedding_dim=5))
    with pytest.raises(ValueError, match="`evolution` is `gru`; it must be one of augru, agru"):
        DIEN(schema, evolution="gru")
