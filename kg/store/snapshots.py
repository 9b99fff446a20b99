"""Numbered, immutable copies of the dataset: what readers open, what an ETag names, and what ``asOf`` goes back to.

A copy is made of hard links, so it costs no room until the engine rewrites its files. The number is that of the last
commit that the copy holds; it never goes back, not even after the process was killed.
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
    """One copy.

    Attributes:
        number: of the last commit in it.
        path: its directory.
        taken: when it was made, in seconds since 1970.
    """

    number: int
    path: Path
    taken: float


class Snapshots:
    """The copies of one data directory; safe to use from several threads."""

    def __init__(self, data: Path, keep: int) -> None:
        """Find the copies that are there; ``keep`` is how many are retained when nobody reads them."""
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
        """The numbers that can be asked for, the newest last."""
        with self._lock:
            return sorted(self._known)

    def newest(self) -> Snapshot:
        """Give the newest copy.

        Raises:
            NotFound: there is none yet.
        """
        with self._lock:
            return self._find(None)

    def _find(self, number: int | None) -> Snapshot:
        newest = max(self._known, default=None)
        if newest is None:
            raise NotFound("There is no snapshot yet.", remedy="Try again in a moment.")
        found = self._known.get(newest if number is None else number)
        if found is None:
            raise NotFound(
                f"Snapshot {number} is not kept; the newest is {newest}.",
                remedy="Ask without asOf, begin paging anew, or keep more with KG_SNAPSHOTS.",
            )
        return found

    def take(self, make: Callable[[Path], int]) -> Snapshot:
        """Make a copy. It appears under its number only when it is whole.

        Args:
            make: writes the copy into the directory that it is given, which must not exist, and returns its number.
        """
        unfinished = self._folder / _UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)  # of one that failed, for want of space perhaps
        number = make(unfinished)
        path = self._folder / str(number)
        with self._lock:
            known = self._known.get(number)
        if known:  # nothing was written since
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
        """Give the copy of that number, or the newest, and keep it in place while it is read.

        Raises:
            NotFound: it is not retained.
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
        """Remove the copies that are neither among the newest nor being read."""
        with self._lock:
            old = sorted(self._known)[: -self._keep]
            gone = [self._known.pop(number) for number in old if number not in self._held]
        for snapshot in gone:  # it goes at once, so that none is left in part under its number
            removed = snapshot.path.with_name(f"{_REMOVED}{snapshot.number}")
            with contextlib.suppress(FileNotFoundError):
                snapshot.path.rename(removed)
            shutil.rmtree(removed, ignore_errors=True)


def last_number(data: Path) -> int:
    """Tell the number of the newest copy in a data directory, 0 if there is none."""
    folder = data / FOLDER
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return max((int(name) for name in names if name.isdecimal()), default=0)
