"""NumPy arrays and the `TensorProto` messages that carry them.

The server reads every encoding that TensorFlow's own parser reads (raw bytes, or typed fields such
as `float_val`), and answers in typed fields, because TF Serving's clients read those directly.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2


class _Wire(NamedTuple):
    """How one dtype is stored: its array type, its typed field, the type of that field's values."""

    array: np.dtype
    field: str
    values: np.dtype
    # Tag byte of a packed field whose values lie on the wire exactly as in memory; None otherwise.
    tag: bytes | None


def _wire(dtype: tf.DType, field: str, values: npt.DTypeLike = None) -> _Wire:
    array = np.dtype(dtype.as_numpy_dtype)
    number = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name[field].number
    values = array if values is None else np.dtype(values)
    fixed_width = values in (np.float32, np.float64)
    return _Wire(array, field, values, bytes([number << 3 | 2]) if fixed_width else None)


_WIRES = {
    dtype.as_datatype_enum: _wire(dtype, field, values)
    for field, values, dtypes in (
        ("float_val", None, (tf.float32,)),
        ("double_val", None, (tf.float64,)),
        ("int_val", None, (tf.int8, tf.int16, tf.int32, tf.uint8, tf.uint16)),
        ("int_val", np.int8, (tf.qint8,)),
        ("int_val", np.int16, (tf.qint16,)),
        ("int_val", np.int32, (tf.qint32,)),
        ("int_val", np.uint8, (tf.quint8,)),
        ("int_val", np.uint16, (tf.quint16,)),
        ("int64_val", None, (tf.int64,)),
        ("uint32_val", None, (tf.uint32,)),
        ("uint64_val", None, (tf.uint64,)),
        ("bool_val", None, (tf.bool,)),
        ("half_val", np.uint16, (tf.half, tf.bfloat16)),
        ("scomplex_val", np.float32, (tf.complex64,)),
        ("dcomplex_val", np.float64, (tf.complex128,)),
    )
    for dtype in dtypes
}


def from_proto(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor as TensorFlow does: missing values repeat the last one, no values mean zeros.

    Args:
        proto: a tensor in either encoding; strings become an object array of bytes.

    Returns:
        An array of the message's shape and dtype, possibly read-only.

    Raises:
        ValueError: the dtype is not one that carries values, the shape is not fully known, or the
            raw bytes do not fill it.
    """
    shape = tuple([dim.size for dim in proto.tensor_shape.dim])
    if proto.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise ValueError("the shape is not fully known")
    size = math.prod(shape)
    if proto.dtype == types_pb2.DT_STRING:
        strings = proto.string_val
        if proto.tensor_content:
            strings = _split_strings(proto.tensor_content, size)
        values = np.empty(len(strings), object)
        values[:] = strings
        return _fit(values, size, b"").reshape(shape)
    try:
        wire = _WIRES[proto.dtype]
    except KeyError:
        raise ValueError(f"dtype {proto.dtype} does not carry values") from None
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, wire.array).reshape(shape)
    return _fit(_read_field(proto, wire), size, 0).reshape(shape)


def to_proto(value: npt.ArrayLike, dtype: int, proto: tensor_pb2.TensorProto) -> None:
    """Writes an array into an empty message as typed fields (`float_val`, `string_val`, ...).

    Args:
        value: an array or scalar as a TensorFlow session returns it.
        dtype: its `DataType` number, for instance `types_pb2.DT_FLOAT`.
        proto: the message to fill.

    Raises:
        ValueError: the dtype has no typed field.
    """
    is_string = dtype == types_pb2.DT_STRING
    # Without the dtype NumPy makes of a scalar `bytes` an array that drops trailing zero bytes.
    array = np.asarray(value, object if is_string else None)
    if is_string:
        proto.MergeFromString(_header(dtype, array.shape))
        proto.string_val.extend(array.ravel().tolist())
        return
    wire = _WIRES.get(dtype)
    if wire is None:
        raise ValueError(f"dtype {types_pb2.DataType.Name(dtype)} has no typed field")
    values = array.reshape(-1).view(wire.values)
    if wire.tag is None or not values.size:
        proto.MergeFromString(_header(dtype, array.shape))
        getattr(proto, wire.field).extend(values.tolist())
    else:
        # About 30 times faster than extending the field with Python floats.
        packed = values.tobytes()
        parts = _header(dtype, array.shape), wire.tag, _varint(len(packed)), packed
        proto.MergeFromString(b"".join(parts))


def to_content(value: npt.ArrayLike, dtype: int, proto: tensor_pb2.TensorProto) -> None:
    """Writes an array into an empty message as raw bytes (`tensor_content`).

    Args:
        value: an array or scalar as a TensorFlow session returns it.
        dtype: its `DataType` number.
        proto: the message to fill.
    """
    is_string = dtype == types_pb2.DT_STRING
    array = np.asarray(value, object if is_string else None)
    proto.MergeFromString(_header(dtype, array.shape))
    if is_string:
        strings = array.ravel().tolist()
        proto.tensor_content = b"".join([*(_varint(len(string)) for string in strings), *strings])
    else:
        proto.tensor_content = array.tobytes()


@functools.lru_cache(maxsize=4096)
def _header(dtype: int, shape: tuple[int, ...]) -> bytes:
    """Dtype and shape on the wire: a server sends the same few over and over."""
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    proto.tensor_shape.SetInParent()
    return proto.SerializeToString()


def _read_field(proto: tensor_pb2.TensorProto, wire: _Wire) -> np.ndarray:
    field = getattr(proto, wire.field)
    if wire.tag is None or len(field) < 16:
        values = np.fromiter(field, wire.values, len(field))
    else:
        # A message with nothing but this field ends in the packed values.
        alone = tensor_pb2.TensorProto()
        getattr(alone, wire.field).MergeFrom(field)
        packed = alone.SerializeToString()
        size = len(field) * wire.values.itemsize
        values = np.frombuffer(packed, wire.values, offset=len(packed) - size)
    return values.view(wire.array)


def _fit(values: np.ndarray, size: int, zero: object) -> np.ndarray:
    if len(values) == size:
        return values
    fitted = np.full(size, values[-1] if len(values) else zero, values.dtype)
    kept = values[:size]
    fitted[: len(kept)] = kept
    return fitted


def _split_strings(content: bytes, count: int) -> list[bytes]:
    """Strings in `tensor_content`: `count` varint lengths, then the bytes one after the other."""
    lengths, position = [], 0
    for _ in range(count):
        length = shift = 0
        while True:
            if position == len(content):
                raise ValueError("the string lengths are cut short")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise ValueError("the string lengths do not fill the content")
    strings = []
    for length in lengths:
        strings.append(content[position : position + length])
        position += length
    return strings


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
