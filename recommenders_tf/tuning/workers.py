"""Where the trials of a search run: in this process, or in several at a time."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import pathlib
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import tensorflow as tf

from recommenders_tf.tuning.trial_runner import TrialRunner

Submit = Callable[..., "Future[tuple[float, int]]"]

_runner: TrialRunner | None = None  # of a worker: it has the data, too much to send with each trial


@contextlib.contextmanager
def workers(runner: TrialRunner, number: int) -> Iterator[Submit]:
    """Give a function that takes what `TrialRunner.run` takes, and returns a future of its result.

    Args:
        runner: What it runs.
        number: Processes; 1 is this one, which is back when the future is there.
    """
    if number == 1:
        yield functools.partial(_run_here, runner)
        return
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        # Through a pipe a process would have to be up, which takes long, before the next begins.
        file = pathlib.Path(folder) / "runner"
        file.write_bytes(pickle.dumps(runner))
        with ProcessPoolExecutor(number, context, _start, (file, number)) as pool:
            yield functools.partial(pool.submit, _run_in_worker)


def _run_here(runner: TrialRunner, *arguments: Any) -> Future[tuple[float, int]]:
    future: Future[tuple[float, int]] = Future()
    try:
        future.set_result(runner.run(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future


def _start(file: pathlib.Path, number: int) -> None:
    """Prepare a process for trials; it ends with the one that started it."""
    global _runner
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many share a screen
    tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // number))
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _runner = pickle.loads(file.read_bytes())


def _end_with_parent() -> None:
    """End when the process that started this one is killed, and not train on and wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run_in_worker(*arguments: Any) -> tuple[float, int]:
    assert _runner is not None
    return _runner.run(*arguments)
