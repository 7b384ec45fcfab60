"""A training step of a model for large catalogues holds nothing as long as the catalogue."""

import dataclasses

import pytest
import tensorflow as tf

import recommenders_tf as rtf

ITEMS = 1_000_003
SLOW = pytest.mark.slow
MODELS = [
    ("two_tower", {"num_negatives": 1}),
    ("youtube_dnn", {"hidden_units": (8,), "num_negatives": 16}),
    ("sasrec", {"num_negatives": 4}),
    pytest.param("sequence_two_tower", {"num_negatives": 1}, marks=SLOW),
    pytest.param("sasrec", {"objective": "softmax", "num_negatives": 16}, marks=SLOW),
    pytest.param("gru4rec", {"num_negatives": 16}, marks=SLOW),
    pytest.param("caser", {}, marks=SLOW),
    pytest.param("tisasrec", {}, marks=SLOW),
    pytest.param("narm", {"num_negatives": 16}, marks=SLOW),
    pytest.param("sr_gnn", {"num_negatives": 16}, marks=SLOW),
    pytest.param("comirec", {"num_negatives": 16}, marks=SLOW),
    pytest.param("mind", {"num_negatives": 16}, marks=SLOW),
]


@pytest.fixture(scope="module")
def encoded(planted_log):
    column = dataclasses.replace(planted_log.schema.item_id, hash_buckets=ITEMS)
    log = dataclasses.replace(planted_log, schema=planted_log.schema.replace([column]))
    return rtf.data.encode(log)


@pytest.mark.parametrize(("name", "arguments"), MODELS)
def test_no_tensor_of_a_step_is_as_long_as_the_catalogue(encoded, name, arguments) -> None:
    model = rtf.registry.get(name)(encoded.schema, embedding_dim=4, **arguments)
    model.compile()
    batch = next(iter(model.training_rows(encoded).batches(16)))
    batch = batch[0] if isinstance(batch, tuple) else batch
    step = tf.function(model.train_step, autograph=False).get_concrete_function((batch,))
    graphs = [step.graph, *(f.graph for f in step.graph._functions.values() if hasattr(f, "graph"))]
    long = {
        f"{op.type} {op.name} {out.shape}"
        for graph in graphs
        for op in graph.get_operations()
        for out in op.outputs
        if out.shape.rank and any(size and size >= ITEMS for size in out.shape)
    }
    assert not long
