"""Requests that wait to run, and the batches that they are put into."""

import threading
import time
from collections.abc import Callable

import grpc

from serving.server.batch_arrays import Arrays
from serving.server.batch_options import QueueOptions
from serving.server.errors import StatusError

Execute = Callable[[Arrays, float | None], Arrays]


class Task:
    """A request, or the part of one that goes into one batch.

    Args:
        inputs: its arrays.
        size: how many rows they have.
        end: when the time for it is over, by `time.monotonic`; None for never.
        is_part: whether it is a part of a request.

    Attributes:
        batch: the batch that it is in.
        leads: whether its thread runs the batch.
        outputs: the answer.
        error: why there is none.
        lock: what its thread sleeps on.
    """

    __slots__ = (
        *("inputs", "size", "end", "is_part", "enqueued"),
        *("batch", "leads", "outputs", "error", "lock"),
    )

    def __init__(self, inputs: Arrays, size: int, end: float | None, is_part: bool = False) -> None:
        self.inputs = inputs
        self.size = size
        self.end = end
        self.is_part = is_part
        self.enqueued = time.monotonic()
        self.batch: Batch | None = None
        self.leads = False
        self.outputs: Arrays | None = None
        self.error: StatusError | None = None
        self.lock = threading.Lock()
        self.lock.acquire()

    @property
    def is_settled(self) -> bool:
        """Whether there is an answer or an error."""
        return self.outputs is not None or self.error is not None

    def is_over(self, now: float) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.end is not None and self.end <= now

    def seconds_to_wait(self) -> float:
        """How long to sleep if nothing happens; -1 for no limit."""
        now = time.monotonic()
        times = [] if self.end is None else [max(self.end - now, 0)]
        batch = self.batch
        is_watched = batch is None or batch.is_running or batch.waits_for_place
        if batch is not None and not is_watched and batch.tasks[:1] == [self]:
            times.append(max(batch.due - now, 0))
        return min(times, default=-1)


class Batch:
    """Tasks that run as one.

    Args:
        options: how batches of this kind are made.
        execute: runs them.

    Attributes:
        tasks: the tasks, in the order in which they came.
        size: how many rows they have together.
        due: when the batch stops to wait for more.
        is_running: whether it has left its queue.
        waits_for_place: whether it was found due with no place free; the next batch that ends
            starts it. Until then its first task must wake when it is due.
    """

    __slots__ = ("due", "execute", "is_running", "options", "size", "tasks", "waits_for_place")

    def __init__(self, options: QueueOptions, execute: Execute) -> None:
        self.options = options
        self.execute = execute
        self.tasks: list[Task] = []
        self.size = 0
        self.due = 0.0
        self.is_running = False
        self.waits_for_place = False

    def add(self, task: Task) -> None:
        """Takes a task in; the first one sets how long the batch waits."""
        if not self.tasks:
            self.due = task.enqueued + self.options.batch_timeout_micros / 1e6
        self.tasks.append(task)
        self.size += task.size
        task.batch = self

    def is_due(self, now: float) -> bool:
        """Whether to run the batch as it is: it is full, or has waited long enough."""
        return now >= self.due or self.size >= self.options.max_execution_batch_size

    def expire(self, task: Task) -> None:
        """Ends a task that has waited too long."""
        is_first = task is self.tasks[0]
        self.tasks.remove(task)
        self.size -= task.size
        task.error = StatusError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "Run() timeout exceeded while waiting in batching queue",
        )
        wake(task)
        if is_first and self.tasks:
            # It is the first that wakes when the batch is due.
            wake(self.tasks[0])


def divide(task: Task, free: int, limit: int) -> list[Task]:
    """The parts of a task that fill up the open batch and the next ones.

    Args:
        task: the whole.
        free: how many rows the open batch takes.
        limit: how many rows a batch takes.
    """
    if task.size <= free:
        return [task]
    starts = [0, *range(free, task.size, limit)] if free else range(0, task.size, limit)
    ends = [*starts[1:], task.size]
    return [
        Task(
            {name: array[start:end] for name, array in task.inputs.items()},
            end - start,
            task.end,
            is_part=True,
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def wake(task: Task) -> None:
    """Makes the thread of a task look again; the scheduler's lock is held."""
    if task.lock.locked():
        task.lock.release()
