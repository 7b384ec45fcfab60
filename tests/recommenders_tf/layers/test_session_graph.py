import itertools

import numpy as np
import tensorflow as tf

from recommenders_tf.layers import SessionGraph, visible_steps
from tests.harness import run_layer_test

ITEMS = np.array([[3, 5, 3, 5, 4, 3, 9, 9, 0], [0, 7, 7, 8, 7, 7, 8, 6, 7]])
REMAINING = np.array([[6, 5, 4, 3, 2, 1, 2, 1, 0], [0, 8, 7, 6, 5, 4, 3, 2, 1]])
SESSIONS = ((0, 0, 6), (0, 6, 8), (1, 1, 9))


def given(dim):
    inputs = np.random.default_rng(0).normal(size=[10, dim]).astype(np.float32)[ITEMS]
    same = (ITEMS[:, :, None] == ITEMS[:, None]) & visible_steps(REMAINING, causal=False).numpy()
    visible = visible_steps(tf.constant(REMAINING), causal=True)
    return tf.constant(inputs), tf.constant(same), visible


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_nodes_are_those_of_the_adjacency_matrix_of_every_beginning() -> None:
    """Wu et al. 2019, eq. 1 to 5 and figure 2: edges once, shares of what goes in and out."""
    dim = 4
    layer = SessionGraph()
    inputs, same, visible = given(dim)
    layer(inputs, same, visible)
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    found = layer(inputs, same, visible).numpy()
    to_edges, of_edges = (w.numpy() for w in layer.edges.weights)
    to_gates, of_gates = layer.gates.numpy(), layer.gate_bias.numpy()
    recurrent, candidate = layer.recurrent.numpy(), layer.candidate.numpy()
    seen_both = 0
    for row, begin, end in SESSIONS:
        for t in range(begin, end):
            session = ITEMS[row, begin : t + 1]
            names = sorted(set(session))
            matrix = np.zeros([len(names)] * 2)
            for a, b in itertools.pairwise(session):
                matrix[names.index(a), names.index(b)] = 1
            nodes = np.array([inputs[row, begin + list(session).index(n)] for n in names])
            ins, outs = np.split(nodes @ to_edges + of_edges, 2, axis=1)
            into = matrix / np.maximum(matrix.sum(axis=0, keepdims=True), 1)
            out = matrix.T / np.maximum(matrix.sum(axis=1), 1)
            means = np.concatenate([into.T @ ins, out.T @ outs], axis=1) + layer.edge_bias.numpy()
            z, r, more = np.split(means @ to_gates + of_gates, 3, axis=1)
            of_z, of_r = np.split(nodes @ recurrent, 2, axis=1)
            z, r = sigmoid(z + of_z), sigmoid(r + of_r)
            changed = np.tanh(more + (r * nodes) @ candidate)
            expected = (1 - z) * nodes + z * changed
            seen_both += matrix.sum() < len(session) - 1
            for i in range(begin, t + 1):
                np.testing.assert_allclose(
                    found[row, t, i], expected[names.index(ITEMS[row, i])], rtol=1e-3, atol=1e-4
                )
    assert seen_both > 3  # beginnings with an edge that comes twice


def test_keeps_the_contract_of_layers() -> None:
    run_layer_test(SessionGraph, given(4), (2, 9, 9, 4), 7)
