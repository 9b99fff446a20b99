"""Resource usage of a server and its child processes, read from /proc (Linux)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Memory of some processes together, in MiB.

    Attributes:
        rss: resident set size; what processes share counts in each of them.
        uss: unique set size, what would come free if they ended.
        processes: how many there are.
    """

    rss: float = 0.0
    uss: float = 0.0
    processes: int = 0


def tree(pid: int) -> list[int]:
    """List a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return [one for one in found if Path(f"/proc/{one}").exists()]


def _stat(pid: int) -> list[str]:
    """Read the fields of /proc/PID/stat from the state on (the name before them may hold spaces)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return []


def cpu(pids: Iterable[int]) -> dict[int, float]:
    """Return the CPU time of each process so far, in seconds."""
    used = {}
    for pid in pids:
        if fields := _stat(pid):
            used[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return used


def memory(pids: Iterable[int]) -> Memory:
    """Return the total memory of processes."""
    rss = uss = count = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
        except OSError:
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
        rss += sizes["Rss"]
        uss += sizes["Private_Clean"] + sizes["Private_Dirty"]
        count += 1
    return Memory(rss / 1024, uss / 1024, count)


class Watch:
    """Monitor of a process tree: samples it a few times a second and records the peaks."""

    def __init__(self, pid: int, interval: float = 0.25) -> None:
        self.pid, self.interval = pid, interval
        self.peak = Memory()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            now = memory(tree(self.pid))
            self.peak = Memory(
                max(self.peak.rss, now.rss), max(self.peak.uss, now.uss), max(self.peak.processes, now.processes)
            )
            if self._stop.wait(self.interval):
                return


def busiest(pid: int, window: float = 0.3) -> int:
    """Return the process of a tree that uses most CPU time during a short interval."""
    before = cpu(tree(pid))
    time.sleep(window)
    now = cpu(tree(pid))
    return max(now, key=lambda one: now[one] - before.get(one, 0.0))


def wait_until_quiet(pid: int, limit: float, share: float = 0.2, window: float = 0.1) -> float | None:
    """Wait until a process has ended, or uses less than ``share`` of a processor in each of five windows.

    Returns:
        When that began, on :func:`time.perf_counter`; ``None`` when it did not come within ``limit`` seconds.
    """
    end, looked, used = time.perf_counter() + limit, 0.0, 0.0
    calm: list[float] = []
    while (now := time.perf_counter()) < end:
        fields = _stat(pid)
        if not fields or fields[0] == "Z":
            return now
        if now - looked >= window:
            total = cpu([pid]).get(pid, used)
            calm = [*calm, looked] if looked and total - used < share * (now - looked) else []
            if len(calm) == 5:
                return calm[0]
            looked, used = now, total
        time.sleep(0.01)
    return None
