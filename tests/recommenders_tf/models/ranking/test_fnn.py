import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.models import FM, FNN


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture
def machines(monkeypatch) -> list[FM]:
    """The machines that were trained, in order."""
    trained = []
    fit = FM.fit

    def spy(self, *args, **kwargs):
        result = fit(self, *args, **kwargs)
        trained.append((self, result))
        return result

    monkeypatch.setattr(FM, "fit", spy)
    return trained


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Zhang et al. 2016, eq. 2 to 4, without w₀: tanh layers over the fields' [w, v]."""
    model = randomized(FNN(schema, embedding_dim=3, hidden_units=(5,)))
    weights = column_vectors(model.weigh, model.weigh.vectors.numpy())
    vectors = column_vectors(model.embed, model.embed.vectors.numpy())
    # The order that a stack has: ids, lists, numbers.
    order = sorted(
        vectors, key=lambda n: (schema[n].is_numeric, bool(schema.list_source(schema[n])))
    )
    fields = np.concatenate([weights[n] for n in order] + [vectors[n] for n in order], axis=1)
    w1, b1, w2, b2 = model.deep.get_weights()
    expected = np.tanh(fields @ w1 + b1) @ w2 + b2
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)


def test_starts_from_the_machine(encoded, machines) -> None:
    model = FNN(encoded.schema, embedding_dim=3, hidden_units=(4,), pretrain_epochs=3)
    model.compile(tf.keras.optimizers.SGD(0.0))  # what it starts from stays
    model.fit(encoded, epochs=1, verbose=0)
    ((machine, history),) = machines
    losses = history.history["loss"]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(model.embed.table("user_id"), machine.embeds[0].table("user_id"))
    np.testing.assert_array_equal(
        model.weigh.table("item_id"), machine.first_order.embed.table("item_id")
    )
    np.testing.assert_array_equal(model.embed.vectors, machine.embeds[0].vectors)


def test_none_is_trained_if_none_is_asked_for(encoded, machines) -> None:
    model = FNN(encoded.schema, embedding_dim=3, hidden_units=(4,), pretrain_epochs=0)
    model.compile()
    model.fit(encoded, epochs=1, verbose=0)
    assert not machines
