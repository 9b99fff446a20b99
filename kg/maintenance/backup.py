"""`kg backup`: a whole store in one file, from a data directory that is in use or is not, or from a server.

A store that nobody holds is opened for as long as a checkpoint takes. One that a server holds is taken from the
server's newest snapshot, which holds every write that was acknowledged. Either way the copy is of hard links.
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
from kg.files import disk_space, temporary_files
from kg.http_client.backup_download import RunningServer
from kg.http_client.pinned_connection import IncomingResponse
from kg.maintenance.backup_archive import ArchiveReader, BackupArchive, BackupSummary, Progress, unseen
from kg.rdf import oxigraph
from kg.reference import store_location
from kg.reference.reference_store import FILE as REFERENCE
from kg.store import directory_metadata
from kg.store.directory_metadata import FILE as META
from kg.store.snapshots import FOLDER as SNAPSHOTS

FOLDER = "backups"
_SCRATCH = ".tmp-"
_TRIES = 100
_NOT_KEPT = ("LOCK", "LOG")
"""Files of the engine that say nothing of the data."""


@contextmanager
def checkpoint(data: Path) -> Iterator[Path]:
    """Give a directory with an immutable copy of the engine's files (``store``); it is removed afterwards.

    Raises:
        NotFound: there is no store.
        StoreUnavailable: a process that takes no snapshots holds it, or it cannot be opened.
        StorageFull: there is no room for the names of its files.
    """
    if not (data / META).is_file() or not (data / "store" / "CURRENT").is_file():
        raise NotFound(f"There is no store in {data}.", remedy="Name its directory with --data or KG_DATA_DIR.")
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
    """Link the newest snapshot's files; tell whether there is one.

    A snapshot is removed only once there is a newer one. So what was linked is whole if it still is the newest.
    """
    for _ in range(_TRIES):
        number = newest(data)
        if number is None:
            return False
        target.mkdir()
        try:
            for path in (data / SNAPSHOTS / str(number)).iterdir():
                os.link(path, target / path.name)
        except FileNotFoundError:
            number = None
        if number is not None and number == newest(data):
            return True
        shutil.rmtree(target)
    raise StoreUnavailable("The server replaces its snapshots too fast.", remedy="Try again, or use --url.")


def newest(data: Path) -> int | None:
    """Tell the number of the newest snapshot of a data directory."""
    folder = data / SNAPSHOTS
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return max((int(name) for name in names if name.isdecimal()), default=None)


@contextmanager
def prepared(data: Path, *, tokens: bool = True, progress: Progress = unseen) -> Iterator[BackupArchive]:
    """Give a backup of a data directory, ready to be written while the context lasts.

    Args:
        data: the data directory; another process, or this one, may be serving it.
        tokens: whether to take the hashes of tokens along.
        progress: is told of the bytes that are read.

    Raises:
        NotFound, StoreUnavailable: see :func:`checkpoint`.
    """
    with checkpoint(data) as place:
        with disk_space.writing():
            for name in (META, TOKENS) if tokens and (data / TOKENS).exists() else (META,):
                shutil.copyfile(data / name, place / name)  # these may change while the archive is written
        store_location.copy(data, place / REFERENCE)
        files = {path.name: path for path in sorted(place.iterdir()) if path.is_file()}
        kept = (path for path in sorted((place / "store").iterdir()) if not path.name.startswith(_NOT_KEPT))
        files |= {f"store/{path.name}": path for path in kept}
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
        quads=len(copy),
        graphs=sum(1 for _ in copy.named_graphs()),
    )


@contextmanager
def appearing(file: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a file to write to, which gets the name ``file`` once the context ends well, whole and on the disk.

    Raises:
        BadInput: there is a file of that name, or no directory for it.
    """
    if not file.parent.is_dir() or file.is_dir():
        raise BadInput(f"{file} cannot be written: it needs a directory that is there, and a name.")
    if file.exists() and not overwrite:
        raise BadInput(f"{file} is there already.", remedy="Choose another name, or say --overwrite.")
    with disk_space.writing(str(file)), temporary_files.file(file.parent, f".{file.name}.part-") as part:
        yield part
        disk_space.sync(part)
        part.replace(file)
        disk_space.sync(file.parent)


def backup(data: Path, file: Path, *, tokens: bool = True, overwrite: bool = False, progress: Progress = unseen) -> int:
    """Write a backup of a data directory, and tell its size in bytes.

    Raises:
        NotFound, StoreUnavailable: there is no store to be had.
        StorageFull: it has no room.
        BadInput: ``file`` cannot be made.
    """
    with appearing(file, overwrite=overwrite) as part, prepared(data, tokens=tokens, progress=progress) as archive:
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
        token: one of scope admin.
        tokens: whether to include the hashes of tokens.
    """

    url: str
    token: str | None
    tokens: bool = True


def download(
    source: BackupServer, file: Path, *, overwrite: bool = False, progress: Progress = unseen
) -> BackupSummary:
    """Download a backup from a running server, check every byte of it, and return its summary.

    Args:
        source: the server.
        file: path of the backup file.
        overwrite: whether an existing file may be replaced.
        progress: called with the bytes received.

    Raises:
        Forbidden: the token is not sufficient.
        StoreUnavailable: no server answers, or it does not send a backup.
        BadInput: the backup is damaged, the URL is malformed, or ``file`` cannot be written.
    """
    server = RunningServer(source.url, source.token)
    path = "/admin/backup" if source.tokens else "/admin/backup?tokens=false"
    with appearing(file, overwrite=overwrite) as part:
        with server.get(path) as response:
            _receive(response, part, progress)
        with part.open("rb") as stream:
            reader = ArchiveReader(stream, "What the server sent")
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
