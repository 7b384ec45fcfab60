"""Different optimizers for different parts of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class CompositeOptimizer(tf.keras.optimizers.Optimizer):
    """Sends every variable to the optimizer of the first name that its own name contains.

    Unlike the one of TFRS it goes by names, so it can be saved, and works under mixed precision
    and a distribution strategy as any Keras optimizer does.

    Args:
        default: Optimizer, or its Keras name, of the variables that no entry of `parts` takes.
        parts: Optimizers by a part of the variables' names.
        **kwargs: Of the Keras optimizer.

    Example:
        >>> optimizer = CompositeOptimizer("adam", {"wide/": "ftrl"})
        >>> wide, deep = tf.Variable(1.0, name="wide/w"), tf.Variable(1.0, name="deep/w")
        >>> optimizer.build([wide, deep])
        >>> _ = optimizer.apply_gradients([(tf.constant(0.1), wide), (tf.constant(0.1), deep)])
        >>> int(optimizer.iterations)
        1
    """

    def __init__(
        self,
        default: str | tf.keras.optimizers.Optimizer,
        parts: Mapping[str, str | tf.keras.optimizers.Optimizer],
        name: str = "CompositeOptimizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.names = list(parts)
        # A list, not a dict: Keras saves the optimizers it finds in one.
        self.optimizers = [tf.keras.optimizers.get(o) for o in (*parts.values(), default)]
        self._learning_rate = self.optimizers[-1]._learning_rate

    def build(self, var_list: Iterable[tf.Variable]) -> None:
        """Create the slots of every optimizer for its own variables."""
        variables = list(var_list)
        super().build(variables)
        for optimizer, part in self._split([(v, v) for v in variables]):
            if not getattr(optimizer, "_built", False):
                optimizer.build([variable for _, variable in part])

    def apply_gradients(self, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        """Apply every gradient with the optimizer of its variable."""
        pairs = list(grads_and_vars)
        with tf.init_scope():
            self.build([variable for _, variable in pairs])
        for optimizer, part in self._split(pairs):
            if part:
                optimizer.apply_gradients(part, *args, **kwargs)
        return self.iterations.assign_add(1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        *parts, default = [tf.keras.optimizers.serialize(o) for o in self.optimizers]
        return {
            "name": self.name,
            "default": default,
            "parts": dict(zip(self.names, parts, strict=True)),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        """Build the optimizer of a `get_config`."""
        del custom_objects
        values = dict(config)
        default = tf.keras.optimizers.deserialize(values.pop("default"))
        parts = {
            name: tf.keras.optimizers.deserialize(part)
            for name, part in values.pop("parts").items()
        }
        return cls(default, parts, **values)

    def _split(self, pairs: list[tuple[Any, tf.Variable]]) -> list[tuple[Any, list[Any]]]:
        """Return each optimizer with the pairs whose variable is its own."""
        parts: list[list[Any]] = [[] for _ in self.optimizers]
        for value, variable in pairs:
            found = (i for i, name in enumerate(self.names) if name in variable.name)
            parts[next(found, len(self.names))].append((value, variable))
        return list(zip(self.optimizers, parts, strict=True))
