"""Snapshots: numbered, immutable copies of the dataset, which readers open, ETags name, and ``asOf`` selects.

A snapshot consists of hard links, so it needs no space until the engine rewrites its files. Its number is that of the
last commit in it; numbers never decrease, not even after the process was killed.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kg.errors import NotFound

FOLDER = "snapshots"
_UNFINISHED = "unfinished"
_REMOVED = "removed-"


@dataclass(frozen=True)
class Snapshot:
    """One snapshot.

    Attributes:
        number: number of the last commit in it.
        path: directory of the snapshot.
        taken: time of its creation, in seconds since 1970.
    """

    number: int
    path: Path
    taken: float


class Snapshots:
    """The snapshots of one data directory; thread-safe."""

    def __init__(self, data: Path, keep: int) -> None:
        """Find the existing snapshots; ``keep`` is the number to retain in addition to those in use."""
        self._folder = data / FOLDER
        self._keep = keep
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()
        self._folder.mkdir(exist_ok=True)
        for left in (self._folder / _UNFINISHED, *self._folder.glob(f"{_REMOVED}*")):
            shutil.rmtree(left, ignore_errors=True)
        self._known = {
            number: Snapshot(number, path, path.stat().st_mtime)
            for number, path in ((int(path.name), path) for path in self._folder.iterdir() if path.name.isdecimal())
        }

    @property
    def numbers(self) -> list[int]:
        """Numbers of the available snapshots, the newest last."""
        with self._lock:
            return sorted(self._known)

    def newest(self) -> Snapshot:
        """Return the newest snapshot.

        Raises:
            NotFound: there is no snapshot yet.
        """
        with self._lock:
            return self._find(None)

    def _find(self, number: int | None) -> Snapshot:
        newest = max(self._known, default=None)
        if newest is None:
            raise NotFound("There is no snapshot yet.", remedy="Retry in a moment.")
        found = self._known.get(newest if number is None else number)
        if found is None:
            raise NotFound(
                f"Snapshot {number} is not available; the newest is {newest}.",
                remedy="Omit asOf, start paging again, or retain more snapshots with KG_SNAPSHOTS.",
            )
        return found

    def take(self, make: Callable[[Path], int]) -> Snapshot:
        """Create a snapshot and return it; it appears under its number only when it is complete.

        If nothing was written since the newest snapshot, that one is returned.

        Args:
            make: writes the files into a directory that does not exist yet, and returns the number of the last commit.
        """
        unfinished = self._folder / _UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)  # of a failed attempt, on a full disk perhaps
        number = make(unfinished)
        path = self._folder / str(number)
        with self._lock:
            known = self._known.get(number)
        if known:  # no commit since then
            shutil.rmtree(unfinished, ignore_errors=True)
            return known
        unfinished.rename(path)
        made = Snapshot(number, path, time.time())
        with self._lock:
            self._known[number] = made
        self.prune()
        return made

    @contextmanager
    def held(self, number: int | None = None) -> Iterator[Snapshot]:
        """Yield the snapshot with that number, or the newest, and protect it from removal meanwhile.

        Raises:
            NotFound: there is no such snapshot.
        """
        with self._lock:
            snapshot = self._find(number)
            self._held[snapshot.number] += 1
        try:
            yield snapshot
        finally:
            with self._lock:
                self._held[snapshot.number] -= 1
                idle = not self._held[snapshot.number]
                if idle:
                    del self._held[snapshot.number]
            if idle:
                self.prune()

    def prune(self) -> None:
        """Remove the snapshots that are neither among the newest nor in use."""
        with self._lock:
            old = sorted(self._known)[: -self._keep]
            gone = [self._known.pop(number) for number in old if number not in self._held]
        for snapshot in gone:  # renamed first, so that no half-deleted snapshot keeps its number
            removed = snapshot.path.with_name(f"{_REMOVED}{snapshot.number}")
            with contextlib.suppress(FileNotFoundError):
                snapshot.path.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)


def last_number(data: Path) -> int:
    """Return the number of the newest snapshot in a data directory, 0 if there is none."""
    folder = data / FOLDER
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return max((int(name) for name in names if name.isdecimal()), default=0)
