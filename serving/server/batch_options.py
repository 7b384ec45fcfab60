"""How requests become batches: what `BatchingParameters` says, checked."""

import itertools
import os
from dataclasses import dataclass

from google.protobuf.message import Message

from serving.server.errors import invalid_argument

DEFAULT_POOL_NAME = "model_server_batch_threads"


@dataclass(frozen=True)
class QueueOptions:
    """How the requests of one signature become batches.

    Args:
        max_batch_size: the rows of a batch at most, and of a request.
        batch_timeout_micros: how long the first request of a batch waits for others.
        max_enqueued_batches: how many batches may wait.
        allowed_batch_sizes: the sizes that batches are padded to; any size if empty.
        pad_variable_length_inputs: whether arrays of different shapes are padded to one.
        enable_large_batch_splitting: whether a request may be spread over several batches.
        max_execution_batch_size: the rows of a batch at most where requests are spread.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 1000

    def padded_size(self, size: int) -> int:
        """The smallest allowed size of a batch that holds so many rows.

        Example:
            >>> QueueOptions(allowed_batch_sizes=(4, 1000)).padded_size(5)
            1000
        """
        return next((allowed for allowed in self.allowed_batch_sizes if allowed >= size), size)


def read_queue_options(parameters: Message) -> QueueOptions:
    """Reads how batches are made.

    Args:
        parameters: a `BatchingParameters` message; what it leaves out has TF Serving's default.

    Raises:
        StatusError: a number cannot be, or the allowed sizes do not end with the largest.
    """
    wrapped = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches")
    values = {
        name: getattr(parameters, name).value for name in wrapped if parameters.HasField(name)
    }
    size = values.get("max_batch_size", QueueOptions.max_batch_size)
    splits = parameters.enable_large_batch_splitting.value
    has_limit = splits and parameters.HasField("max_execution_batch_size")
    options = QueueOptions(
        **values,
        allowed_batch_sizes=tuple(parameters.allowed_batch_sizes),
        pad_variable_length_inputs=parameters.pad_variable_length_inputs,
        enable_large_batch_splitting=splits,
        max_execution_batch_size=parameters.max_execution_batch_size.value if has_limit else size,
    )
    _check_numbers(options)
    if options.allowed_batch_sizes:
        _check_allowed_sizes(options)
    return options


def read_thread_pool(parameters: Message) -> tuple[str, int]:
    """The name and the number of the threads that all batches share.

    Raises:
        StatusError: the number is not positive.
    """
    name = parameters.thread_pool_name.value or DEFAULT_POOL_NAME
    count = os.cpu_count() or 1
    if parameters.HasField("num_batch_threads"):
        count = parameters.num_batch_threads.value
    if count < 1:
        raise invalid_argument(f"num_batch_threads must be positive; was {count}")
    return name, count


def _check_numbers(options: QueueOptions) -> None:
    for name in ("max_batch_size", "max_execution_batch_size"):
        if getattr(options, name) < 1:
            raise invalid_argument(f"{name} must be positive; was {getattr(options, name)}")
    for name in ("batch_timeout_micros", "max_enqueued_batches"):
        if getattr(options, name) < 0:
            raise invalid_argument(f"{name} must be non-negative; was {getattr(options, name)}")
    if options.max_execution_batch_size > options.max_batch_size:
        raise invalid_argument(
            "max_batch_size must be greater than or equal to max_execution_batch_size; was "
            f"{options.max_batch_size}, and max_execution_batch_size "
            f"{options.max_execution_batch_size}"
        )


def _check_allowed_sizes(options: QueueOptions) -> None:
    sizes = options.allowed_batch_sizes
    if any(size >= following for size, following in itertools.pairwise(sizes)):
        raise invalid_argument("allowed_batch_sizes entries must be monotonically increasing")
    if not options.enable_large_batch_splitting and sizes[-1] != options.max_batch_size:
        raise invalid_argument(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{sizes[-1]}; expected {options.max_batch_size}"
        )
    if options.enable_large_batch_splitting and sizes[-1] != options.max_execution_batch_size:
        raise invalid_argument(
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last "
            f"entry was {sizes[-1]}; expected {options.max_execution_batch_size}"
        )
