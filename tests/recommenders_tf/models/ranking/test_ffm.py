import itertools

import numpy as np
import pytest

from recommenders_tf.models import FFM
from recommenders_tf.schema import Column, SchemaError


@pytest.mark.parametrize("use_linear", [True, False])
def test_equation(schema, batch, randomized, column_vectors, use_linear) -> None:
    """Juan et al. 2016, eq. 4: of each pair either one's vector for the other's field."""
    dim = 3
    model = randomized(FFM(schema, embedding_dim=dim, use_linear=use_linear))
    found = column_vectors(model.embed, model.embed.vectors.numpy())
    # The order that a stack has: ids, lists, numbers.
    order = sorted(found, key=lambda n: (schema[n].is_numeric, bool(schema.list_source(schema[n]))))

    def vector(name: str, other: str) -> np.ndarray:
        start = order.index(other) * dim
        return found[name][:, start : start + dim]

    pairs = itertools.combinations(order, 2)
    expected = sum((vector(a, b) * vector(b, a)).sum(1) for a, b in pairs)
    if use_linear:
        layer = model.first_order
        weights = column_vectors(layer.embed, layer.embed.vectors.numpy())
        expected = expected + layer.bias.numpy() + sum(weights.values())[:, 0]
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-4)


def test_a_column_of_another_width_is_named(schema) -> None:
    own = schema["category"].to_dict() | {"embedding_dim": 8}
    other = schema.replace([Column.from_dict("category", own)])
    with pytest.raises(SchemaError, match=r"`categor(y|ies)` has the `embedding_dim` 8"):
        FFM(other)
    assert FFM(other, embedding_dim=8).embed.dim == 8 * len(schema.uncrossed)
