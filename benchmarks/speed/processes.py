"""Starts contenders as processes of their own, on processors of their own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.records import ROOT
from benchmarks.speed.case import Case
from benchmarks.speed.worker import ANSWER

PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
MATRIX_PEERS_PYTHON = ROOT / ".venv-matrix-peers" / "bin" / "python"
RETRIEVAL_PEERS_PYTHON = ROOT / ".venv-retrieval-peers" / "bin" / "python"
_PYTHONS = {
    "deepctr_peer": PEERS_PYTHON,
    "implicit_peer": MATRIX_PEERS_PYTHON,
    "recbole_peer": MATRIX_PEERS_PYTHON,
    "recbole_sequences_peer": MATRIX_PEERS_PYTHON,
    "benchmarks.retrieval.hnswlib_peer": RETRIEVAL_PEERS_PYTHON,
}


class Worker:
    """A contender in a process of its own, asked by method calls.

    Args:
        contender: Module with a function `start`; one without a dot is of `benchmarks.speed`.
        threads: Threads it may use, each on a processor of its own.
        case: What it trains, if it trains a model.
        **settings: Further arguments of `start`.

    Raises:
        RuntimeError: The process ends without an answer; the message has the end of its log.
    """

    def __init__(self, contender: str, threads: int, case: Case | None = None, **settings: Any):
        self.contender = contender
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit
        python = _PYTHONS.get(contender, pathlib.Path(sys.executable))
        settings |= {"contender": contender, "threads": threads}
        if case:
            settings["case"] = dataclasses.asdict(case)
        processors = sorted(os.sched_getaffinity(0))[:threads]
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.speed.worker", json.dumps(settings)],
            cwd=ROOT,
            env=os.environ | _environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )

    def ask(self, method: str, **arguments: Any) -> Any:
        """Return the answer to a method call; the first one waits for the start as well."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = json.dumps({"method": method, "arguments": arguments})
        with contextlib.suppress(BrokenPipeError):  # it ended: what it wrote last says why
            print(request, file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                return json.loads(line.removeprefix(ANSWER))
        self._log.seek(0)
        end = "".join(self._log.readlines()[-12:])
        raise RuntimeError(f"`{self.contender}` ended at `{method}` without an answer:\n{end}")

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


def _environment(threads: int) -> dict[str, str]:
    return {
        "TF_USE_LEGACY_KERAS": "1",  # DeepCTR's DIN and DCN run on no other
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
