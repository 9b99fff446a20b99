"""Atomic output: files and folders that appear under their final name only when they are complete."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.errors import BadInput
from kg.files import disk_space, durable_writes, temporary_files

_OLD = "old"


@contextmanager
def appearing(target: Path, *, overwrite: bool = False, members: Collection[str] = ()) -> Iterator[Path]:
    """Yield a temporary path for a new file or folder, and rename it to ``target`` if the block succeeds.

    Args:
        target: final path; it may exist as an empty folder.
        overwrite: whether an existing ``target`` may be replaced.
        members: for a folder, the names of all its files. An existing folder with any other content is never replaced,
            so that a mistyped path cannot delete anything else.

    Raises:
        BadInput: ``target`` exists already, or cannot be written.
        StorageFull: the disk is full.
    """
    _check(target, overwrite=overwrite, members=members)
    try:
        with temporary_files.directory(target.parent, f".{target.name}.part-") as place:
            part = place / f"new-{target.name}"  # not itself a temporary file, so it has the default permissions
            yield part
            for file in (*part.iterdir(), part) if part.is_dir() else (part,):
                durable_writes.sync(file)
            _put(part, target, place / _OLD)
            durable_writes.sync(target.parent)
    except OSError as error:
        if disk_space.is_full(error):
            raise disk_space.full() from None
        reason = error.strerror or "the operating system refuses"
        raise BadInput(f"{target} cannot be written: {reason}.", remedy="Choose another place.") from None


def _check(target: Path, *, overwrite: bool, members: Collection[str]) -> None:
    if not target.name or not target.parent.is_dir():
        raise BadInput(f"{target} cannot be written: it needs a name in a directory that exists.")
    if not (target.exists() or target.is_symlink()):
        return
    if target.is_dir() and not target.is_symlink():
        found = {path.name for path in target.iterdir()}
        if not members:
            raise BadInput(f"{target} is a folder.", remedy="Name a file.")
        if not found <= set(members):
            other = min(found - set(members))
            raise BadInput(
                f"{target} contains other files ({other}), so it is not replaced.", remedy="Name a new folder."
            )
        if not found:
            return
    elif members:
        raise BadInput(f"{target} is a file.", remedy="Name a new folder.")
    if not overwrite:
        raise BadInput(f"{target} exists already.", remedy="Choose another name, or use --force.")


def _put(part: Path, target: Path, old: Path) -> None:
    """Rename ``part`` to ``target``. A directory cannot be replaced in one step: it is moved to ``old`` first."""
    if not target.is_dir() or target.is_symlink():
        part.replace(target)
        return
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
