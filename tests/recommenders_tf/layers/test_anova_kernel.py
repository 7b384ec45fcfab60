import itertools

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import AnovaKernel, FactorizationMachine
from tests.harness import run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: AnovaKernel(3), (tf.constant(VECTORS),), (5, 1), 0)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_linear_time_form_is_the_sum_over_all_groups(order) -> None:
    """Blondel et al. 2016, equation 4, once for each coordinate."""
    groups = itertools.combinations(range(6), order)
    expected = sum(VECTORS[:, list(group)].prod(1).sum(1) for group in groups)
    np.testing.assert_allclose(AnovaKernel(order)(VECTORS)[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_order_two_is_the_factorization_machine() -> None:
    np.testing.assert_allclose(
        AnovaKernel(2)(VECTORS), FactorizationMachine()(VECTORS), rtol=1e-4, atol=1e-5
    )


def test_without_enough_fields_there_is_no_group() -> None:
    assert not np.any(AnovaKernel(7)(VECTORS))


def test_an_order_below_one_is_named() -> None:
    with pytest.raises(ValueError, match="`order` is 0"):
        AnovaKernel(0)
