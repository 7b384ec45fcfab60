"""Dynamic batching: requests that come together run as one.

There are no threads of its own. A request waits in its thread; when a batch is due and one of the
`num_batch_threads` places is free, one of its requests leads: it runs the batch in its own thread
and wakes the others. So a request that finds no other runs at once, without a change of threads.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable

import grpc
import numpy as np
from google.protobuf.message import Message

from serving.server import metrics
from serving.server.batch_arrays import Arrays, merge, row_count, split
from serving.server.batch_options import QueueOptions, read_queue_options, read_thread_pool
from serving.server.batch_tasks import Batch, Execute, Task, divide, wake
from serving.server.errors import StatusError, from_exception, invalid_argument


class BatchScheduler:
    """Batches of all models, on a limited number of threads.

    Batches are made of requests of one key; the keys take turns.

    Args:
        parameters: a `BatchingParameters` message.

    Attributes:
        options: how batches are made where `run` is not told otherwise.

    Raises:
        StatusError: the parameters cannot be.
    """

    def __init__(self, parameters: Message) -> None:
        self._pool_name, self._threads = read_thread_pool(parameters)
        self.options = read_queue_options(parameters)
        self._lock = threading.Lock()
        self._running = 0
        # The last batch of a queue takes more tasks, the others are full; no queue is empty.
        self._queues: OrderedDict[Hashable, deque[Batch]] = OrderedDict()

    def run(
        self,
        key: Hashable,
        inputs: Arrays,
        execute: Execute,
        deadline: float | None = None,
        options: QueueOptions | None = None,
    ) -> Arrays:
        """Runs a request in a batch, and waits for its answer.

        Args:
            key: what may run together: a version of a model, its inputs and outputs.
            inputs: arrays that have a row for each example, all the same number of rows.
            execute: runs a batch: takes its arrays and the seconds left, and gives the outputs.
            deadline: the seconds that the request may take; None for no limit.
            options: how the batches of this key are made, if not as those of all others.

        Returns:
            The rows of the outputs that belong to the request.

        Raises:
            StatusError: the inputs cannot be batched, too many batches wait, the time is over, or
                the batch failed: then each of its requests gets the error.
        """
        options = options or self.options
        size = row_count(inputs)
        for _ in inputs:
            metrics.BATCHING_INPUT_BATCH_SIZE.observe(size)
        if not size:
            return execute(inputs, deadline)
        end = None if deadline is None else time.monotonic() + deadline
        # A request of a wrong dtype must not change the dtype of the others.
        key = key, *(array.dtype for array in inputs.values())
        with self._lock:
            tasks = self._enqueue(key, Task(inputs, size, end), execute, options)
            self._dispatch()
        # All are waited for: one that leads a batch answers for others.
        for task in tasks:
            self._wait(task)
        for task in tasks:
            if task.error is not None:
                raise StatusError(task.error.code, task.error.message)
        parts = [task.outputs or {} for task in tasks]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _enqueue(
        self, key: Hashable, task: Task, execute: Execute, options: QueueOptions
    ) -> list[Task]:
        if task.size > options.max_batch_size:
            raise invalid_argument(
                f"Task size {task.size} is larger than maximum input batch size "
                f"{options.max_batch_size}"
            )
        queue = self._queues.get(key) or deque([Batch(options, execute)])
        limit = options.max_execution_batch_size
        free = limit - queue[-1].size
        tasks = [task]
        if options.enable_large_batch_splitting:
            capacity = (options.max_enqueued_batches - len(queue)) * limit + free
            if task.size > capacity:
                raise _unavailable(
                    f"full; task size is {task.size} but scheduling capacity is only {capacity} "
                    f"(num_enqueued_batches={len(queue)}, "
                    f"max_enqueued_batches={options.max_enqueued_batches}, "
                    f"open_batch_size={queue[-1].size}, max_execution_batch_size={limit})"
                )
            tasks = divide(task, free, limit)
        elif task.size > free and len(queue) >= options.max_enqueued_batches:
            raise _unavailable(
                f"full; currently {len(queue)} batches enqueued and max_enqueued_batches is "
                f"{options.max_enqueued_batches}"
            )
        for part in tasks:
            if queue[-1].size + part.size > limit:
                queue.append(Batch(options, execute))
            queue[-1].add(part)
        self._queues[key] = queue
        return tasks

    def _dispatch(self) -> None:
        """Gives every free place a batch that is due; the lock is held."""
        while self._running < self._threads:
            batch = self._take()
            if batch is None:
                return
            self._running += 1
            # The thread of a divided request may lead another batch already.
            leader = next((task for task in batch.tasks if not task.is_part), batch.tasks[0])
            leader.leads = True
            wake(leader)

    def _take(self) -> Batch | None:
        now = time.monotonic()
        for key, queue in list(self._queues.items()):
            while queue:
                for task in [task for task in queue[0].tasks if task.is_over(now)]:
                    queue[0].expire(task)
                if queue[0].tasks:
                    break
                queue.popleft()
            if queue and (len(queue) > 1 or queue[0].is_due(now)):
                batch = queue.popleft()
                batch.is_running = True
                self._queues.move_to_end(key)
            else:
                batch = None
            if not queue:
                del self._queues[key]
            if batch is not None:
                return batch
        return None

    def _wait(self, task: Task) -> None:
        """Returns when the task is settled; leads its batch if that falls to it."""
        while not task.is_settled:
            if task.leads:
                self._lead(task)
            elif not task.lock.acquire(timeout=task.seconds_to_wait()):
                with self._lock:
                    if not task.is_settled and not task.leads:
                        self._look(task)

    def _look(self, task: Task) -> None:
        """Does what the time asks for; the lock is held."""
        batch = task.batch
        assert batch is not None
        if task.is_over(time.monotonic()):
            if batch.is_running:
                task.error = StatusError(
                    grpc.StatusCode.DEADLINE_EXCEEDED, "Run() timeout exceeded while the batch ran"
                )
            else:
                batch.expire(task)
        is_due = batch.is_due(time.monotonic())
        self._dispatch()
        batch.waits_for_place = is_due and not batch.is_running

    def _lead(self, leader: Task) -> None:
        batch = leader.batch
        assert batch is not None
        error = None
        answers: list[dict[str, np.ndarray]] = []
        try:
            answers = self._execute(batch)
        except Exception as exception:
            error = from_exception(exception)
        with self._lock:
            self._running -= 1
            # The next batch starts before this one's answers are written.
            self._dispatch()
            for index, task in enumerate(batch.tasks):
                if error is None:
                    task.outputs = answers[index]
                else:
                    task.error = task.error or error
                if task is not leader:
                    wake(task)

    def _execute(self, batch: Batch) -> list[dict[str, np.ndarray]]:
        now = time.monotonic()
        for task in batch.tasks:
            metrics.BATCHING_QUEUING_LATENCY.observe((now - task.enqueued) * 1e6, self._pool_name)
        size = batch.options.padded_size(batch.size)
        metrics.BATCHING_PADDING_SIZE.observe(size - batch.size, str(size))
        metrics.BATCHING_PROCESSED_BATCH_SIZE.observe(size)
        inputs = [task.inputs for task in batch.tasks]
        merged = merge(inputs, size, batch.options.pad_variable_length_inputs)
        ends = [task.end for task in batch.tasks]
        # The batch may take as long as the most patient of its requests.
        deadline = None if None in ends else max(end for end in ends if end is not None) - now
        metrics.BATCHING_WRAPPED_RUN_COUNT.increment()
        outputs = batch.execute(merged, deadline)
        return split(outputs, [task.size for task in batch.tasks], size)


def _unavailable(problem: str) -> StatusError:
    return StatusError(
        grpc.StatusCode.UNAVAILABLE,
        f"The batch scheduling queue to which this task was submitted is {problem}",
    )
