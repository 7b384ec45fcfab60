import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models import DIN
from recommenders_tf.schema import Column, FeatureSchema, Kind, SchemaError

SMALL = {"attention_units": (4,), "hidden_units": (5,)}


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def attend(unit, query, keys, mask):
    """Zhou et al. 2018, eq. 3, position by position."""
    total = np.zeros_like(query)
    (last,) = unit.rest.blocks
    w, b = last.get_weights()
    for row in range(len(query)):
        for key in keys[row][mask[row]]:
            q = query[row]
            inputs = np.concatenate([q, key, q - key, q * key])
            hidden = sigmoid(inputs @ unit.kernel.numpy() + unit.bias.numpy())
            total[row] += (hidden @ w + b) * key
    return total


def with_dim(schema, name, dim):
    return Column.from_dict(name, schema[name].to_dict() | {"embedding_dim": dim})


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Items attend to the item, categories to the category, each in its own width."""
    schema = schema.replace([with_dim(schema, "category", 2)])
    model = randomized(DIN(schema, 3, activation="sigmoid", **SMALL))
    vectors = column_vectors(model.embed)
    interests = []
    for past, source in (("history", "item_id"), ("categories", "category")):
        keys = model.embed.table(source).numpy()[batch[past].numpy()]
        mask = batch[f"{past}_mask"].numpy()
        interests.append(attend(model.attend[past], vectors[source], keys, mask))
    assert [part.shape[1] for part in interests] == [3, 2]
    w1, b1, w2, b2 = model.deep.get_weights()
    inputs = np.concatenate([*vectors.values(), *interests], axis=1)
    np.testing.assert_allclose(model(batch), sigmoid(inputs @ w1 + b1) @ w2 + b2, rtol=1e-4)


def test_regularization_is_of_the_rows_of_the_batch(schema, batch, randomized) -> None:
    """Eq. 6: ½ λ Σ ‖w‖² / n over the ids of the batch, those of shared tables counted once."""
    plain = DIN(schema, 3, **SMALL)
    model = randomized(DIN(schema, 3, regularization=0.1, **SMALL))
    for penalty in model.penalties.values():
        penalty.seen.assign(tf.zeros_like(penalty.seen))
    model(batch, training=True)
    expected = 0.0
    for table, names in model._columns_by_table().items():
        ids = np.concatenate([batch[name].numpy().ravel() for name in names])
        for id_, count in zip(*np.unique(ids[ids > 0], return_counts=True), strict=True):
            row = model.embed.table(table).numpy()[id_]
            expected += 0.05 * (row**2).sum() / count
    assert model._columns_by_table()["item_id"] == ["item_id", "similar", "history"]
    np.testing.assert_allclose(tf.add_n(model.losses), expected, rtol=1e-4)
    model(batch)
    plain(batch, training=True)
    assert not model.losses and not plain.losses


def test_needs_a_sequence(schema) -> None:
    columns = [c for c in schema.columns.values() if c.kind is not Kind.SEQUENCE]
    with pytest.raises(SchemaError, match="has no column of kind `sequence`"):
        DIN(FeatureSchema(columns))


def test_a_sequence_must_be_as_wide_as_its_source(schema) -> None:
    other = Column.from_dict("categories", schema["categories"].to_dict() | {"share_with": "tags"})
    with pytest.raises(SchemaError, match="`categories` is 5 wide and its source `category` 64"):
        DIN(schema.replace([other, with_dim(schema, "tags", 5)]))


def test_growing_rows_cannot_be_regularized(schema) -> None:
    user = {"kind": "id", "role": "user", "growing": True, "max_vocabulary": 5}
    growing = schema.replace([Column.from_dict("user_id", user)])
    with pytest.raises(SchemaError, match="`user_id` is growing"):
        DIN(growing, regularization=0.1)
