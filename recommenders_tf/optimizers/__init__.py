"""Optimizers that stay fast when tables grow, and what Keras lacks around them."""

import difflib
from typing import Any

from recommenders_tf.optimizers.adagrad import INITIAL_ACCUMULATOR, Adagrad, RowwiseAdagrad
from recommenders_tf.optimizers.composite_optimizer import CompositeOptimizer
from recommenders_tf.optimizers.ftrl import Ftrl
from recommenders_tf.optimizers.gradients import clip_by_global_norm, micro_batch_gradients
from recommenders_tf.optimizers.lazy_adam import LazyAdam
from recommenders_tf.optimizers.row_optimizer import RowOptimizer, keep_to_stock_ops
from recommenders_tf.optimizers.sgd import SGD

_BY_NAME: dict[str, type[RowOptimizer]] = {
    "adagrad": Adagrad,
    "ftrl": Ftrl,
    "lazy_adam": LazyAdam,
    "rowwise_adagrad": RowwiseAdagrad,
    "sgd": SGD,
}


def names() -> list[str]:
    """Return the names that `get` knows.

    Example:
        >>> names()
        ['adagrad', 'ftrl', 'lazy_adam', 'rowwise_adagrad', 'sgd']
    """
    return list(_BY_NAME)


def get(name: str, **arguments: Any) -> RowOptimizer:
    """Return an optimizer by its name, as configs and the command line give it.

    Args:
        name: One of `names()`.
        **arguments: Of its constructor.

    Raises:
        ValueError: The name is unknown.
        TypeError: The optimizer has no such argument.

    Example:
        >>> float(get("lazy_adam", learning_rate=0.5).learning_rate)
        0.5
    """
    if name not in _BY_NAME:
        close = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ValueError(f"There is no optimizer {name!r}; there are {', '.join(_BY_NAME)}{hint}")
    return _BY_NAME[name](**arguments)


__all__ = [
    "INITIAL_ACCUMULATOR",
    "SGD",
    "Adagrad",
    "CompositeOptimizer",
    "Ftrl",
    "LazyAdam",
    "RowwiseAdagrad",
    "clip_by_global_norm",
    "get",
    "keep_to_stock_ops",
    "micro_batch_gradients",
    "names",
]
