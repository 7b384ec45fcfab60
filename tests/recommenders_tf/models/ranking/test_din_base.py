import numpy as np
import pytest

from recommenders_tf.models import DINBase
from recommenders_tf.schema import Kind


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_equation(schema, batch, randomized, column_vectors, pooling) -> None:
    """Zhou et al. 2018, section 4.2: a network over embeddings and the pooled past (eq. 1)."""
    model = randomized(DINBase(schema, 3, hidden_units=(5,), pooling=pooling))
    vectors = column_vectors(model.embed)
    if pooling == "sum":
        for column in schema.select(kind=Kind.SEQUENCE):
            rows = model.embed.table(column.name).numpy()[batch[column.name].numpy()]
            mask = batch[f"{column.name}_mask"].numpy()
            vectors[column.name] = (rows * mask[:, :, np.newaxis]).sum(axis=1)
    inputs = np.concatenate([*vectors.values()], axis=1)
    w1, b1, alpha, w2, b2 = model.deep.get_weights()
    hidden = inputs @ w1 + b1
    hidden = np.where(hidden > 0, hidden, alpha * hidden)
    np.testing.assert_allclose(model(batch), hidden @ w2 + b2, rtol=1e-4)


def test_unknown_pooling_is_named(schema) -> None:
    with pytest.raises(ValueError, match="`pooling` is `max`; it must be one of sum, mean"):
        DINBase(schema, pooling="max")
