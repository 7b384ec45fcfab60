"""Batching as the flags and the folder of a version ask for it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from serving.server.batch_arrays import Arrays
from serving.server.batch_options import QueueOptions, read_queue_options
from serving.server.batching import BatchScheduler
from serving.server.options import ServerOptions
from serving.server.protos import BatchingParameters, read_text_proto

#: In a version's folder, with --enable_per_model_batching_parameters.
PARAMETERS_FILE = "batching_params.pbtxt"

#: Runs the graph: names of the feeds, their values, names of the fetches, seconds left.
RunTensors = Callable[
    [tuple[str, ...], Sequence[np.ndarray], tuple[str, ...], float | None], Sequence[Any]
]


class ModelBatching:
    """The scheduler that all versions of all models share.

    Args:
        options: what the flags say.

    Raises:
        StatusError: the file of the parameters cannot be read, or says what cannot be.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._per_model = options.enable_per_model_batching_parameters
        self._scheduler = None
        if options.enable_batching:
            parameters = BatchingParameters()
            if options.batching_parameters_file:
                parameters = read_text_proto(options.batching_parameters_file, BatchingParameters)
            self._scheduler = BatchScheduler(parameters)

    def wrap(self, path: str, run: RunTensors) -> RunTensors:
        """Makes the runs of a version batched ones.

        Args:
            path: the folder of the version. With --enable_per_model_batching_parameters its file
                says how; a version without one is not batched.
            run: runs the graph of the version.

        Returns:
            What runs it in batches; `run` itself if it is not batched.

        Raises:
            StatusError: the version's file cannot be read, or says what cannot be.
        """
        if self._scheduler is None:
            return run
        queue_options = self._scheduler.options
        if self._per_model:
            file = tf.io.gfile.join(path, PARAMETERS_FILE)
            if not tf.io.gfile.exists(file):
                return run
            queue_options = read_queue_options(read_text_proto(file, BatchingParameters))
        return _batched(run, self._scheduler, queue_options)


def _batched(run: RunTensors, scheduler: BatchScheduler, options: QueueOptions) -> RunTensors:
    def run_in_batch(
        feed_names: tuple[str, ...],
        feeds: Sequence[np.ndarray],
        fetch_names: tuple[str, ...],
        deadline: float | None,
    ) -> Sequence[Any]:
        def execute(arrays: Arrays, seconds: float | None) -> Arrays:
            values = run(feed_names, [arrays[name] for name in feed_names], fetch_names, seconds)
            return dict(zip(fetch_names, values, strict=True))

        key = run, feed_names, fetch_names
        inputs = dict(zip(feed_names, feeds, strict=True))
        outputs = scheduler.run(key, inputs, execute, deadline, options)
        return [outputs[name] for name in fetch_names]

    return run_in_batch
