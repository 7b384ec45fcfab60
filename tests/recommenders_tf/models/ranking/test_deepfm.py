import itertools

import numpy as np
import pytest

from recommenders_tf.models import DeepFM
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import Column, SchemaError


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Guo et al. 2017, eq. 1 to 4: weights of all features, products of all pairs, a network."""
    model = randomized(DeepFM(schema, embedding_dim=3, hidden_units=(5,)))
    weights = column_vectors(model.first_order.embed, model.first_order.embed.vectors.numpy())
    vectors = column_vectors(model.embed, model.embed.vectors.numpy())
    first = sum(weights.values())[:, 0]
    pairs = itertools.combinations(vectors.values(), 2)
    second = sum((a * b).sum(1) for a, b in pairs)
    w1, b1, w2, b2 = model.deep.get_weights()
    flat = model.embed(batch).numpy().reshape(len(first), -1)
    deep = (np.maximum(flat @ w1 + b1, 0) @ w2 + b2)[:, 0]
    np.testing.assert_allclose(model(batch)[:, 0], first + second + deep, rtol=1e-4)


def test_a_column_of_another_width_is_named(schema) -> None:
    column = Column.from_dict("category", schema["category"].to_dict() | {"embedding_dim": 4})
    with pytest.raises(SchemaError, match=r"`categor(y|ies)` is 4 wide and the others 10"):
        DeepFM(schema.replace([column]))


def test_lazy_adam_by_default(schema) -> None:
    assert isinstance(DeepFM(schema).default_optimizer(), LazyAdam)
