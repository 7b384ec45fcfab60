"""Optimizers whose step costs what the batch touches, however large the tables are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf import native

_KERNEL = "optimizers/row_update.cc"


class RowOptimizer(tf.keras.optimizers.Optimizer):
    """An optimizer that updates only the rows of a table that occur in the batch.

    The gradients of a row that occurs several times are summed first, as in a dense gradient. A
    variable with a dense gradient is updated whole. On the CPU a table is updated by a compiled
    kernel (`row_update.cc`) if a C++ compiler is at hand, elsewhere by TensorFlow's own ops; both
    give the same.

    A subclass writes `make_state`, `settings` and `rule`.

    Args:
        learning_rate: Step size, or a Keras schedule of it.
        native: Whether the compiled kernel may be used; XLA cannot compile it.
        **kwargs: Of the Keras optimizer.

    Attributes:
        op: Name of the rule in the compiled kernel.

    Example:
        >>> from recommenders_tf.optimizers import LazyAdam
        >>> table = tf.Variable(tf.zeros([1_000_000, 4]))
        >>> rows = tf.IndexedSlices(tf.ones([2, 4]), tf.constant([7, 7]), [1_000_000, 4])
        >>> _ = LazyAdam(0.1).apply_gradients([(rows, table)])
        >>> tf.where(tf.reduce_any(table != 0, axis=1)).numpy().tolist()
        [[7]]
    """

    op: str

    def __init__(
        self, learning_rate: Any, *, native: bool = True, name: str | None = None, **kwargs: Any
    ) -> None:
        # Keras' default for a base class, 0, would decay all rows by nothing at every step.
        defaults = {"jit_compile": False, "weight_decay": None}
        super().__init__(name=name or type(self).__name__, **{**defaults, **kwargs})
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.native = native
        self._states: list[list[tf.Variable]] = []

    # === To be written by an optimizer ===

    def make_state(self, variable: tf.Variable) -> list[tf.Variable]:
        """Return the state of a variable, each with one row for each of its rows."""
        raise NotImplementedError

    def settings(self) -> list[Any]:
        """Return the scalars of this step, as the rule takes them."""
        raise NotImplementedError

    def rule(
        self,
        gradient: tf.Tensor,
        weight: tf.Tensor,
        state: Sequence[tf.Tensor],
        settings: Sequence[tf.Tensor],
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the new weights and state of some rows, `[rows, ...]`."""
        raise NotImplementedError

    # === Keras ===

    def build(self, var_list: Iterable[tf.Variable]) -> None:
        """Create the state of the variables."""
        variables = list(var_list)
        super().build(variables)
        if getattr(self, "_built", False):
            return
        self._states = [self.make_state(variable) for variable in variables]
        self._built = True

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Update one variable."""
        state = self._states[self._index_dict[self._var_key(variable)]]
        settings = [tf.cast(value, variable.dtype) for value in self.settings()]
        if not isinstance(gradient, tf.IndexedSlices):
            weight, new = self.rule(gradient, variable, state, settings)
            for target, value in zip([variable, *state], [weight, *new], strict=True):
                target.assign(value)
            return
        ops = native.ops(_KERNEL) if self.native and _is_here(variable) else None
        if ops is not None:
            update = getattr(ops, f"recommenders_tf_{self.op}_rows")
            values = tf.cast(gradient.values, tf.float32)
            handles = [part.handle for part in state]
            update(variable.handle, handles, gradient.indices, values, tf.stack(settings))
            return
        rows, places = tf.unique(gradient.indices)
        total = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        before = [tf.gather(part, rows) for part in (variable, *state)]
        weight, new = self.rule(total, before[0], before[1:], settings)
        for target, value in zip([variable, *state], [weight, *new], strict=True):
            target.scatter_update(tf.IndexedSlices(value, rows))

    def _deduplicate_sparse_grad(self, grads: Sequence[Any]) -> Sequence[Any]:
        """Leave the rows of a gradient as they are: `update_step` sums them."""
        return grads

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        rate = self._serialize_hyperparameter(self._learning_rate)
        return super().get_config() | {
            "learning_rate": rate if isinstance(rate, dict) else float(rate),
            "native": self.native,
        }


def keep_to_stock_ops(optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Let an optimizer and its parts use TensorFlow's own ops alone, as XLA needs.

    Args:
        optimizer: Any; those that are no `RowOptimizer` use no others anyway.

    Example:
        >>> from recommenders_tf.optimizers import LazyAdam
        >>> optimizer = LazyAdam()
        >>> keep_to_stock_ops(optimizer)
        >>> optimizer.native
        False
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a loss scale
    for part in getattr(inner, "optimizers", [inner]):  # of a composite
        if isinstance(part, RowOptimizer):
            part.native = False


def _is_here(variable: tf.Variable) -> bool:
    """Return whether a variable lies in the memory of this process."""
    device = tf.DeviceSpec.from_string(variable.device)
    return (
        variable.dtype == tf.float32 and device.device_type in (None, "CPU") and device.job != "ps"
    )
