"""Files and directories for a while. What a process that was killed left behind is removed by the next one."""

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
    """Give a new directory in ``parent``, of mode 0700; it is removed unless it was renamed."""
    with _claimed(parent, prefix, lambda: Path(tempfile.mkdtemp(prefix=prefix, dir=parent))) as path:
        yield path


@contextmanager
def file(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new empty file in ``parent``, of mode 0600; it is removed unless it was renamed."""

    def make() -> Path:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=parent)
        os.close(handle)
        return Path(name)

    with _claimed(parent, prefix, make) as path:
        yield path


@contextmanager
def _claimed(parent: Path, prefix: str, make: Callable[[], Path]) -> Iterator[Path]:
    """Hold a lock on what is made: the system drops it with the process, which is how leftovers are told."""
    _sweep(parent, prefix)
    path, handle = make(), -1
    try:
        while (handle := _locked(path, fcntl.LOCK_EX)) < 0:  # taken for a leftover before it was locked
            path = make()
        yield path
    finally:
        _remove(path)
        if handle >= 0:
            os.close(handle)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.glob(glob.escape(prefix) + "*"):
        handle = _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if handle >= 0:
            _remove(left)
            os.close(handle)


def _locked(path: Path, how: int) -> int:
    """Lock what lies at ``path``; -1 if another holds it or nothing lies there (any more)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return -1
    with suppress(OSError):
        fcntl.flock(handle, how)
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
