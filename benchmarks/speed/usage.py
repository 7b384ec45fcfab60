"""What a piece of work took: wall time, processor time, memory, and what others took meanwhile."""

from __future__ import annotations

import os
import pathlib
import resource
import time

_TICKS = os.sysconf("SC_CLK_TCK")
_STATUS = pathlib.Path("/proc/self/status")


class Stopwatch:
    """Measures from its making until `stop`.

    A process of two threads may leave one idle of its own accord, so a low share of processor time
    does not tell that it was disturbed. What the other processes took on its processors does.
    """

    def __init__(self) -> None:
        self._others = _busy_seconds() - time.process_time()
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Return the seconds of the wall, of this process and of all others."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        others = _busy_seconds() - time.process_time() - self._others
        return {"seconds": wall, "cpu": cpu, "others": max(0.0, others)}


def is_disturbed(usage: dict[str, float], share: float = 0.05) -> bool:
    """Return whether others took more than a share of the wall time."""
    return usage["others"] > share * usage["seconds"]


def reset_peak_memory() -> None:
    """Let the peak start anew from what is in memory now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Return the most bytes of memory that this process held at once."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def free_memory() -> int:
    """Return the bytes that new processes can have without swapping."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _busy_seconds() -> float:
    """Return what the processors that this process may use have worked, since they were started.

    Time that the host took away (`steal`) counts.
    """
    own = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    ticks = 0
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in own:
            user, nice, system, _, _, irq, soft_irq, steal = (int(f) for f in fields[:8])
            ticks += user + nice + system + irq + soft_irq + steal
    return ticks / _TICKS
