"""Temporary files and directories, with cleanup of leftovers from processes that were killed.

Each is locked while in use. The operating system releases the lock when the process ends, so whatever has the prefix
but no lock is a leftover, and the next call with the same prefix removes it.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def directory(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new directory in ``parent`` (mode 0700); it is removed at the end unless it was renamed."""
    with _claimed(parent, prefix, lambda: Path(tempfile.mkdtemp(prefix=prefix, dir=parent))) as path:
        yield path


@contextmanager
def file(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new empty file in ``parent`` (mode 0600); it is removed at the end unless it was renamed."""

    def make() -> Path:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=parent)
        os.close(handle)
        return Path(name)

    with _claimed(parent, prefix, make) as path:
        yield path


@contextmanager
def _claimed(parent: Path, prefix: str, make: Callable[[], Path]) -> Iterator[Path]:
    """Remove leftovers, then create a file or directory with ``make`` and hold a lock on it."""
    _sweep(parent, prefix)
    path, handle = make(), -1
    try:
        while (handle := _locked(path, fcntl.LOCK_EX)) < 0:  # removed by another process before it was locked
            path = make()
        yield path
    finally:
        _remove(path)
        if handle >= 0:
            os.close(handle)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove everything with the prefix that no process has locked."""
    for left in parent.glob(glob.escape(prefix) + "*"):
        handle = _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if handle >= 0:
            _remove(left)
            os.close(handle)


def _locked(path: Path, how: int) -> int:
    """Lock the file or directory at ``path``; return its descriptor, or -1 if it is locked by another or missing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return -1
    with suppress(OSError):  # locked by another process, or removed meanwhile
        fcntl.flock(handle, how)
        # While this waited for the lock, its holder may have renamed the file, or another process replaced it.
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    os.close(handle)
    return -1


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
