import itertools

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import FieldAwareInteraction
from tests.harness import run_layer_test

FIELDS, DIM = 4, 3
VECTORS = np.random.default_rng(0).normal(size=(5, FIELDS, FIELDS * DIM)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(FieldAwareInteraction, (tf.constant(VECTORS),), (5, 1), 0)


def test_each_field_meets_another_with_the_vector_for_it() -> None:
    """Juan et al. 2016, equation 4."""

    def vector(field: int, other: int) -> np.ndarray:
        return VECTORS[:, field, other * DIM : (other + 1) * DIM]

    pairs = itertools.combinations(range(FIELDS), 2)
    expected = sum((vector(i, j) * vector(j, i)).sum(1) for i, j in pairs)
    result = FieldAwareInteraction()(VECTORS)[:, 0]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_vectors_that_the_fields_cannot_share_are_named() -> None:
    with pytest.raises(ValueError, match="11 wide, which 4 fields cannot share"):
        FieldAwareInteraction()(VECTORS[:, :, :11])
