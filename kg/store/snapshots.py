"""Snapshots: numbered, immutable copies of the dataset, which readers open, ETags name, and ``asOf`` selects.

A snapshot consists of hard links, so it needs no space until the engine rewrites its files. Its number is that of the
last commit in it; numbers never decrease, not even after the process was killed.

One process, the owner of the store, makes and removes snapshots (:class:`Snapshots`). Others read them
(:class:`HeldSnapshots`), under a shared lock on the directory of each snapshot that they use, which the owner respects.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
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


class EndOfWriter(IntEnum):
    """Why the last owner of the store has ended: by a signal, for lack of memory, or by a fault of the engine."""

    killed = 0
    memory = 1
    fault = 2


class NewestNumber:
    """Number and time of the newest snapshot, in memory that the processes of a server share."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Map the memory of ``descriptor``; ``None`` makes a new one, which children inherit."""
        if descriptor is None:
            descriptor = os.memfd_create("newest snapshot")
            os.ftruncate(descriptor, mmap.PAGESIZE)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, mmap.PAGESIZE)

    @property
    def number(self) -> int:
        """Number of the newest snapshot; 0 before the first."""
        # Eight aligned bytes, which the processor reads and writes at once.
        return int.from_bytes(self._memory[:8], "little")

    @property
    def taken(self) -> float:
        """Time of its creation, in seconds since 1970."""
        return float(struct.unpack_from("=d", self._memory, 8)[0])

    @property
    def last_end(self) -> EndOfWriter:
        """Why the writer before the current one has ended."""
        return EndOfWriter(self._memory[16])

    def writer_ended(self, end: EndOfWriter) -> None:
        """Record why the writer before the current one has ended."""
        self._memory[16] = end

    @property
    def unpublished(self) -> bool:
        """Whether a prepared write has begun that may be stored, but is in no snapshot yet."""
        return bool(self._memory[17])

    @unpublished.setter
    def unpublished(self, begun: bool) -> None:
        self._memory[17] = begun

    @property
    def managed(self) -> int:
        """Number of the last commit that may have changed a managed graph."""
        return int(struct.unpack_from("<Q", self._memory, 24)[0])

    @managed.setter
    def managed(self, number: int) -> None:
        struct.pack_into("<Q", self._memory, 24, number)

    def publish(self, snapshot: Snapshot) -> None:
        """Announce a complete snapshot to all processes."""
        struct.pack_into("=d", self._memory, 8, snapshot.taken)
        struct.pack_into("<Q", self._memory, 0, snapshot.number)


class Snapshots:
    """The snapshots of one data directory, for the process that owns the store. Not thread-safe."""

    def __init__(self, data: Path, keep: int) -> None:
        """Find the existing snapshots; ``keep`` is the number to retain in addition to those in use."""
        self._folder = data / FOLDER
        self._keep = keep
        self._folder.mkdir(exist_ok=True)
        for left in (self._folder / _UNFINISHED, *self._folder.glob(f"{_REMOVED}*")):
            shutil.rmtree(left, ignore_errors=True)

    def take(self, make: Callable[[Path], int]) -> Snapshot:
        """Create a snapshot and return it, or the newest one if nothing was written since; it appears when complete.

        ``make`` fills a directory that does not exist yet, and returns the number of the last commit.
        """
        unfinished = self._folder / _UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)  # of a failed attempt, on a full disk perhaps
        number = make(unfinished)
        path = self._folder / str(number)
        if path.exists():  # no commit since then
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.rename(path)
            self.prune()
        return Snapshot(number, path, path.stat().st_mtime)

    def prune(self) -> None:
        """Remove the snapshots that are neither among the newest nor in use."""
        for number in numbers(self._folder.parent)[: -self._keep]:
            path = self._folder / str(number)
            with contextlib.suppress(OSError), _locked(path, fcntl.LOCK_EX):
                removed = path.with_name(f"{_REMOVED}{number}")
                path.rename(removed)  # first, so that no half-deleted snapshot keeps its number
                shutil.rmtree(removed, ignore_errors=True)


class HeldSnapshots:
    """The snapshots of one data directory, for a process that reads them while another may write; thread-safe."""

    def __init__(self, data: Path, newest: Callable[[], int]) -> None:
        """Read the snapshots of a data directory; ``newest`` returns the number of the newest one."""
        self._data = data
        self._newest = newest
        self._lock = threading.Lock()
        self._held: dict[int, _Hold] = {}

    @property
    def numbers(self) -> list[int]:
        """Numbers of the available snapshots, the newest last."""
        return numbers(self._data)

    def newest(self) -> Snapshot:
        """Return the newest snapshot, which may be removed at any time.

        Raises:
            NotFound: there is no snapshot yet.
        """
        with self.held() as found:
            return found

    @contextmanager
    def held(self, number: int | None = None) -> Iterator[Snapshot]:
        """Yield the snapshot with that number, or the newest, and protect it from removal meanwhile.

        Raises:
            NotFound: there is no such snapshot.
        """
        hold = self._take(number)
        try:
            yield hold.snapshot
        finally:
            self._release(hold)

    def _take(self, number: int | None) -> _Hold:
        """Return a hold with one user more. The lock on the newest snapshot is kept, as the next query needs it too."""
        with self._lock:
            hold = self._held.get(self._newest() if number is None else number)
            if hold is None:
                found = self._find(number)
                hold = self._held.setdefault(found.snapshot.number, found)
                if hold is not found:  # a newer one was published meanwhile, which is held already
                    os.close(found.descriptor)
                self._let_go(keep=hold)
            hold.users += 1
            return hold

    def _find(self, number: int | None) -> _Hold:
        """Lock a snapshot. The newest is looked up again if it was removed a moment ago, for a newer one."""
        for _ in range(1 if number is not None else 100):
            wanted = self._newest() if number is None else number
            path = self._data / FOLDER / str(wanted)
            with contextlib.suppress(OSError):
                return _Hold(Snapshot(wanted, path, path.stat().st_mtime), _open_locked(path, fcntl.LOCK_SH))
        newest = self._newest()
        if not newest or number is None:
            raise NotFound("There is no snapshot yet.", remedy="Retry in a moment.")
        raise NotFound(
            f"Snapshot {number} is not available; the newest is {newest}.",
            remedy="Omit asOf, start paging again, or retain more snapshots with KG_SNAPSHOTS.",
        )

    def _release(self, hold: _Hold) -> None:
        with self._lock:
            hold.users -= 1
            if not hold.users and hold.snapshot.number != self._newest():
                self._let_go(keep=None)

    def _let_go(self, keep: _Hold | None) -> None:
        """Unlock all snapshots without users, except one."""
        for number, hold in list(self._held.items()):
            if not hold.users and hold is not keep:
                del self._held[number]
                os.close(hold.descriptor)


@dataclass
class _Hold:
    """A locked snapshot and the number of its users in this process."""

    snapshot: Snapshot
    descriptor: int
    users: int = 0


def _open_locked(path: Path, kind: int) -> int:
    """Return a descriptor of a directory with a lock on it (flock(2)), which closing it releases.

    Raises:
        OSError: it does not exist, or another process holds a conflicting lock.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), path.stat()):  # removed between the two calls
            raise FileNotFoundError(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    descriptor = _open_locked(path, kind)
    try:
        yield
    finally:
        os.close(descriptor)


def numbers(data: Path) -> list[int]:
    """Return the numbers of the snapshots in a data directory, the newest last."""
    folder = data / FOLDER
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def last_number(data: Path) -> int:
    """Return the number of the newest snapshot in a data directory, 0 if there is none."""
    return max(numbers(data), default=0)
