"""The codec against TensorFlow's own parser and writer."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving import tensors

NUMBERS = [
    *(tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64, tf.complex128, tf.bool),
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64),
]


def example(dtype: tf.DType, shape: tuple[int, ...]) -> np.ndarray:
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    values = values * (1 + 2j) if dtype.is_complex else values - 3 * (not dtype.is_unsigned)
    return values.astype(dtype.as_numpy_dtype)


@pytest.mark.parametrize("shape", [(), (1,), (5, 7), (0, 3)])
@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_numbers_go_out_as_typed_fields_that_tensorflow_reads(dtype, shape):
    array = example(dtype, shape)
    proto = tensor_pb2.TensorProto()
    tensors.to_proto(array, dtype.as_datatype_enum, proto)
    assert not proto.tensor_content
    np.testing.assert_array_equal(
        tf.io.parse_tensor(proto.SerializeToString(), dtype).numpy(), array
    )
    back = tensors.from_proto(proto)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_packed_bytes_are_read(dtype):
    array = example(dtype, (5, 7))
    proto = tensor_pb2.TensorProto.FromString(tf.io.serialize_tensor(array).numpy())
    assert proto.tensor_content
    np.testing.assert_array_equal(tensors.from_proto(proto), array)


def test_a_scalar_that_a_session_returns_is_written():
    proto = tensor_pb2.TensorProto()
    tensors.to_proto(np.float32(2.5), types_pb2.DT_FLOAT, proto)
    assert list(proto.float_val) == [2.5]
    assert not proto.tensor_shape.dim


@pytest.mark.parametrize(
    "strings", [b"a\0b\0", [b"", "é".encode(), b"x\0"], [[b"a"], [b"b" * 300]]]
)
def test_strings_keep_every_byte(strings):
    proto = tensor_pb2.TensorProto()
    tensors.to_proto(strings, types_pb2.DT_STRING, proto)
    assert tensors.from_proto(proto).tolist() == strings
    parsed = tf.io.parse_tensor(proto.SerializeToString(), tf.string).numpy()
    assert np.asarray(parsed, object).tolist() == strings


def test_packed_strings_are_read_as_cpp_clients_send_them():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING)
    proto.tensor_shape.dim.add().size = 3
    proto.tensor_content = b"\x01\xac\x02\x00" + b"a" + b"b" * 300
    expected = tf.io.parse_tensor(proto.SerializeToString(), tf.string).numpy().tolist()
    assert expected == [b"a", b"b" * 300, b""]
    assert tensors.from_proto(proto).tolist() == expected


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
def test_a_wrong_number_of_values_is_taken_as_tensorflow_takes_it(values):
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=values)
    proto.tensor_shape.dim.add().size = 3
    expected = tf.io.parse_tensor(proto.SerializeToString(), tf.float32).numpy()
    np.testing.assert_array_equal(tensors.from_proto(proto), expected)


def broken(**fields: object) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(**fields)
    proto.tensor_shape.dim.add().size = 2
    return proto


@pytest.mark.parametrize(
    "proto",
    [
        broken(),
        broken(dtype=types_pb2.DT_RESOURCE),
        broken(dtype=types_pb2.DT_FLOAT, tensor_content=b"abc"),
        broken(dtype=types_pb2.DT_FLOAT, tensor_content=b"abcd"),
        broken(dtype=types_pb2.DT_STRING, tensor_content=b"\x01"),
        broken(dtype=types_pb2.DT_STRING, tensor_content=b"\x01\x01a"),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"unknown_rank": True}),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"dim": [{"size": -1}]}),
    ],
    ids=lambda proto: " ".join(str(proto).split()),
)
def test_what_is_no_tensor_is_refused(proto):
    with pytest.raises(ValueError):
        tensors.from_proto(proto)


def test_a_dtype_without_values_is_not_written():
    with pytest.raises(ValueError, match="DT_RESOURCE"):
        tensors.to_proto([1], types_pb2.DT_RESOURCE, tensor_pb2.TensorProto())
