"""What training shows on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress() -> Iterator[Report]:
    """Give a callback that moves a bar on a terminal and prints a line for each epoch."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        yield Report(bar)


class Report(tf.keras.callbacks.Callback):
    """Moves a bar with the steps and prints a line for each epoch.

    Args:
        bar: The bar.
    """

    follows_stages = True  # of a model that starts from others; see `models.pretraining`

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        # Or Keras would wait for the device at every step, to hand over the step's metrics.
        self._supports_tf_logs = True
        self._bar = bar
        self._task = bar.add_task("")
        self._started = 0.0

    def say(self, text: str) -> None:
        """Print a line."""
        self._bar.console.print(text)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin the bar anew."""
        self._started = time.monotonic()
        title = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._bar.reset(self._task, description=title, total=self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=batch + 1, total=self.params["steps"])

    def on_part_end(self, part: int, parts: int) -> None:
        """Move the bar within a step that solves a model at once, which may take long.

        Args:
            part: Parts that are done.
            parts: All of them.
        """
        self._bar.update(self._task, completed=part, total=parts)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Print the metrics."""
        metrics = "  ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        seconds = time.monotonic() - self._started
        count = f"{epoch + 1:>{len(str(self.params['epochs']))}}/{self.params['epochs']}"
        self.say(f"Epoch {count}  {metrics}  {seconds:.1f} s")
