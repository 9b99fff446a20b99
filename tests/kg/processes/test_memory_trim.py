"""Memory trimming: free memory returns to the system, and a server does so by itself."""

from __future__ import annotations

import asyncio
import ctypes
import subprocess
import sys

import pytest

from kg.processes import memory_trim
from kg.processes.query_and_write_service import QueryService
from kg.store.store import Store, StoreOptions
from tests.configs import configured

FRAGMENTED = """
import re
from pathlib import Path
from kg.processes import memory_trim

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

blocks = [bytes(20_000) for _ in range(8_000)]
kept = blocks[::50] + blocks[-1:]
del blocks
before = resident()
print(memory_trim.trim(), before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Memory is read from /proc, which is of Linux alone.")
def test_free_pages_between_kept_blocks_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", FRAGMENTED], capture_output=True, text=True, timeout=60, check=True)
    trimmed, saved = done.stdout.split()
    assert trimmed == "True"
    assert int(saved) > 75  # MiB, of 150 that are free


def test_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert memory_trim.trim() is False


def test_an_endpoint_does_it_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[bool] = []
    monkeypatch.setattr(memory_trim, "_PAUSE", 0.01)
    monkeypatch.setattr(memory_trim, "trim", lambda: times.append(True))

    async def live() -> None:
        endpoint = QueryService(Store(StoreOptions()), configured())
        await endpoint.start()
        while len(times) < 2:
            await asyncio.sleep(0.01)
        await endpoint.close()
        count = len(times)
        await asyncio.sleep(0.1)
        assert len(times) <= count + 1  # one was perhaps on its way

    asyncio.run(asyncio.wait_for(live(), 10))
