"""Room on the disk: how much there is, what is refused when there is too little, and files that are whole or not there.

The engine tells of a disk that is full by an :class:`OSError` without a number, and from then on, as after every error
of a disk, refuses all writes until it is opened anew, even when there is space again. So a write is refused *before*
the engine sees it while less than :data:`RESERVE` is free; what fills the disk up in spite of that is recognised by
the engine's words.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kg.errors import StorageFull, StoreUnavailable

MIB = 1024 * 1024
RESERVE = 32 * MIB
"""Bytes that have to be free before a write: about what the largest request and the engine's own files take."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS = tuple(os.strerror(number).lower() for number in _FULL)
_REMEDY = "Free space on that disk, then try again; what is stored already is not stored twice."


def is_full(error: Exception) -> bool:
    """Tell whether an error says that the disk, or a quota on it, is used up."""
    return getattr(error, "errno", None) in _FULL or any(text in str(error).lower() for text in _FULL_TEXTS)


def full(how: str = "") -> StorageFull:
    """Make the error that says so, and ``how`` much."""
    return StorageFull(f"The disk is full{how}.", remedy=_REMEDY)


def damaged() -> StoreUnavailable:
    """Make the error of a store whose files the engine cannot use."""
    return StoreUnavailable("A file of the store is damaged.", remedy="See `kg doctor --full`; restore a backup.")


@contextmanager
def writing(what: str = "The data directory") -> Iterator[None]:
    """Turn what the system says against a write into an error of ours, about ``what``.

    Raises:
        StorageFull: no space is left.
        StoreUnavailable: anything else that the system refuses.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise full() from None
        raise StoreUnavailable(
            f"{what} cannot be written: {error.strerror or 'the system refuses'}.",
            remedy="Check the disk and the rights on the directory; `kg doctor` tells more.",
        ) from None


def free(directory: Path) -> int:
    """Tell how many bytes are free for us where ``directory`` lies; it need not be there yet."""
    while not directory.exists():
        directory = directory.absolute().parent
    return shutil.disk_usage(directory).free


def require(directory: Path, needed: int = RESERVE) -> None:
    """Refuse to go on without room.

    Raises:
        StorageFull: fewer than ``needed`` bytes are free.
    """
    left = free(directory)
    if left < needed:
        raise full(f": {left // MIB} MiB are free, and {-(-needed // MIB)} MiB are needed")


def sync(path: Path) -> None:
    """Bring a file, or the names in a directory, onto the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(file: Path, content: bytes) -> None:
    """Write a small file so that it holds either what it held or all of ``content``, whatever happens; mode 0600.

    Raises:
        OSError: it cannot be written; nothing is changed.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise
    sync(file.parent)
