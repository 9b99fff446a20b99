"""Backup of a whole store into one file (``kg backup``), from a data directory or from a running server.

If no process has the store open, it is opened for a checkpoint. If a server has it open, the newest snapshot of the
server is copied, which contains every acknowledged write. Both copies consist of hard links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kg import __version__
from kg.access.api_tokens import FILE as TOKENS
from kg.errors import BadInput, NotFound, StoreInUse, StoreUnavailable
from kg.files import disk_space, durable_writes, temporary_files
from kg.http_client.pinned_connection import IncomingResponse
from kg.http_client.running_server_get_client import RunningServer
from kg.maintenance.backup_archive import ArchiveReader, BackupArchive, BackupSummary, Progress, no_progress
from kg.rdf import oxigraph
from kg.reference import reference_lookup_and_backup
from kg.reference.reference_store import FILE as REFERENCE
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.snapshots import FOLDER as SNAPSHOTS

FOLDER = "backups"
"""Folder of the data directory for checkpoints in progress."""
_SCRATCH = ".tmp-"
_TRIES = 100
_EXCLUDED = ("LOCK", "LOG")
"""Prefixes of the names of engine files without data."""


@contextmanager
def checkpoint(data: Path) -> Iterator[Path]:
    """Yield a temporary directory with an immutable copy of the engine's files in its folder ``store``.

    Raises:
        NotFound: the data directory has no store.
        StoreUnavailable: a process without snapshots has the store open, its files are gone, or it cannot be opened.
        StorageFull: the disk has no space for the hard links.
    """
    if not (data / META).is_file():
        raise NotFound(f"There is no store in {data}.", remedy="Name its directory with --data or KG_DATA_DIR.")
    directory_metadata.check_files(data)
    with ExitStack() as stack:
        with disk_space.writing():
            (data / FOLDER).mkdir(mode=0o700, exist_ok=True)
            place = stack.enter_context(temporary_files.directory(data / FOLDER, _SCRATCH))
        try:
            oxigraph.checkpoint(oxigraph.open_store(data / "store"), place / "store")
        except StoreInUse as error:
            with disk_space.writing():
                linked = _link_newest(data, place / "store")
            if not linked:
                raise error from None
        yield place


def _link_newest(data: Path, target: Path) -> bool:
    """Link the files of the newest snapshot; return whether there is one.

    The server removes a snapshot only when there is a newer one. The links are therefore complete if the snapshot is
    still the newest after linking; otherwise the next one is tried.
    """
    for _ in range(_TRIES):
        number = newest_snapshot_number(data)
        if number is None:
            return False
        target.mkdir()
        try:
            for path in (data / SNAPSHOTS / str(number)).iterdir():
                os.link(path, target / path.name)
        except FileNotFoundError:
            number = None
        if number is not None and number == newest_snapshot_number(data):
            return True
        shutil.rmtree(target)
    raise StoreUnavailable("The server replaces its snapshots too fast to copy one.", remedy="Try again, or use --url.")


def newest_snapshot_number(data: Path) -> int | None:
    """Return the number of the newest snapshot of a data directory; ``None`` if it has none."""
    folder = data / SNAPSHOTS
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=None)


@contextmanager
def prepared(data: Path, *, tokens: bool = True, progress: Progress = no_progress) -> Iterator[BackupArchive]:
    """Yield a backup of a data directory, which can be written within the context.

    Args:
        data: the data directory; another process, or this one, may have the store open.
        tokens: whether to include the hashes of tokens.
        progress: called with the bytes read.

    Raises:
        NotFound, StoreUnavailable, StorageFull: see :func:`checkpoint`.
    """
    with checkpoint(data) as place:
        with disk_space.writing():
            for name in (META, TOKENS) if tokens and (data / TOKENS).exists() else (META,):
                shutil.copyfile(data / name, place / name)  # copied, as they may change while the archive is written
        reference_lookup_and_backup.copy(data, place / REFERENCE)
        files = {path.name: path for path in sorted(place.iterdir()) if path.is_file()}
        included = (path for path in sorted((place / "store").iterdir()) if not path.name.startswith(_EXCLUDED))
        files |= {f"store/{path.name}": path for path in included}
        yield BackupArchive(_summary(place), files, progress)


def _summary(place: Path) -> BackupSummary:
    known = directory_metadata.read(place / META)
    copy = oxigraph.open_snapshot(place / "store")
    return BackupSummary(
        store=known["id"],
        base=known["base"],
        bare=known["bare"],
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        quads=oxigraph.size(copy),
        graphs=oxigraph.graph_count(copy),
    )


@contextmanager
def _atomic_file(file: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path, whose file is synced to the disk and renamed to ``file`` if the context ends well.

    Raises:
        BadInput: ``file`` exists already, or its directory does not exist.
    """
    if not file.parent.is_dir() or file.is_dir():
        raise BadInput(
            f"{file} cannot be written: it is a directory, or its directory does not exist.",
            remedy="Name a file in an existing directory.",
        )
    if file.exists() and not overwrite:
        raise BadInput(f"{file} already exists.", remedy="Choose another name, or use --overwrite.")
    with (
        disk_space.writing(str(file)),
        temporary_files.file(file.parent, f".{file.name}.part-") as part,
    ):
        yield part
        durable_writes.sync(part)
        part.replace(file)
        durable_writes.sync(file.parent)


def backup(
    data: Path, file: Path, *, tokens: bool = True, overwrite: bool = False, progress: Progress = no_progress
) -> int:
    """Write a backup of a data directory, which a server may be using, and return its size in bytes.

    ``tokens`` includes the hashes of tokens; ``progress`` receives the bytes read.

    Raises:
        NotFound: the data directory has no store.
        StoreUnavailable: the store cannot be opened or copied.
        StorageFull: the disk has no space for the backup.
        BadInput: ``file`` cannot be written.
    """
    with _atomic_file(file, overwrite=overwrite) as part, prepared(data, tokens=tokens, progress=progress) as archive:
        disk_space.require(file.parent, archive.size)
        with part.open("wb") as out:
            for block in archive.blocks():
                out.write(block)
        return archive.size


# ---- from a server


@dataclass(frozen=True)
class BackupServer:
    """A server to download a backup from.

    Attributes:
        url: its base URL.
        token: a token of scope admin; ``None`` for a server without tokens.
        tokens: whether to include the hashes of tokens.
    """

    url: str
    token: str | None
    tokens: bool = True


def download(
    source: BackupServer, file: Path, *, overwrite: bool = False, progress: Progress = no_progress
) -> BackupSummary:
    """Download a backup from a running server, check every byte of it, and return its summary.

    ``progress`` receives the bytes read.

    Raises:
        Forbidden: the token is not sufficient.
        StoreUnavailable: no server responds, or it does not send a backup.
        BadInput: the backup is damaged, the URL is malformed, or ``file`` cannot be written.
    """
    server = RunningServer(source.url, source.token)
    path = "/admin/backup" if source.tokens else "/admin/backup?tokens=false"
    with _atomic_file(file, overwrite=overwrite) as part:
        with server.get(path) as response:
            _receive(response, part, progress)
        with part.open("rb") as stream:
            reader = ArchiveReader(stream, "The download")
            reader.unpack(None)
    return reader.summary


def _receive(response: IncomingResponse, part: Path, progress: Progress) -> None:
    total = response.length or 0
    if total:
        disk_space.require(part.parent, total)
    with part.open("wb") as out:
        for chunk in response.chunks():
            out.write(chunk)
            progress(len(chunk), total)
