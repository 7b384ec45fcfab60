import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import PositionEmbedding
from tests.harness import run_layer_test

REMAINING = tf.constant([[3, 2, 1, 0], [0, 0, 2, 1], [2, 1, 2, 1]])


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_contract(kind) -> None:
    run_layer_test(
        lambda: PositionEmbedding(4, 6, kind), (REMAINING,), (3, 4, 6), int(kind == "learned")
    )


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_a_step_is_told_by_its_distance_from_the_end(kind) -> None:
    vectors = PositionEmbedding(4, 6, kind)(REMAINING).numpy()
    np.testing.assert_array_equal(vectors[0, 1:3], vectors[1, 2:])
    np.testing.assert_array_equal(vectors[2, :2], vectors[2, 2:])
    assert not vectors[0, 3].any() and not vectors[1, :2].any()
    assert (vectors[0, 0] != vectors[0, 1]).any()


def test_waves() -> None:
    """Vaswani et al. 2017, section 3.5."""
    vectors = PositionEmbedding(4, 6, "sinusoidal")(tf.constant([[4, 3, 2, 1]])).numpy()[0]
    for step, distance in enumerate((3, 2, 1, 0)):
        for i in range(3):
            angle = distance / 10000 ** (2 * i / 6)
            expected = np.sin(angle), np.cos(angle)
            np.testing.assert_allclose(vectors[step, 2 * i : 2 * i + 2], expected, atol=1e-6)


def test_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="`kind` is `rotary`; it must be one of learned, sin"):
        PositionEmbedding(4, 6, "rotary")
