"""Disk space and durable writes: checks before a write, errors of a full disk, files that are complete or absent.

The engine reports a full disk by an :class:`OSError` without ``errno``, and then, as after every disk error, refuses
all writes until it is reopened, even when there is space again. So a write is refused *before* it reaches the engine
if less than :data:`RESERVE` is free; should the disk fill up nevertheless, the error is recognised by its text.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.errors import StorageFull, StoreUnavailable

MIB = 1024 * 1024
RESERVE = 32 * MIB
"""Bytes that must be free before a write: about the largest request and the engine's own files."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS = tuple(os.strerror(number).lower() for number in _FULL)
_REMEDY = "Free space on that disk, then retry; what is stored already is not stored twice."


def is_full(error: Exception) -> bool:
    """Return whether an error means that the disk, or a quota on it, is full."""
    return getattr(error, "errno", None) in _FULL or any(text in str(error).lower() for text in _FULL_TEXTS)


def full(detail: str = "") -> StorageFull:
    """Return the error of a full disk; ``detail`` ends its message."""
    return StorageFull(f"The disk is full{detail}.", remedy=_REMEDY)


def damaged() -> StoreUnavailable:
    """Return the error of a store whose files the engine cannot read."""
    return StoreUnavailable("A file of the store is damaged.", remedy="See `kg doctor --full`; restore a backup.")


@contextmanager
def writing(target: str = "The data directory") -> Iterator[None]:
    """Convert an :class:`OSError` of a write into an error for users; ``target`` begins its message.

    Raises:
        StorageFull: the disk is full.
        StoreUnavailable: the write failed for any other reason.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise full() from None
        raise StoreUnavailable(
            f"{target} cannot be written: {error.strerror or 'the operating system refuses'}.",
            remedy="Check the disk and the permissions of the directory; `kg doctor` reports more.",
        ) from None


def free(directory: Path) -> int:
    """Return the free bytes on the disk of ``directory``, which need not exist yet."""
    while not directory.exists():  # the nearest existing parent is on the same disk
        directory = directory.absolute().parent
    return shutil.disk_usage(directory).free


def require(directory: Path, needed: int = RESERVE) -> None:
    """Check that ``needed`` bytes are free on the disk of ``directory``.

    Raises:
        StorageFull: fewer are free.
    """
    left = free(directory)
    if left < needed:
        # Rounded down and up, so that the message never shows enough space.
        raise full(f": {left // MIB} MiB are free, and {-(-needed // MIB)} MiB are needed")
