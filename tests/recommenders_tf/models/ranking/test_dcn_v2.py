import numpy as np
import pytest

from recommenders_tf.layers import MatrixCross, MixtureCross
from recommenders_tf.models import DCNV2


def deep(model, inputs):
    w1, b1, w2, b2 = model.deep.get_weights()
    return np.maximum(inputs @ w1 + b1, 0) @ w2 + b2


@pytest.mark.parametrize("rank", [None, 2, (2, 3)])
def test_structures(schema, batch, randomized, rank) -> None:
    """Wang et al. 2021, figure 1: the network after the crosses, or beside them."""
    arguments = {"cross_layers": 2, "rank": rank, "hidden_units": (5,)}
    stacked = randomized(DCNV2(schema, 3, structure="stacked", **arguments))
    parallel = randomized(DCNV2(schema, 3, structure="parallel", **arguments))
    start = stacked.embed(batch)
    expected = deep(stacked, stacked.cross(start).numpy())
    np.testing.assert_allclose(stacked(batch), expected, rtol=1e-4)
    start = parallel.embed(batch)
    expected = parallel.cross(start).numpy() @ parallel.cross_logit.get_weights()[0]
    expected += deep(parallel, start.numpy())
    np.testing.assert_allclose(parallel(batch), expected, rtol=1e-4)


def test_rank_and_experts_choose_the_cross(schema) -> None:
    assert DCNV2(schema).cross.rank is None
    assert DCNV2(schema, rank=2).cross.rank == 2
    assert isinstance(DCNV2(schema, rank=2).cross, MatrixCross)
    mixture = DCNV2(schema, rank=[2, 3]).cross
    assert isinstance(mixture, MixtureCross)
    assert (mixture.rank, mixture.experts) == (2, 3)


def test_bad_arguments(schema) -> None:
    with pytest.raises(ValueError, match="`structure` is `beside`; it must be stacked or parallel"):
        DCNV2(schema, structure="beside")
    for rank in ((2, 3, 4), ()):
        with pytest.raises(ValueError, match="a width, or a width and a number of experts"):
            DCNV2(schema, rank=rank)


def test_hidden_layers_are_normalized_and_dropped(schema) -> None:
    deep = DCNV2(schema, hidden_units=(5,), dropout=0.2, batch_norm=True).deep
    assert (deep.dropout, deep.batch_norm) == (0.2, True)
