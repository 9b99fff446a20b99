"""Restore of a backup (``kg restore``): it is checked completely, then put in place by renaming.

If the backup is damaged, or a step fails, the data directory stays as it was.
"""

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
from kg.files import disk_space, durable_writes, temporary_files
from kg.maintenance.backup_archive import ArchiveReader, BackupSummary, Progress, no_progress
from kg.rdf import oxigraph
from kg.reference import reference_lookup_and_backup
from kg.reference.reference_store import FILE as REFERENCE
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.interrupted_restore_check import BEFORE, left_over
from kg.store.snapshots import FOLDER as SNAPSHOTS

_REPLACED = (META, "store", SNAPSHOTS)
"""Names in the data directory that a restore always replaces; other files stay."""
_REPLACED_IF_INCLUDED = (TOKENS, REFERENCE)
"""Names that it replaces only if the backup includes them."""


def restore(file: Path, data: Path, *, replace: bool = False, progress: Progress = no_progress) -> BackupSummary:
    """Create a data directory from a backup and return the summary of the store.

    The store gets a new identity, so that entity tags of the old one do not match its responses.

    Args:
        file: the backup.
        data: the data directory; without ``replace`` it must be empty or not exist.
        replace: whether to replace the store in ``data``, which is deleted once the new one is in place.
        progress: called with the bytes read.

    Raises:
        BadInput: ``file`` is not a backup or is damaged, or ``data`` is not empty.
        StoreUnavailable: a process has the store in ``data`` open.
        StorageFull: the disk has no space.
    """
    data = data.absolute()
    _check_target(data, replace=replace)
    if not file.is_file():
        raise BadInput(f"{file} is not a file.", remedy="Name a file that `kg backup` has written.")
    try:
        stream = file.open("rb")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.", remedy="Check the name and the rights.") from None
    with stream, disk_space.writing(f"The directory of {data.name}"):
        reader = ArchiveReader(stream, file.name)
        inside = data.is_mount()  # a mount point cannot be renamed, so its content is replaced
        data.parent.mkdir(parents=True, exist_ok=True)
        disk_space.require(data.parent, reader.size + disk_space.RESERVE)
        with temporary_files.directory(data if inside else data.parent, _staging(data)) as staged:
            (staged / "store").mkdir()
            reader.unpack(staged, progress)
            _verify(staged, reader.summary, file.name)
            _compact(staged / "store")
            _finish(staged, data)
            with _locked(data / "store"):
                (_replace_content if inside else _replace_directory)(staged, data)
    return reader.summary


def _check_target(data: Path, *, replace: bool) -> None:
    left = left_over(data)
    if left:
        raise BadInput(
            f"A restore was interrupted: {left} contains the previous store.",
            remedy=f"If {data} lacks its store or {TOKENS}, move them back from {left.name}; then delete {left.name} "
            "and restore again.",
        )
    if not data.exists() and not data.is_symlink():
        return
    if not data.is_dir() or data.is_symlink():
        raise BadInput(f"{data} is not a directory.", remedy="Choose another with --data.")
    names = {path.name for path in data.iterdir() if not path.name.startswith(_staging(data))} - {"lost+found"}
    if names and not replace:
        raise BadInput(f"{data} is not empty.", remedy="Choose another with --data, or use --replace.")
    if names and names.isdisjoint(_REPLACED):
        raise BadInput(f"{data} contains files but not a store.", remedy="Choose another with --data.")
    with _locked(data / "store"):
        return


def _staging(data: Path) -> str:
    return f".{data.name}.restore-"


