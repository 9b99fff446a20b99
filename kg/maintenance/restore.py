"""`kg restore`: everything in a backup is checked before anything is put in place, and then it is put there whole."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.access.api_tokens import FILE as TOKENS
from kg.errors import BadInput, StoreInUse, StoreUnavailable
from kg.files import disk_space, temporary_files
from kg.maintenance.backup_archive import ArchiveReader, BackupSummary, Progress, unseen
from kg.rdf import oxigraph
from kg.reference import store_location
from kg.reference.reference_store import FILE as REFERENCE
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.interrupted_restore import BEFORE, left_over
from kg.store.snapshots import FOLDER as SNAPSHOTS

_OURS = (META, "store", SNAPSHOTS)
"""What a restored store replaces; anything else in the directory stays."""
_IF_RESTORED = (TOKENS, REFERENCE)
"""What it replaces if the backup holds it."""


def restore(file: Path, data: Path, *, replace: bool = False, progress: Progress = unseen) -> BackupSummary:
    """Make a data directory of a backup. The store gets a new identity, so that no answer of another passes for its.

    Args:
        file: the backup.
        data: a directory that is empty or not there, unless ``replace`` is given.
        replace: take the place of the store in ``data``, which is kept until the new one is in place.
        progress: is told of the bytes that are read.

    Raises:
        BadInput: ``file`` is no backup, or damaged; or ``data`` is not free.
        StoreUnavailable: a process holds the store in ``data``.
        StorageFull: there is no room.
    """
    data = data.absolute()
    _check_target(data, replace=replace)
    if not file.is_file():
        raise BadInput(f"{file} is not a file.", remedy="Name a file that `kg backup` has written.")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", remedy="Check the name.") from None
    with stream, disk_space.writing(f"The place of {data.name}"):
        reader = ArchiveReader(stream, file.name)
        inside = data.is_mount()  # which cannot be renamed
        data.parent.mkdir(parents=True, exist_ok=True)
        disk_space.require(data.parent, reader.size + disk_space.RESERVE)
        with temporary_files.directory(data if inside else data.parent, _staging(data)) as staged:
            (staged / "store").mkdir()
            reader.unpack(staged, progress)
            _verify(staged, reader.summary, file.name)
            _finish(staged, data)
            with _free(data / "store"):
                (_put_inside if inside else _put)(staged, data)
    return reader.summary


def _check_target(data: Path, *, replace: bool) -> None:
    left = left_over(data)
    if left:
        raise BadInput(
            f"{left} holds the store from before a restore that was interrupted.",
            remedy=f"If {data} lacks its store or {TOKENS}, move them back from there; then delete {left.name} and "
            "restore again.",
        )
    if not data.exists() and not data.is_symlink():
        return
    if not data.is_dir() or data.is_symlink():
        raise BadInput(f"{data} is not a directory.", remedy="Choose another with --data.")
    names = {path.name for path in data.iterdir() if not path.name.startswith(_staging(data))} - {"lost+found"}
    if names and not replace:
        raise BadInput(f"{data} is not empty.", remedy="Choose another with --data, or say --replace.")
    if names and names.isdisjoint(_OURS):
        raise BadInput(f"{data} holds something else than a store.", remedy="Choose another with --data.")
    with _free(data / "store"):
        return


def _staging(data: Path) -> str:
    return f".{data.name}.restore-"


def _verify(staged: Path, summary: BackupSummary, name: str) -> None:
    """Open what was unpacked, as the server would.

    Raises:
        BadInput: it is not what the manifest says.
    """
    remedy = "Use another backup."
    try:
        known = directory_metadata.read(staged / META)
        copy = oxigraph.open_snapshot(staged / "store")
    except StoreUnavailable:
        raise BadInput(f"{name} is damaged: the store in it cannot be opened.", remedy=remedy) from None
    if (staged / REFERENCE).exists():
        try:
            store_location.check(staged / REFERENCE)
        except StoreUnavailable as error:
            raise BadInput(f"{name} is damaged: {error.message}", remedy=remedy) from None
    found = (known["base"], known["bare"], len(copy), sum(1 for _ in copy.named_graphs()))
    if found != (summary.base, summary.bare, summary.quads, summary.graphs):
        raise BadInput(f"{name} is damaged: it does not hold what its manifest says.", remedy=remedy)


def _finish(staged: Path, data: Path) -> None:
    """Give the store its new identity, take over what the old directory has besides, and bring all onto the disk."""
    directory_metadata.write(staged / META, {**directory_metadata.read(staged / META), "id": secrets.token_hex(8)})
    others = [staged / name for name in _IF_RESTORED if (staged / name).exists()]
    for path in others:
        path.chmod(0o600)
    owner = data.stat() if data.exists() else None
    for path in [*others, *(staged / "store").iterdir(), staged / "store", staged / META, staged]:
        if owner and os.geteuid() == 0:  # as the administrator for the account that serves
            os.chown(path, owner.st_uid, owner.st_gid)
        disk_space.sync(path)


@contextmanager
def _free(store: Path) -> Iterator[None]:
    """Keep every other process away from a store while it is replaced.

    Raises:
        StoreInUse: a process holds it.
    """
    lock = store / "LOCK"
    if not lock.exists():
        yield
        return
    _try(store)
    with lock.open("r+b") as stream:  # the engine's own lock; the engine, once open, could touch the new files
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreInUse("A process has just opened the store.", remedy="Stop it, then restore again.") from None
        yield


def _try(store: Path) -> None:
    """Open the store and close it: only the engine knows whether this very process holds it."""
    try:
        oxigraph.open_store(store)
    except StoreInUse:
        raise
    except StoreUnavailable:  # it is damaged, so nobody holds it, and it may be replaced all the more
        return


def _replaced(staged: Path, data: Path) -> list[str]:
    """Name what has to make room: with a file of SQLite also those in which it keeps what is newest."""
    restored = [name for name in _IF_RESTORED if (staged / name).exists()]
    names = [*_OURS, *restored, *(f"{name}-{kind}" for name in restored for kind in ("wal", "shm"))]
    return [name for name in names if (data / name).exists()]


def _put(staged: Path, data: Path) -> None:
    """Swap two directories by renaming them, and keep what the old one has besides a store."""
    if not data.exists():
        staged.rename(data)
        disk_space.sync(data.parent)
        return
    before = Path(f"{data}{BEFORE}")
    ours = _replaced(staged, data)
    kept = [path.name for path in data.iterdir() if path.name not in ours]
    _rename([(data, before), (staged, data), *((before / name, data / name) for name in kept)])
    disk_space.sync(data.parent)
    shutil.rmtree(before, ignore_errors=True)


def _put_inside(staged: Path, data: Path) -> None:
    """Do the same with what lies in a mount point, which itself cannot be renamed."""
    before = data / BEFORE
    before.mkdir(mode=0o700)
    steps = [(data / name, before / name) for name in _replaced(staged, data)]
    try:
        _rename([*steps, *((path, data / path.name) for path in staged.iterdir())])
    except BaseException:
        before.rmdir()
        raise
    disk_space.sync(data)
    shutil.rmtree(before, ignore_errors=True)


def _rename(steps: list[tuple[Path, Path]]) -> None:
    """Rename one after the other; should one fail, those before it are taken back."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in steps:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise
