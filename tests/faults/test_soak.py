"""The soak test as a command: a short one passes, and what it is there to find is found."""

from __future__ import annotations

from pathlib import Path

from tests.faults.soak import Book, soak, verdicts
from tests.processes import Reply


def test_a_quarter_of_a_minute(tmp_path: Path) -> None:
    lines, wrong = soak(tmp_path, 15, 1)
    print("\n".join(lines))
    assert not [line for line in wrong if "grown" not in line]  # memory and files have not settled by then
    for kind in ("cached", "uncached", "question", "list", "page", "export", "article", "removal", "update", "runaway"):
        assert any(line.startswith(f"{kind} ") for line in lines), kind


def book(sizes: list[float], files: list[int]) -> Book:
    return Book(samples=[(float(n), size, count) for n, (size, count) in enumerate(zip(sizes, files, strict=True))])


def test_what_it_finds() -> None:
    flat, rising = book([90.0] * 20 + [100.0] * 40, [50] * 60), book([100.0] * 40 + [130.0] * 20, [50] * 60)
    assert verdicts(flat, survived=True) == []
    assert verdicts(rising, survived=True) == ["MiB have grown from 100 to 130"]
    assert verdicts(book([1.0] * 60, list(range(60))), survived=True) == ["open files have grown from 30 to 50"]
    assert verdicts(flat, survived=False) == ["the server was ended, or has started again"]
    flat.note("page", Reply(500, {}, b"what"), 0.1, {200})
    flat.note("cached", Reply(503, {}, b"lost"), 0.1, {200, 503})
    assert verdicts(flat, survived=True) == [
        "unexpected: page: 500 b'what'",
        "1 queries were lost to 0 killed readers",
    ]
