import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import SelfAttention, visible_steps
from tests.harness import run_layer_test

REMAINING = np.array([[4, 3, 2, 1, 0], [2, 1, 3, 2, 1], [0, 0, 0, 0, 0]])
INPUTS = np.random.default_rng(0).normal(size=[3, 5, 6]).astype(np.float32)
SEQUENCES = {0: [range(4)], 1: [range(2), range(2, 5)]}


def given(causal=True):
    return tf.constant(INPUTS), visible_steps(tf.constant(REMAINING), causal)


@pytest.mark.parametrize("project", [False, True])
def test_contract(project) -> None:
    run_layer_test(lambda: SelfAttention(3, project), given(), (3, 5, 6), 4 if project else 2)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("project", [False, True])
def test_equation_step_by_step(causal, heads, project) -> None:
    """Vaswani et al. 2017, section 3.2: softmax(Q Kᵀ / √d) V of each head, then the mixture."""
    layer = SelfAttention(heads, project)
    layer(*given())
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    attended = layer(*given(causal)).numpy()
    kernel, bias, *mix = layer.get_weights()
    query, key, value = (
        INPUTS @ w + b for w, b in zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True)
    )
    part = 6 // heads
    for row, sequences in SEQUENCES.items():
        for sequence in sequences:
            for t in sequence:
                seen = [s for s in sequence if s <= t or not causal]
                out = []
                for head in range(heads):
                    span = slice(head * part, (head + 1) * part)
                    scores = key[row, seen, span] @ query[row, t, span] / np.sqrt(part)
                    weights = np.exp(scores - scores.max())
                    out.append(weights / weights.sum() @ value[row, seen, span])
                expected = np.concatenate(out)
                if project:
                    expected = expected @ mix[0] + mix[1]
                np.testing.assert_allclose(attended[row, t], expected, rtol=1e-3, atol=1e-4)


def test_padding_on_either_side_is_seen_by_no_step() -> None:
    visible = visible_steps(tf.constant([[0, 2, 1, 0], [1, 0, 0, 1]]), causal=False).numpy()
    assert visible[0].astype(int).tolist() == [[0] * 4, [0, 1, 1, 0], [0, 1, 1, 0], [0] * 4]
    assert visible[1].astype(int).tolist() == [[1, 0, 0, 0], [0] * 4, [0] * 4, [0, 0, 0, 1]]


def test_width_that_heads_do_not_divide_is_named() -> None:
    with pytest.raises(ValueError, match=r"in 4 heads parts vectors .* they are 6 wide"):
        SelfAttention(heads=4)(*given())


@pytest.mark.parametrize("heads", [1, 3])
def test_relations_and_positions_have_keys_and_values(heads) -> None:
    """Shaw et al. 2018, eq. 3 and 4; Li et al. 2020, eq. 6 to 8: pair by pair."""
    random = np.random.default_rng(3)
    layer = SelfAttention(heads, project=False)
    layer(*given())
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    related = random.integers(4, size=[3, 5, 5])
    relations, positions = random.normal(size=[4, 12]), random.normal(size=[3, 5, 12])
    more = {
        "related": tf.constant(related, tf.int32),
        "relations": tf.constant(relations, tf.float32),
        "positions": tf.constant(positions, tf.float32),
    }
    attended = layer(*given(), **more).numpy()
    kernel, bias = layer.get_weights()
    query, key, value = (
        INPUTS @ w + b for w, b in zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True)
    )
    part = 6 // heads
    for row, sequences in SEQUENCES.items():
        for sequence in sequences:
            for i in sequence:
                seen = [j for j in sequence if j <= i]
                keys, values = (
                    np.array(
                        [
                            vectors[row, j]
                            + positions[row, j, side]
                            + relations[related[row, i, j], side]
                            for j in seen
                        ]
                    )
                    for vectors, side in ((key, slice(6)), (value, slice(6, 12)))
                )
                for head in range(heads):
                    span = slice(head * part, (head + 1) * part)
                    scores = keys[:, span] @ query[row, i, span] / np.sqrt(part)
                    weights = np.exp(scores - scores.max())
                    expected = weights / weights.sum() @ values[:, span]
                    np.testing.assert_allclose(
                        attended[row, i, span], expected, rtol=1e-3, atol=1e-4
                    )
