"""Named inputs of signatures, with defaults for those that a request leaves out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.schema import Column

DEFAULT_K = 10
"""Items that a request asks for when it does not say."""
HISTORY_TIMES = "history_times"


class Input(NamedTuple):
    """An input of a signature: its specification and what an absent one means."""

    spec: tf.TensorSpec
    default: tf.Tensor | None = None


def _strings(rank: int) -> tf.TensorSpec:
    return tf.TensorSpec([None] * rank, tf.string)


def _no_strings() -> tf.Tensor:
    return tf.zeros([0, 0], tf.string)


def top_k_inputs() -> dict[str, Input]:
    """Return the inputs of signatures that choose from the catalogue."""
    return {
        "user_id": Input(_strings(1)),
        "history": Input(_strings(2), _no_strings()),
        "candidates": Input(_strings(2), _no_strings()),
        "k": Input(tf.TensorSpec([], tf.int32), tf.constant(DEFAULT_K)),
        "exclude_seen": Input(tf.TensorSpec([], tf.bool), tf.constant(True)),
    }


def rank_inputs() -> dict[str, Input]:
    """Return the inputs of the signature that scores given items of each user."""
    return {
        "user_id": Input(_strings(1)),
        "candidates": Input(_strings(2)),
        "history": Input(_strings(2), _no_strings()),
    }


def pair_inputs() -> dict[str, Input]:
    """Return the inputs of the signature that scores pairs."""
    return {
        "user_id": Input(_strings(1)),
        "item_id": Input(_strings(1)),
        "history": Input(_strings(2), _no_strings()),
    }


def time_inputs() -> dict[str, Input]:
    """Return the input of signatures that ask when each item of `history` was met."""
    return {HISTORY_TIMES: Input(tf.TensorSpec([None, None], tf.int64), tf.zeros([0, 0], tf.int64))}


def examples_spec() -> tf.TensorSpec:
    """Return the input of signatures on serialized tf.Examples."""
    return tf.TensorSpec([None], tf.string, "examples")


def with_signature(
    function: Callable[..., dict[str, tf.Tensor]], inputs: Mapping[str, Input]
) -> tf.types.experimental.PolymorphicFunction:
    """Return a tf.function whose parameters, with their defaults, are `inputs`.

    SavedModel records the defaults of positional parameters alone, and the context columns are
    known only at run time, so the parameters are declared through `__signature__`.
    """

    def call(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        return function(**dict(zip(inputs, values, strict=True)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                kind,
                default=inspect.Parameter.empty if given.default is None else given.default,
            )
            for name, given in inputs.items()
        ]
    )
    specs = [tf.TensorSpec(i.spec.shape, i.spec.dtype, name) for name, i in inputs.items()]
    return tf.function(call, input_signature=specs, autograph=False)


def fill(values: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Return raw values with one row an example: one row serves all, none means missing."""
    dtype = values.dtype
    missing = tf.constant(float("nan"), dtype) if dtype.is_floating else tf.zeros([], dtype)
    rows = tf.shape(values)[0]
    shape = tf.concat([[batch], tf.shape(values)[1:]], axis=0)
    return tf.cond(
        tf.equal(rows, 0),
        lambda: tf.fill(shape, missing),
        lambda: tf.cond(tf.equal(rows, 1), lambda: tf.broadcast_to(values, shape), lambda: values),
    )


def fill_all(context: Mapping[str, tf.Tensor], batch: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return every context column with one row an example; see `fill`."""
    return {name: fill(values, batch) for name, values in context.items()}


def context_row(columns: Iterable[Column], values: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Return what a request says of its circumstances as one row, which serves all its users.

    Args:
        columns: Context columns of the schema.
        values: Raw value by column name, of a multi-hot column a list; what is left out is missing.

    Raises:
        ValueError: A name is of no context column, or a value is not of its column's type.
    """
    spec = features.raw_spec(columns)
    if others := values.keys() - spec.keys():
        known = ", ".join(f"`{name}`" for name in spec) or "none"
        raise ValueError(
            f"`context` has `{min(others)}`, which is no context column of the schema: {known}."
        )
    return {name: _cell(name, value, spec[name]) for name, value in values.items()}


def _cell(name: str, value: Any, spec: tf.TensorSpec | tf.RaggedTensorSpec) -> tf.Tensor:
    if spec.dtype != tf.string:
        try:
            return tf.constant([spec.dtype.as_numpy_dtype(value)])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`context` has {value!r} for `{name}`, which takes a number."
            ) from error
    if len(spec.shape) == 1:
        return tf.constant([str(value)])
    if isinstance(value, str):
        raise ValueError(
            f"`context` has one text for `{name}`, which takes several; wrap it, [{value!r}]."
        )
    return tf.constant([[str(one) for one in value]], tf.string)