def _verify(staged: Path, summary: BackupSummary, name: str) -> None:
    """Open the unpacked store as the server would, and compare it with the summary.

    Raises:
        BadInput: the store cannot be opened, or does not match the summary.
    """
    remedy = "Use another backup."
    try:
        known = directory_metadata.read(staged / META)
        copy = oxigraph.open_snapshot(staged / "store")
        found = (known["base"], known["bare"], oxigraph.size(copy), oxigraph.graph_count(copy))
    except StoreUnavailable:
        raise BadInput(f"{name} is damaged: the store in it cannot be opened.", remedy=remedy) from None
    if (staged / REFERENCE).exists():
        try:
            reference_lookup_and_backup.check(staged / REFERENCE)
        except StoreUnavailable as error:
            raise BadInput(f"{name} is damaged: {error.message}", remedy=remedy) from None
    if found != (summary.base, summary.bare, summary.quads, summary.graphs):
        raise BadInput(f"{name} is damaged: its store does not match its manifest.", remedy=remedy)


def _compact(store: Path) -> None:
    """Merge the files of the restored store, which a backup copies as they are, if the disk has room for both."""
    size = sum(path.stat().st_size for path in store.iterdir())
    if disk_space.free(store) > size + disk_space.RESERVE:
        oxigraph.compact(oxigraph.open_store(store))


def _finish(staged: Path, data: Path) -> None:
    """Write the new identity, set owner and modes of the files, and sync everything to the disk."""
    directory_metadata.write(staged / META, {**directory_metadata.read(staged / META), "id": secrets.token_hex(8)})
    others = [staged / name for name in _REPLACED_IF_INCLUDED if (staged / name).exists()]
    for path in others:
        path.chmod(0o600)
    owner = data.stat() if data.exists() else None
    for path in [*others, *(staged / "store").iterdir(), staged / "store", staged / META, staged]:
        if owner and os.geteuid() == 0:  # root restores for the account that serves
            os.chown(path, owner.st_uid, owner.st_gid)
        durable_writes.sync(path)


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Lock a store against other processes while it is replaced.

    Raises:
        StoreInUse: a process has the store open.
    """
    lock = store / "LOCK"
    if not lock.exists():
        yield
        return
    _check_not_open(store)
    # The lock of the engine is taken directly: an engine that is open could write to the new files.
    with lock.open("r+b") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreInUse("A process has just opened the store.", remedy="Stop it, then restore again.") from None
        yield


def _check_not_open(store: Path) -> None:
    """Open the store and close it: only the engine can detect that this process itself has it open.

    Raises:
        StoreInUse: a process has the store open.
    """
    try:
        oxigraph.open_store(store)
    except StoreInUse:
        raise
    except StoreUnavailable:  # a damaged store cannot be open, and may be replaced
        return


def _names_to_replace(staged: Path, data: Path) -> list[str]:
    """Return the names in the data directory to be replaced; for a SQLite file, also its log files (-wal, -shm)."""
    restored = [name for name in _REPLACED_IF_INCLUDED if (staged / name).exists()]
    names = [*_REPLACED, *restored, *(f"{name}-{kind}" for name in restored for kind in ("wal", "shm"))]
    return [name for name in names if (data / name).exists()]


def _replace_directory(staged: Path, data: Path) -> None:
    """Replace the data directory by renaming, and move its other files into the new one."""
    if not data.exists():
        staged.rename(data)
        durable_writes.sync(data.parent)
        return
    # A process that is killed between these steps leaves ``before``, by which the next start detects it.
    before = Path(f"{data}{BEFORE}")
    replaced = _names_to_replace(staged, data)
    others = [path.name for path in data.iterdir() if path.name not in replaced]
    _rename_all([(data, before), (staged, data), *((before / name, data / name) for name in others)])
    durable_writes.sync(data.parent)
    shutil.rmtree(before, ignore_errors=True)


def _replace_content(staged: Path, data: Path) -> None:
    """Replace the content of a data directory that is a mount point, which cannot be renamed itself."""
    before = data / BEFORE
    before.mkdir(mode=0o700)
    steps = [(data / name, before / name) for name in _names_to_replace(staged, data)]
    try:
        _rename_all([*steps, *((path, data / path.name) for path in staged.iterdir())])
    except BaseException:
        before.rmdir()
        raise
    durable_writes.sync(data)
    shutil.rmtree(before, ignore_errors=True)


def _rename_all(steps: list[tuple[Path, Path]]) -> None:
    """Rename files one after another; if one step fails, undo the steps before it."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in steps:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise
