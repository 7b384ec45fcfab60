"""One signature of a SavedModel, as requests need it."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import model_pb2

from serving import tensors

DEFAULT_SIGNATURE = "serving_default"


class Signature:
    """One signature of a SavedModel, with what every request needs worked out once.

    Args:
        definition: the `SignatureDef` of the model.

    Attributes:
        definition: the same.
        inputs: name of the graph tensor of each input.
        input_types: `DataType` of each input.
        outputs: `TensorInfo` of each output.
        output_names: the names of all outputs.
        defaults: value of each input that a request may leave out.
    """

    def __init__(self, definition: meta_graph_pb2.SignatureDef) -> None:
        self.definition = definition
        self.inputs = {alias: info.name for alias, info in sorted(definition.inputs.items())}
        self.input_types = {alias: definition.inputs[alias].dtype for alias in self.inputs}
        self.outputs = dict(sorted(definition.outputs.items()))
        self.output_names = tuple(self.outputs)
        self.defaults = {
            alias: tensors.from_proto(proto) for alias, proto in sorted(definition.defaults.items())
        }
        # A session numbers its arguments in the order of the tensor names.
        self.feed_order = sorted(self.inputs, key=self.inputs.__getitem__)
        self.feed_names = tuple(self.inputs[alias] for alias in self.feed_order)
        self.dtypes = [_numpy_type(definition.inputs[alias].dtype) for alias in self.feed_order]


def signature_name(spec: model_pb2.ModelSpec) -> str:
    """The signature that a request asks for."""
    return spec.signature_name or DEFAULT_SIGNATURE


def set_effective_spec(spec: model_pb2.ModelSpec, name: str, number: int, signature: str) -> None:
    """Fills the `ModelSpec` of a response: what answered, with nothing left to defaults."""
    spec.name = name
    spec.version.value = number
    spec.signature_name = signature


def _numpy_type(number: int) -> np.dtype | None:
    """The array type of a `DataType`; None for a composite input, which has no single one."""
    return np.dtype(tf.as_dtype(number).as_numpy_dtype) if number else None


def type_name(dtype: np.dtype) -> str:
    """The name that TensorFlow's C++ messages use: `float`, `int64`, `string`."""
    number = tf.as_dtype(dtype).as_datatype_enum
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()
