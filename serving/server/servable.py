"""One loaded SavedModel, run through a TensorFlow 1 session.

A session callable costs far less per call than `tf.saved_model.load(...).signatures`, and its
errors and leniency are those of TF Serving, which runs a session too. It takes methods that are
private to TensorFlow, `_make_callable_from_options` and `_call_tf_sessionrun`: the tests of Predict
watch over them.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session as tf_session

from serving.server.errors import StatusError, from_exception, invalid_argument
from serving.server.model_batching import ModelBatching
from serving.server.options import ServerOptions
from serving.server.signature import Signature, type_name

# A timeout needs TensorFlow's thread pool, to which each op is handed: 50 µs a call and more. A
# signature whose last run was this short runs in the thread of the request, where nothing can
# interrupt it.
_SHORT_SECONDS = 0.01
_LONGEST_TIMEOUT_MS = 2**31 - 1


class _Prepared:
    """How one set of feeds and fetches is run: in the thread of the request, or with a timeout.

    TensorFlow optimizes the graph once for each of the two.
    """

    def __init__(
        self, session: tf.compat.v1.Session, feeds: Sequence[str], fetches: Sequence[str]
    ) -> None:
        # Handing each op to a pool costs more than a small op takes. A large op still spreads over
        # the cores, and so do requests.
        options = config_pb2.RunOptions(inter_op_thread_pool=-1)
        callable_options = config_pb2.CallableOptions(
            feed=feeds, fetch=fetches, run_options=options
        )
        self._inline = session._make_callable_from_options(callable_options)
        self._session = session
        self._feeds, self._fetches = (
            [session.graph.get_tensor_by_name(name)._as_tf_output() for name in names]
            for names in (feeds, fetches)
        )
        self._seconds = math.inf

    def __call__(self, feeds: Sequence[np.ndarray], deadline: float | None) -> Sequence[Any]:
        start = time.perf_counter()
        if deadline is None or self._seconds < _SHORT_SECONDS:
            values = self._inline(*feeds)
        else:
            values = self._run_within(deadline, feeds)
        self._seconds = time.perf_counter() - start
        return values

    def _run_within(self, seconds: float, feeds: Sequence[np.ndarray]) -> Sequence[Any]:
        timeout = min(max(math.ceil(1000 * seconds), 1), _LONGEST_TIMEOUT_MS)
        options = config_pb2.RunOptions(timeout_in_ms=timeout).SerializeToString()
        buffer = tf_session.TF_NewBufferFromString(options)
        try:
            fed = dict(zip(self._feeds, feeds, strict=True))
            return self._session._call_tf_sessionrun(buffer, fed, self._fetches, [], None)
        finally:
            tf_session.TF_DeleteBuffer(buffer)


class Servable:
    """A SavedModel in memory.

    Args:
        path: the folder of one version.
        options: what the flags say.
        batching: what puts requests into batches.
        config: TensorFlow's settings for the session.

    Attributes:
        options: what the flags say.
        meta_graph: the model's `MetaGraphDef`.
        signatures: its signatures by name.

    Raises:
        StatusError: the folder holds no SavedModel that can be loaded.
    """

    def __init__(
        self,
        path: str,
        options: ServerOptions,
        batching: ModelBatching,
        config: config_pb2.ConfigProto | None = None,
    ) -> None:
        self.options = options
        self._run_tensors = batching.wrap(path, self._run_now)
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        self._prepared: dict[tuple[tuple[str, ...], tuple[str, ...]], _Prepared] = {}
        try:
            with graph.as_default():
                self.meta_graph: meta_graph_pb2.MetaGraphDef = tf.compat.v1.saved_model.loader.load(
                    self._session, options.saved_model_tags.split(","), path
                )
            self.signatures = {
                name: Signature(definition)
                for name, definition in self.meta_graph.signature_def.items()
            }
        except Exception as error:
            self.close()
            raise from_exception(error) from error
        if options.remove_unused_fields_from_bundle_metagraph:
            self.meta_graph.ClearField("graph_def")

    def run(
        self,
        name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        deadline: float | None = None,
    ) -> Sequence[Any]:
        """Runs a signature.

        Args:
            name: the signature.
            inputs: an array for every input of the signature, defaults included.
            outputs: the outputs wanted.
            deadline: the seconds left for it; None for no limit.

        Returns:
            The values of `outputs`, in that order.

        Raises:
            StatusError: an input has another dtype than the signature, an op failed, or the
                deadline is over.
        """
        signature = self.signatures[name]
        feeds = [inputs[alias] for alias in signature.feed_order]
        for index, (feed, dtype) in enumerate(zip(feeds, signature.dtypes, strict=True)):
            if feed.dtype != dtype and dtype is not None:
                raise invalid_argument(
                    f"Expects arg[{index}] to be {type_name(dtype)} but "
                    f"{type_name(feed.dtype)} is provided"
                )
        fetches = tuple(signature.outputs[alias].name for alias in outputs)
        return self.run_tensors(signature.feed_names, feeds, fetches, deadline)

    def run_tensors(
        self,
        feed_names: tuple[str, ...],
        feeds: Sequence[np.ndarray],
        fetch_names: tuple[str, ...],
        deadline: float | None = None,
    ) -> Sequence[Any]:
        """Runs the graph between tensors given by name; raises as `run` does."""
        return self._run_tensors(feed_names, feeds, fetch_names, deadline)

    def _run_now(
        self,
        feed_names: tuple[str, ...],
        feeds: Sequence[np.ndarray],
        fetch_names: tuple[str, ...],
        deadline: float | None,
    ) -> Sequence[Any]:
        if deadline is not None and deadline <= 0:
            raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded before the run")
        key = feed_names, fetch_names
        try:
            prepared = self._prepared.get(key)
            if prepared is None:
                prepared = self._prepared[key] = _Prepared(self._session, *key)
            return prepared(feeds, deadline)
        except tf.errors.OpError as error:
            raise from_exception(error) from error

    def close(self) -> None:
        """Frees the model; nothing may run in it any more."""
        self._prepared.clear()
        self._session.close()
