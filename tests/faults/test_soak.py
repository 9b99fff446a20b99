"""Soak test as a command: a short run passes, and seeded faults are detected."""

from __future__ import annotations

from pathlib import Path

from tests.faults.soak import HARMFUL, SETTINGS, Book, soak, verdicts
from tests.processes import Reply, running


def test_half_a_minute(tmp_path: Path) -> None:
    with running(tmp_path, **SETTINGS) as server:
        lines, wrong = soak(server, 30, 1)
    print("\n".join(lines))
    assert not [line for line in wrong if "grown" not in line]  # memory and open files have not levelled off by then
    for kind in ("cached", "uncached", "question", "list", "page", "export", "article", "removal", "update", *HARMFUL):
        assert any(line.startswith(f"{kind} ") for line in lines), kind


def book(*sizes: list[float], files: list[int]) -> Book:
    """Make a book of 60 samples: memory of all processes, of the web processes, and open files."""
    return Book(samples=[(float(n), *row) for n, row in enumerate(zip(*sizes, files, strict=True))])


def test_what_it_finds() -> None:
    level, rising, still = [90.0] * 20 + [300.0] * 40, [300.0] * 40 + [330.0] * 20, [50] * 60
    flat = book(level, level, files=still)
    assert verdicts(flat, survived=True) == []
    assert verdicts(book(rising, level, files=still), survived=True) == ["MiB have grown from 300 to 330"]
    grown = ["MiB of the web processes have grown from 300 to 330"]
    assert verdicts(book(level, rising, files=still), survived=True) == grown
    grown = ["open files have grown from 30 to 50"]
    assert verdicts(book(level, level, files=list(range(60))), survived=True) == grown
    assert verdicts(flat, survived=False) == ["a web process was ended, or the log has a traceback"]
    flat.note("page", Reply(500, {}, b"what"), 0.1, {200})
    flat.note("cached", Reply(503, {}, b"reader-lost"), 0.1, {200, 503})
    assert verdicts(flat, survived=True) == [
        "unexpected: page: 500 b'what'",
        "1 requests were lost to 0 killed readers",
    ]
