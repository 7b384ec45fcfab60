"""The three product-based networks: what differs is what l_p is made of."""

import itertools

import numpy as np
import pytest

from recommenders_tf import registry
from recommenders_tf.schema import Column, SchemaError


def inner(vectors, kernel):
    pairs = [(a * b).sum(1) for a, b in ((vectors[i], vectors[j]) for i, j in PAIRS)]
    return np.stack(pairs, axis=1) @ kernel


def decomposed(vectors, kernel):
    sums = [(kernel[:, n, None, None] * vectors).sum(0) for n in range(kernel.shape[1])]
    return np.stack([(total**2).sum(1) for total in sums], axis=1)


def outer(vectors, kernel):
    totals = sum(np.einsum("bm,bk->bmk", a, b) for a, b in itertools.product(vectors, vectors))
    return totals.reshape(len(totals), -1) @ kernel


PAIRS = [(i, j) for i in range(9) for j in range(i)]
MODELS = {
    "ipnn": ({}, [inner]),
    "ipnn decomposed": ({"decomposed": True}, [decomposed]),
    "opnn": ({}, [outer]),
    "pnn": ({}, [inner, outer]),
    "pnn decomposed": ({"decomposed": True}, [decomposed, outer]),
}


@pytest.mark.parametrize("name", MODELS)
def test_equation(schema, batch, randomized, column_vectors, name) -> None:
    """Qu et al. 2016, eq. 1 to 5: l1 = relu(l_z + l_p + b1), then a network."""
    arguments, products = MODELS[name]
    cls = registry.get(name.split()[0])
    model = randomized(cls(schema, embedding_dim=3, hidden_units=(5, 4), **arguments))
    vectors = column_vectors(model.embed, model.embed.vectors.numpy())
    stacked = model.embed(batch).numpy().transpose(1, 0, 2)
    assert stacked.shape[0] == len(vectors) == 9
    np.testing.assert_allclose(
        np.sort(stacked, axis=0), np.sort(list(vectors.values()), axis=0), rtol=1e-5
    )
    hidden = np.concatenate(list(stacked), axis=1) @ model.linear.kernel.numpy()
    for product, layer in zip(products, model.products, strict=True):
        hidden = hidden + product(stacked, layer.get_weights()[0])
    offset = -np.median(hidden, axis=0)  # so that the first ReLU has something to cut
    model.linear.bias.assign(offset)
    w2, b2, w3, b3 = model.deep.get_weights()
    hidden = np.maximum(np.maximum(hidden + offset, 0) @ w2 + b2, 0)
    np.testing.assert_allclose(model(batch), hidden @ w3 + b3, rtol=1e-4)


def test_a_column_of_another_width_is_named(schema) -> None:
    column = Column.from_dict("category", schema["category"].to_dict() | {"embedding_dim": 4})
    with pytest.raises(SchemaError, match=r"`categor(y|ies)` is 4 wide and the others 10"):
        registry.get("pnn")(schema.replace([column]))


def test_hidden_layers_are_normalized(schema) -> None:
    model = registry.get("opnn")(schema, hidden_units=(5, 4), batch_norm=True, dropout=0.0)
    assert [type(layer).__name__ for layer in model.first[:2]] == ["BatchNormalization", "ReLU"]
    assert len([b for b in model.deep.blocks if "Normalization" in type(b).__name__]) == 1


def test_no_hidden_layers_are_refused(schema) -> None:
    with pytest.raises(ValueError, match=r"`hidden_units` must name .* it is empty"):
        registry.get("ipnn")(schema, hidden_units=())
