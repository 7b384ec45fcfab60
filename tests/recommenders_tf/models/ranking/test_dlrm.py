import numpy as np
import pytest

from recommenders_tf.models import DLRM
from recommenders_tf.schema import Column, FeatureSchema, SchemaError


def network(block, inputs, last=lambda x: x):
    w1, b1, w2, b2 = block.get_weights()
    return last(np.maximum(inputs @ w1 + b1, 0) @ w2 + b2)


def products(vectors):
    count = vectors.shape[1]
    pairs = [(i, j) for i in range(count) for j in range(i)]
    return np.stack([(vectors[:, i] * vectors[:, j]).sum(1) for i, j in pairs], axis=1)


def test_equation(schema, batch, randomized) -> None:
    """Naumov et al. 2019, section 2: top([bottom(numbers), products of all pairs])."""
    model = randomized(DLRM(schema, 3, bottom_units=(4,), top_units=(5,)))
    model.bottom.blocks[-1].bias.assign([-1.0, 0.2, 0.3])  # so that the last activation tells
    numbers = batch["price"].numpy()[:, np.newaxis]
    dense = network(model.bottom, numbers, lambda x: np.maximum(x, 0))
    vectors = np.concatenate([dense[:, np.newaxis], model.embed(batch)], axis=1)
    inputs = np.concatenate([dense, products(vectors)], axis=1)
    np.testing.assert_allclose(model(batch), network(model.top, inputs), rtol=1e-4)


def test_without_numbers_the_products_stand_alone(schema, batch, randomized) -> None:
    columns = [c for c in schema.columns.values() if c.name != "price"]
    model = randomized(DLRM(FeatureSchema(columns), 3, top_units=(5,)))
    assert model.bottom is None
    inputs = products(model.embed(batch).numpy())
    np.testing.assert_allclose(model(batch), network(model.top, inputs), rtol=1e-4)


@pytest.mark.parametrize("numbers", [True, False])
def test_concatenated_vectors_in_place_of_products(schema, batch, randomized, numbers) -> None:
    columns = [c for c in schema.columns.values() if numbers or c.name != "price"]
    model = DLRM(FeatureSchema(columns), 3, (4,), (5,), interaction="concatenated")
    model = randomized(model)
    vectors = model.embed(batch).numpy()
    inputs = vectors.reshape(len(vectors), -1)
    if numbers:
        prices = batch["price"].numpy()[:, np.newaxis]
        dense = network(model.bottom, prices, lambda x: np.maximum(x, 0))
        inputs = np.concatenate([dense, inputs], axis=1)
    np.testing.assert_allclose(model(batch), network(model.top, inputs), rtol=1e-4)


def test_an_unknown_interaction_is_named(schema) -> None:
    with pytest.raises(ValueError, match="`interaction` is `sum`; it must be dot or concatenated"):
        DLRM(schema, interaction="sum")


def test_a_column_of_another_width_is_named(schema) -> None:
    column = Column.from_dict("tags", schema["tags"].to_dict() | {"embedding_dim": 4})
    with pytest.raises(SchemaError, match="`tags` is 4 wide and the others 16"):
        DLRM(schema.replace([column]))
