import numpy as np
import pytest

from recommenders_tf.models import FinalMLP
from recommenders_tf.schema import Column


def network(block, inputs):
    w1, b1, w2, b2 = block.get_weights()
    return np.maximum(inputs @ w1 + b1, 0) @ w2 + b2


def test_equation(schema, batch, randomized, column_vectors) -> None:
    """Mao et al. 2023: gates of the user and the item, two networks, a fusion in two heads."""
    model = randomized(FinalMLP(schema, 3, (5, 4), (6, 2), (7,), heads=2))
    for deep in model.networks:  # so that the last activation tells
        width = deep.units[-1]
        deep.blocks[-2].bias.assign([-100.0, *[0.2] * (width - 1)])
    flat = np.concatenate(list(column_vectors(model.embed).values()), axis=1)
    sides = [
        ("user_id", "age", "history", "categories"),
        ("item_id", "similar", "category", "tags", "price"),
    ]
    outputs = []
    for names, embed, gate, deep in zip(
        sides, model.contexts, model.gates, model.networks, strict=True
    ):
        vectors = column_vectors(embed)
        context = np.concatenate([vectors[name] for name in names], axis=1)
        scale = 2 / (1 + np.exp(-network(gate, context)))
        outputs.append(np.maximum(network(deep, scale * flat), 0))
    kernel, bias = model.fuse.linear.get_weights()
    expected = np.concatenate(outputs, axis=1) @ kernel + bias
    first, second = outputs
    for head, matrix in enumerate(model.fuse.kernel.numpy()):
        left, right = first[:, 2 * head : 2 * head + 2], second[:, head : head + 1]
        expected += ((left @ matrix) * right).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4)


def test_columns_may_differ_in_width(schema, batch) -> None:
    column = Column.from_dict("tags", schema["tags"].to_dict() | {"embedding_dim": 4})
    model = FinalMLP(schema.replace([column]))
    assert model(batch).shape == (6, 1)
    assert model.embed.table("tags").shape[1] == 4


def test_the_last_layers_of_the_networks_are_normalized_and_dropped_too(schema) -> None:
    """As in the authors' program: a network of one layer would have neither otherwise."""
    model = FinalMLP(schema, first_units=(8,), second_units=(4,), dropout=0.4, batch_norm=True)
    kinds = [[type(block).__name__ for block in network.blocks] for network in model.networks]
    assert kinds == [["Dense", "BatchNormalization", "Activation", "Dropout"]] * 2


def test_heads_divide_both_networks(schema, batch) -> None:
    with pytest.raises(ValueError, match="10 `heads` don't divide a vector 32 wide"):
        FinalMLP(schema, second_units=(32,))(batch)
