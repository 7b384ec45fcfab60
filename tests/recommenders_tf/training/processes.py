"""Training in real processes, as operators start and kill them."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

COMMAND = str(pathlib.Path(sys.executable).with_name("recommenders-tf"))


def free_addresses(**counts: int) -> dict[str, list[str]]:
    """Return addresses on this machine for so many tasks of each type."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(sum(counts.values()))]
    ports = iter([server.getsockname()[1] for server in sockets])
    for server in sockets:
        server.close()
    return {task: [f"localhost:{next(ports)}" for _ in range(n)] for task, n in counts.items()}


class Process:
    """A `recommenders-tf train`, or another program, whose output goes to a file.

    Args:
        log: The file.
        arguments: Of the command.
        cluster: Addresses, for TF_CONFIG; None trains alone.
        task: Type and index in the cluster.
        program: What the arguments are for.
    """

    def __init__(
        self,
        log: pathlib.Path,
        arguments: Sequence[str],
        cluster: dict[str, list[str]] | None = None,
        task: tuple[str, int] = ("", 0),
        program: Sequence[str] = (COMMAND, "--debug", "train"),
    ) -> None:
        config = {"cluster": cluster, "task": {"type": task[0], "index": task[1]}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config)} if cluster else None
        self.log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [*program, *arguments],
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, text: str, seconds: float = 240) -> None:
        """Wait until the process has said `text`."""
        self._until(lambda: text in self.log.read_text(), seconds, text)

    def wait(self, seconds: float = 240) -> int:
        """Wait until the process has ended; return its exit code."""
        self._until(lambda: self._process.poll() is not None, seconds, "its end")
        return self._process.returncode

    def kill(self) -> None:
        """Kill the process, which has no time to say good-bye."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _until(self, happened: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not happened():
            is_late = time.monotonic() > end or (
                self._process.poll() is not None and what != "its end"
            )
            assert not is_late or happened(), f"waited for {what}:\n{self.log.read_text()}"
            time.sleep(0.1)
