import itertools

import numpy as np
import pytest

from recommenders_tf.models import FM
from recommenders_tf.schema import Column, SchemaError


@pytest.mark.parametrize("order", [2, 3, 4])
def test_equation(schema, batch, randomized, column_vectors, order) -> None:
    """Rendle 2010, eq. 1, and Blondel et al. 2016, eq. 5: the sums over all groups, naively."""
    model = randomized(FM(schema, embedding_dim=3, order=order))
    layer = model.first_order
    weights = column_vectors(layer.embed, layer.embed.vectors.numpy())
    expected = layer.bias.numpy() + sum(weights.values())[:, 0]
    assert len(model.embeds) == order - 1
    for degree, embed in enumerate(model.embeds, start=2):
        vectors = column_vectors(embed, embed.vectors.numpy()).values()
        for group in itertools.combinations(vectors, degree):
            expected = expected + np.prod(group, axis=0).sum(1)
    np.testing.assert_allclose(model(batch)[:, 0], expected, rtol=1e-4)


def test_a_column_of_another_width_is_named(schema) -> None:
    column = Column.from_dict("category", schema["category"].to_dict() | {"embedding_dim": 4})
    with pytest.raises(SchemaError, match=r"`categor(y|ies)` is 4 wide and the others 10"):
        FM(schema.replace([column]))


def test_an_order_without_pairs_is_refused(schema) -> None:
    with pytest.raises(ValueError, match="`order` is 1; it must be at least 2"):
        FM(schema, order=1)
