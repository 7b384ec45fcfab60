"""Load for a long time on a server whose versions are swapped meanwhile: `make soak`.

Requests come at a share of what the server can answer; some are cancelled at random. Every answer
must be right for the version that gave it, none but the cancelled may fail, a broken version must
leave the good one alone, and memory must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import numpy as np
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.conformance.models import half_plus
from tests.conformance.target import Process, predict_request, values

MODEL = "half"
CANCELLED_SHARE, LOAD_SHARE, IN_FLIGHT, MOST_IN_FLIGHT = 0.05, 0.7, 16, 512
BROKEN_EVERY, KEPT = 4, 3
MEMORY_GROWTH = 0.05
_CAPACITY_SECONDS = 3.0
_LATE_SECONDS = 0.05
_OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


@dataclass
class Report:
    """What came of it.

    Attributes:
        rate: requests a second that were sent.
        answered: how many were answered.
        cancelled: how many were cancelled.
        withheld: how many were not sent, as `MOST_IN_FLIGHT` were open: the machine stood still.
        failures: what else happened to a request, or to a version.
        versions: those that answered.
        memory: bytes of the server, from time to time.
    """

    rate: float = 0.0
    answered: int = 0
    cancelled: int = 0
    withheld: int = 0
    failures: list[str] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """How much more memory the last quarter took than the second, when all is warm."""
        quarter = len(self.memory) // 4
        second = self.memory[quarter : 2 * quarter]
        return statistics.median(self.memory[-quarter:]) / statistics.median(second) - 1

    def __str__(self) -> str:
        return (
            f"{self.answered:,} answered at {self.rate:.0f}/s by {len(self.versions)} versions, "
            f"{self.cancelled:,} cancelled, {self.withheld:,} withheld, {len(self.failures)} "
            f"failures, memory {self.memory[-1] / 2**20:.0f} MiB ({self.growth:+.1%})"
        )


def soak(seconds: float, swap_seconds: float, processes: int = 1) -> Report:
    """Runs it.

    Args:
        seconds: how long.
        swap_seconds: between a version and the next.
        processes: of the server.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / MODEL
        folder.mkdir()
        half_plus(folder / "1", 1.0)
        # Made beforehand: to build a graph under load would hold up the requests of this process.
        for version in range(2, 2 + int(seconds / swap_seconds)):
            _prepare(folder, version)
        server = Process(
            f"--model_name={MODEL}",
            f"--model_base_path={folder}",
            "--max_num_load_retries=0",
            "--rest_api_port=0",
            f"--processes={processes}",
        )
        try:
            server.wait_until_ready(MODEL)
            report = asyncio.run(_soak(server, folder, seconds, swap_seconds, processes))
            assert server.stop() == 0, server.output()
        finally:
            server.kill()
    return report


async def _soak(
    server: Process, folder: pathlib.Path, seconds: float, swap_seconds: float, processes: int
) -> Report:
    report = Report()
    async with contextlib.AsyncExitStack() as stack:
        stubs = []
        # A connection stays with one process; with so many each surely has some.
        for _ in range(1 if processes == 1 else 8 * processes):
            channel = grpc.aio.insecure_channel(server.address, _OWN_CONNECTION)
            await stack.enter_async_context(channel)
            stubs.append(prediction_service_pb2_grpc.PredictionServiceStub(channel))
        await _closed_loop(stubs, report, 1.0)
        answered, report.answered = report.answered, 0
        await _closed_loop(stubs, report, _CAPACITY_SECONDS)
        report.rate = LOAD_SHARE * report.answered / _CAPACITY_SECONDS
        assert answered and report.rate
        end = time.monotonic() + seconds
        await asyncio.gather(
            _open_loop(stubs, report, end),
            _swap(server, folder, report, end, swap_seconds),
            _watch(server, report, end, min(5.0, seconds / 40)),
        )
    return report


async def _closed_loop(stubs: Sequence[object], report: Report, seconds: float) -> None:
    end = time.monotonic() + seconds

    async def ask() -> None:
        while time.monotonic() < end:
            await _ask(random.choice(stubs), report, cancel=False)

    await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)))


async def _open_loop(stubs: Sequence[object], report: Report, end: float) -> None:
    due, running = time.monotonic(), set()
    while time.monotonic() < end:
        # What this process could not send in time is left out: made up for, it would be a burst.
        due = max(due, time.monotonic() - _LATE_SECONDS)
        while due < time.monotonic():
            due += 1 / report.rate
            if len(running) >= MOST_IN_FLIGHT:
                report.withheld += 1
                continue
            cancel = random.random() < CANCELLED_SHARE
            task = asyncio.create_task(_ask(random.choice(stubs), report, cancel))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)


async def _ask(stub: object, report: Report, cancel: bool) -> None:
    x = np.random.uniform(-9, 9, [random.choice((1, 8, 64)), 1]).astype(np.float32)
    call = stub.Predict(predict_request(MODEL, {"x": x}), timeout=60)
    if cancel:
        await asyncio.sleep(random.uniform(0, 0.005))
        call.cancel()
    try:
        answer = await call
    except asyncio.CancelledError:
        report.cancelled += 1
        return
    except grpc.RpcError as error:
        report.failures.append(f"{error.code().name}: {error.details()}")
        return
    version = answer.model_spec.version.value
    if not np.allclose(values(answer.outputs["y"]), x[:, 0] / 2 + version, atol=1e-5):
        report.failures.append(f"version {version} answered wrongly")
    report.versions.add(version)
    report.answered += 1


async def _swap(
    server: Process, folder: pathlib.Path, report: Report, end: float, swap_seconds: float
) -> None:
    version = 1
    while time.monotonic() + swap_seconds < end:
        await asyncio.sleep(swap_seconds)
        version += 1
        (folder / f"ready-{version}").rename(folder / str(version))
        wanted = "AVAILABLE" if version % BROKEN_EVERY else "END"
        while (state := (await asyncio.to_thread(server.states, MODEL)).get(version)) != wanted:
            if time.monotonic() > end:
                report.failures.append(f"version {version} is {state}, not {wanted}")
                return
            await asyncio.sleep(0.2)
        for old in range(1, version - KEPT):
            shutil.rmtree(folder / str(old), ignore_errors=True)


def _prepare(folder: pathlib.Path, version: int) -> None:
    ready = folder / f"ready-{version}"
    if version % BROKEN_EVERY:
        half_plus(ready, float(version))
    else:
        ready.mkdir()
        (ready / "saved_model.pb").write_bytes(b"no model")


async def _watch(server: Process, report: Report, end: float, pause: float) -> None:
    parent = server.process.pid
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    while time.monotonic() < end:
        report.memory.append(sum(map(_resident_bytes, [parent, *children])))
        await asyncio.sleep(pause)


def _resident_bytes(pid: int | str) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long; default 10")
    parser.add_argument(
        "--swap-seconds", type=float, default=20.0, help="between two versions; default 20"
    )
    parser.add_argument("--processes", type=int, default=1, help="of the server; default 1")
    options = parser.parse_args()
    report = soak(60 * options.minutes, options.swap_seconds, options.processes)
    print(report, *report.failures[:10], sep="\n")
    return int(bool(report.failures) or report.growth > MEMORY_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
