"""tf.Examples of a request as the strings that a graph parses, and the answers for each of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from serving.server.errors import invalid_argument

#: The outputs that the signatures of Classify and Regress may have.
CLASSES, SCORES, OUTPUTS = "classes", "scores", "outputs"


class Outcome(NamedTuple):
    """What a run gave: the number of its examples, and the value of each tensor fetched."""

    examples: int
    tensors: Mapping[str, Any]


def serialized_examples(examples: input_pb2.Input) -> Sequence[bytes]:
    """Each example as bytes, behind the context that they share."""
    kind = examples.WhichOneof("kind")
    if kind is None:
        return []
    message = getattr(examples, kind)
    # On the wire a list of messages is a list of bytes: this takes it apart in one call.
    parts = tf.train.BytesList.FromString(message.SerializeToString()).value
    if kind == "example_list":
        return parts
    context = message.context.SerializeToString()
    return [context + part for part in parts]


def write_classifications(
    outcome: Outcome, fetches: Mapping[str, str], result: classification_pb2.ClassificationResult
) -> None:
    """Gives every example its labels, scores or both.

    Args:
        outcome: what the run gave.
        fetches: the tensors of the outputs `classes` and `scores`, each `[examples, classes]`.
        result: the message to fill.

    Raises:
        StatusError: a tensor has another shape or dtype.
    """
    found: dict[str, Any] = {}
    for alias, name in fetches.items():
        value = np.asarray(outcome.tensors[name])
        if value.ndim != 2:
            raise invalid_argument(
                f"Expected Tensor shape: [batch_size num_classes] but got {_shape(value)}"
            )
        wanted = types_pb2.DT_STRING if alias == CLASSES else types_pb2.DT_FLOAT
        _check_dtype(value, wanted, f"Expected {alias} Tensor of {{}}. Got: {{}}")
        if len(value) != outcome.examples:
            raise invalid_argument(
                f"Expected {alias} output batch size of {outcome.examples}. Got: {len(value)}"
            )
        found[alias] = value
    classes, scores = found.get(CLASSES), found.get(SCORES)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{classes.shape[1]} vs. {scores.shape[1]}"
        )
    shape = next(iter(found.values())).shape
    labels = np.full(shape, b"") if classes is None else classes
    numbers = np.zeros(shape, np.float32) if scores is None else scores
    for row_labels, row_scores in zip(labels.tolist(), numbers.tolist(), strict=True):
        row = result.classifications.add().classes
        for label, score in zip(row_labels, row_scores, strict=True):
            row.add(label=label, score=score)


def write_regressions(
    outcome: Outcome, fetches: Mapping[str, str], result: regression_pb2.RegressionResult
) -> None:
    """Gives every example its number.

    Args:
        outcome: what the run gave.
        fetches: the tensor of the output `outputs`, `[examples]` or `[examples, 1]`.
        result: the message to fill.

    Raises:
        StatusError: the tensor has another shape or dtype.
    """
    value = np.asarray(outcome.tensors[fetches[OUTPUTS]])
    if value.ndim != 1 and value.shape[1:] != (1,):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            + _shape(value)
        )
    if len(value) != outcome.examples:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {outcome.examples} vs. {len(value)}"
        )
    _check_dtype(value, types_pb2.DT_FLOAT, "Expected output Tensor of {}.  Got: {}")
    result.regressions.extend(
        regression_pb2.Regression(value=number) for number in value.ravel().tolist()
    )


def _check_dtype(value: np.ndarray, wanted: int, text: str) -> None:
    dtype = tf.as_dtype(value.dtype).as_datatype_enum
    if dtype != wanted:
        name = types_pb2.DataType.Name
        raise invalid_argument(text.format(name(wanted), name(dtype)))


def _shape(value: np.ndarray) -> str:
    return "[" + ",".join(map(str, value.shape)) + "]"
