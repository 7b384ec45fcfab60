"""Values of JSON as tensors: nested lists of one shape, of the dtype that a signature names.

Whole levels of lists are checked and joined by calls that loop in C. Only what they do not take,
an error in nearly all cases, is walked value by value, in TF Serving's order, for its message.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.server.errors import StatusError, invalid_argument
from serving.server.rest.byte_strings import decode_bytes, encode_string, is_encoded_bytes
from serving.server.rest.json_text import show, type_name, value_error

FLOAT_MAX = float(np.finfo(np.float32).max)

# An integer up to this is exact in the floating-point type.
_EXACT = {types_pb2.DT_FLOAT: 2**24 - 1, types_pb2.DT_DOUBLE: 2**53 - 1}
# TF Serving holds narrow integers as 32 bits and cuts them to their width later.
_INT32 = range(-(2**31), 2**31)
_INTEGERS = {
    types_pb2.DT_INT8: _INT32,
    types_pb2.DT_INT16: _INT32,
    types_pb2.DT_INT32: _INT32,
    types_pb2.DT_UINT8: _INT32,
    types_pb2.DT_INT64: range(-(2**63), 2**63),
    types_pb2.DT_UINT32: range(2**32),
    types_pb2.DT_UINT64: range(2**64),
}
_NUMPY = {
    types_pb2.DT_FLOAT: np.float32,
    types_pb2.DT_DOUBLE: np.float64,
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_UINT64: np.uint64,
    types_pb2.DT_BOOL: np.bool_,
}
# What TensorFlow allows a tensor.
_MAX_RANK = 254


class Dense(NamedTuple):
    """The values of a tensor: Python numbers, or bytes if it is one of strings.

    Args:
        shape: the size of each dimension.
        values: the values, row by row.
    """

    shape: tuple[int, ...]
    values: Sequence[Any]


def read_dense(value: Any, dtype: int) -> Dense:
    """Reads one tensor.

    Args:
        value: a scalar, or lists nested as deep as the tensor has dimensions.
        dtype: the `DataType` of the tensor.

    Returns:
        The shape and the values.

    Raises:
        StatusError: a list has another length than its neighbours, or a value does not fit.

    Example:
        >>> read_dense([[1, 2.5], [3, 4]], types_pb2.DT_FLOAT)
        Dense(shape=(2, 2), values=[1, 2.5, 3, 4])
    """
    return _read_levels(value, dtype) or _read_values(value, dtype)


def read_rows(rows: Sequence[Any], dtype: int) -> Dense | None:
    """Reads one tensor whose rows are given; None if that needs a look at each row in turn."""
    return _read_levels(rows, dtype)


def write_proto(dense: Dense, dtype: int, proto: tensor_pb2.TensorProto) -> None:
    """Puts a tensor into an empty message.

    Args:
        dense: values that were read for `dtype`.
        dtype: the `DataType` of the tensor.
        proto: the message.
    """
    proto.dtype = dtype
    for size in dense.shape:
        proto.tensor_shape.dim.add().size = size
    if dtype == types_pb2.DT_STRING:
        proto.string_val.extend(dense.values)
    elif dense.values:
        wide = np.int64 if _INTEGERS.get(dtype) is _INT32 else _NUMPY[dtype]
        proto.tensor_content = np.array(dense.values, wide).astype(_NUMPY[dtype]).tobytes()


def check_lossless(value: float, dtype: int) -> None:
    """Refuses a number that the floating-point type cannot hold.

    Args:
        value: the number.
        dtype: `DT_FLOAT` or `DT_DOUBLE`.

    Raises:
        StatusError: an integer is beyond the mantissa, or a number is beyond the exponent.
    """
    if isinstance(value, int):
        fits = abs(value) <= _EXACT[dtype]
    else:
        fits = dtype == types_pb2.DT_DOUBLE or not math.isfinite(value) or abs(value) <= FLOAT_MAX
    if not fits:
        raise invalid_argument(
            f"Cannot convert JSON value: {show(value)} to {_name(dtype)} without loss of precision."
        )


def _read_levels(value: Any, dtype: int) -> Dense | None:
    """Reads a tensor level by level; None if anything is unusual."""
    shape: list[int] = []
    level = [value]
    types: set[type] = {type(value)}
    while types == {list}:
        sizes = set(map(len, level))
        if len(sizes) > 1:
            return None
        shape += sizes
        level = list(itertools.chain.from_iterable(level))
        types = set(map(type, level))
    if len(shape) > _MAX_RANK or not _fit(level, types, dtype):
        return None
    if dtype == types_pb2.DT_STRING:
        level = [encode_string(item) if type(item) is str else decode_bytes(item) for item in level]
    return Dense(tuple(shape), level)


def _fit(values: list[Any], types: set[type], dtype: int) -> bool:
    if not values:
        return True
    if dtype in _EXACT:
        limit = _EXACT[dtype] if int in types else FLOAT_MAX
        # A NaN that comes first is all that they find; one that comes later is passed over.
        return types <= {int, float} and -limit <= min(values) and max(values) <= limit
    if dtype in _INTEGERS:
        return (
            types == {int} and min(values) in _INTEGERS[dtype] and max(values) in _INTEGERS[dtype]
        )
    if dtype == types_pb2.DT_BOOL:
        return types == {bool}
    return (
        dtype == types_pb2.DT_STRING
        and types <= {str, dict}
        and all(is_encoded_bytes(value) for value in values if type(value) is dict)
    )


def _read_values(value: Any, dtype: int) -> Dense:
    """Reads a tensor value by value, or says what is wrong with the first that does not fit."""
    shape = []
    first = value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > _MAX_RANK:
        raise invalid_argument(
            f"Encountered list at unexpected level: {_MAX_RANK} expected < {_MAX_RANK}"
        )
    values: list[Any] = []
    _collect(value, 0, shape, dtype, values)
    return Dense(tuple(shape), values)


def _collect(value: Any, level: int, shape: list[int], dtype: int, values: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise value_error(
                value,
                f"found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}",
            )
        values.append(_read_value(value, dtype))
        return
    if level >= len(shape):
        raise invalid_argument(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _collect(item, level + 1, shape, dtype, values)


def _read_value(value: Any, dtype: int) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype == types_pb2.DT_STRING and isinstance(value, dict):
        return decode_bytes(value)
    if dtype == types_pb2.DT_STRING and isinstance(value, str):
        return encode_string(value)
    if dtype in _EXACT and is_number:
        check_lossless(value, dtype)
        return value
    if dtype in _INTEGERS and is_number and isinstance(value, int) and value in _INTEGERS[dtype]:
        return value
    if dtype == types_pb2.DT_BOOL and isinstance(value, bool):
        return value
    known = dtype in _EXACT or dtype in _INTEGERS
    if known or dtype in (types_pb2.DT_BOOL, types_pb2.DT_STRING) or isinstance(value, dict):
        raise value_error(
            value, f"Type: {type_name(value)} is not of expected type: {_name(dtype)}"
        )
    raise StatusError(
        grpc.StatusCode.UNIMPLEMENTED,
        f"Conversion of JSON Value: {show(value)} to type: {_name(dtype)}",
    )


def _name(dtype: int) -> str:
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
