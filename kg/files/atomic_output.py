"""Files and folders that appear under their name only once they are whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.errors import BadInput
from kg.files import disk_space, temporary_files

_OLD = "old"


@contextmanager
def appearing(target: Path, *, overwrite: bool = False, members: Collection[str] = ()) -> Iterator[Path]:
    """Give a path to write a file or make a folder at; it gets the name ``target`` once the context ends well.

    Args:
        target: what it is to be called; an empty folder of that name may be there.
        overwrite: whether it may take the place of what is there.
        members: names of the files in the folder to be made. A folder that holds any other is never replaced.

    Raises:
        BadInput: something of that name is there, or nothing can be written there.
        StorageFull: there is no room.
    """
    _check(target, overwrite=overwrite, members=members)
    try:
        with temporary_files.directory(target.parent, f".{target.name}.part-") as place:
            part = place / f"new-{target.name}"  # it is made with the rights that new files get
            yield part
            for file in (*part.iterdir(), part) if part.is_dir() else (part,):
                disk_space.sync(file)
            _put(part, target, place / _OLD)
            disk_space.sync(target.parent)
    except OSError as error:
        if disk_space.is_full(error):
            raise disk_space.full() from None
        reason = error.strerror or "the system refuses"
        raise BadInput(f"{target} cannot be written: {reason}.", remedy="Choose another place.") from None


def _check(target: Path, *, overwrite: bool, members: Collection[str]) -> None:
    if not target.name or not target.parent.is_dir():
        raise BadInput(f"{target} cannot be written: it needs a directory that is there, and a name.")
    if not (target.exists() or target.is_symlink()):
        return
    if target.is_dir() and not target.is_symlink():
        found = {path.name for path in target.iterdir()}
        if not members:
            raise BadInput(f"{target} is a folder.", remedy="Name a file.")
        if not found <= set(members):
            other = min(found - set(members))
            raise BadInput(
                f"{target} holds other things ({other}), so it is not replaced.", remedy="Name a new folder."
            )
        if not found:
            return
    elif members:
        raise BadInput(f"{target} is a file.", remedy="Name a new folder.")
    if not overwrite:
        raise BadInput(f"{target} is there already.", remedy="Choose another name, or say --force.")


def _put(part: Path, target: Path, old: Path) -> None:
    if not target.is_dir() or target.is_symlink():
        part.replace(target)
        return
    target.rename(old)
    try:
        part.rename(target)
    except OSError:
        old.rename(target)
        raise
