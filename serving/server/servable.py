"""One loaded SavedModel, run through a TensorFlow 1 session.

A session callable costs far less per call than `tf.saved_model.load(...).signatures`, and its
errors and leniency are those of TF Serving, which runs a session too. It is made by a method that
is private to TensorFlow, `_make_callable_from_options`: the tests of Predict watch over it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from serving import tensors
from serving.server.errors import from_exception, invalid_argument


class Signature:
    """One signature of a SavedModel, with what every request needs worked out once.

    Args:
        definition: the `SignatureDef` of the model.

    Attributes:
        inputs: name of the graph tensor of each input.
        outputs: `TensorInfo` of each output.
        output_names: the names of all outputs.
        defaults: value of each input that a request may leave out.
    """

    def __init__(self, definition: meta_graph_pb2.SignatureDef) -> None:
        self.inputs = {alias: info.name for alias, info in sorted(definition.inputs.items())}
        self.outputs = dict(sorted(definition.outputs.items()))
        self.output_names = tuple(self.outputs)
        self.defaults = {
            alias: tensors.from_proto(proto) for alias, proto in sorted(definition.defaults.items())
        }
        # A session numbers its arguments in the order of the tensor names.
        self.feed_order = sorted(self.inputs, key=self.inputs.__getitem__)
        self.dtypes = [_numpy_type(definition.inputs[alias].dtype) for alias in self.feed_order]


class Servable:
    """A SavedModel in memory.

    Args:
        path: the folder of one version.
        tags: the tags of the graph to load.

    Attributes:
        meta_graph: the model's `MetaGraphDef`.
        signatures: its signatures by name.

    Raises:
        StatusError: the folder holds no SavedModel that can be loaded.
    """

    def __init__(self, path: str, tags: Iterable[str]) -> None:
        graph = tf.Graph()
        config = config_pb2.ConfigProto(allow_soft_placement=True)
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        self._callables: dict[tuple[str, tuple[str, ...]], Callable[..., Sequence[Any]]] = {}
        try:
            with graph.as_default():
                self.meta_graph: meta_graph_pb2.MetaGraphDef = tf.compat.v1.saved_model.loader.load(
                    self._session, list(tags), path
                )
            self.signatures = {
                name: Signature(definition)
                for name, definition in self.meta_graph.signature_def.items()
            }
        except Exception as error:
            self.close()
            raise from_exception(error) from error

    def run(
        self, name: str, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> Sequence[Any]:
        """Runs a signature.

        Args:
            name: the signature.
            inputs: an array for every input of the signature, defaults included.
            outputs: the outputs wanted.

        Returns:
            The values of `outputs`, in that order.

        Raises:
            StatusError: an input has another dtype than the signature, or an op failed.
        """
        signature = self.signatures[name]
        feeds = [inputs[alias] for alias in signature.feed_order]
        for index, (feed, dtype) in enumerate(zip(feeds, signature.dtypes, strict=True)):
            if feed.dtype != dtype and dtype is not None:
                raise invalid_argument(
                    f"Expects arg[{index}] to be {_type_name(dtype)} but "
                    f"{_type_name(feed.dtype)} is provided"
                )
        try:
            run = self._callables.get((name, outputs)) or self._prepare(name, outputs)
            return run(*feeds)
        except tf.errors.OpError as error:
            raise from_exception(error) from error

    def close(self) -> None:
        """Frees the model; nothing may run in it any more."""
        self._callables.clear()
        self._session.close()

    def _prepare(self, name: str, outputs: tuple[str, ...]) -> Callable[..., Sequence[Any]]:
        signature = self.signatures[name]
        options = config_pb2.CallableOptions(
            feed=[signature.inputs[alias] for alias in signature.feed_order],
            fetch=[signature.outputs[alias].name for alias in outputs],
            # Ops run in the thread of the request: handing each to a pool costs more than a small
            # op takes. A large op still spreads over the cores, and so do requests.
            run_options=config_pb2.RunOptions(inter_op_thread_pool=-1),
        )
        run = self._session._make_callable_from_options(options)
        self._callables[name, outputs] = run
        return run


def _numpy_type(number: int) -> np.dtype | None:
    """The array type of a `DataType`; None for a composite input, which has no single one."""
    return np.dtype(tf.as_dtype(number).as_numpy_dtype) if number else None


def _type_name(dtype: np.dtype) -> str:
    """The name that TensorFlow's C++ messages use: `float`, `int64`, `string`."""
    number = tf.as_dtype(dtype).as_datatype_enum
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()
