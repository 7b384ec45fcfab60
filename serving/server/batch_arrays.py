"""The arrays of several requests as those of one, and the answer as one for each."""

from collections.abc import Mapping, Sequence

import numpy as np

from serving.server.errors import failed_precondition, invalid_argument

Arrays = Mapping[str, np.ndarray]

# Those that TensorFlow's pad operation takes.
_RANKS_TO_PAD = range(1, 7)


def row_count(inputs: Arrays) -> int:
    """How many rows a request has: the size of the first dimension, the same in all arrays.

    Raises:
        StatusError: there is no such size.

    Example:
        >>> row_count({"a": np.zeros([3, 2]), "b": np.zeros([3])})
        3
    """
    if not inputs:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    if not all(array.ndim for array in inputs.values()):
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    first, *others = (len(array) for array in inputs.values())
    if any(count != first for count in others):
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return first


def merge(requests: Sequence[Arrays], size: int, pad: bool) -> dict[str, np.ndarray]:
    """Puts the rows of all requests one below the other.

    Args:
        requests: the arrays of each request, of the same names and dtypes.
        size: how many rows to make; the first row of the last request fills up what is missing.
        pad: make arrays that differ in another dimension than the first equal, by the first value
            of each.

    Raises:
        StatusError: arrays differ in another dimension than the first.

    Example:
        >>> merge([{"x": np.array([1, 2])}, {"x": np.array([3])}], size=5, pad=False)
        {'x': array([1, 2, 3, 3, 3])}
    """
    merged = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        if any(array.shape[1:] != arrays[0].shape[1:] for array in arrays):
            if not pad or len({array.ndim for array in arrays}) > 1:
                raise failed_precondition(
                    f"Tensors with name '{name}' from different tasks have different shapes and "
                    "padding is turned off.Set pad_variable_length_inputs to true, or ensure that "
                    "all tensors with the same namehave equal dimensions starting with the first "
                    "dim."
                )
            arrays = _pad(arrays)
        missing = size - sum(map(len, arrays))
        if missing:
            arrays.append(np.repeat(arrays[-1][:1], missing, axis=0))
        merged[name] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    return merged


def split(outputs: Arrays, sizes: Sequence[int], size: int) -> list[dict[str, np.ndarray]]:
    """Gives each request the rows that are its own.

    Args:
        outputs: what the batch gave.
        sizes: how many rows each request had.
        size: how many rows the batch had.

    Raises:
        StatusError: an output does not have a row for each row of the batch.

    Example:
        >>> split({"y": np.array([1, 2, 3, 9])}, [2, 1], 4)
        [{'y': array([1, 2])}, {'y': array([3])}]
    """
    for array in outputs.values():
        if not np.ndim(array):
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if len(array) != size:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension "
                "sizes of the input tensors"
            )
    parts = []
    start = 0
    for count in sizes:
        rows = slice(start, start + count)
        parts.append({name: array[rows] for name, array in outputs.items()})
        start += count
    return parts


def _pad(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    if arrays[0].ndim not in _RANKS_TO_PAD:
        raise invalid_argument("Only tensors with rank from 1 to 6 can be padded.")
    shape = np.max([array.shape[1:] for array in arrays], axis=0)
    padded = []
    for array in arrays:
        if array.shape[1:] != tuple(shape):
            if not array.size:
                raise invalid_argument("Got empty tensor in batch of non-empty tensors.")
            filled = np.empty((len(array), *shape), array.dtype)
            filled.fill(array.flat[0])
            filled[tuple(map(slice, array.shape))] = array
            array = filled
        padded.append(array)
    return padded
