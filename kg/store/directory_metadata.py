"""Metadata of a data directory: base IRI, kind and identity of its store, in a small file next to the engine's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from kg.errors import StoreUnavailable
from kg.files import disk_space, durable_writes
from kg.iris import is_base
from kg.store import interrupted_restore_check

FILE = "claimgraph.json"
_ENGINE = Path("store", "CURRENT")
"""File of the engine without which it starts an empty store."""

_FORMAT = 1
"""Format of the file; it is written only from the second on."""


class DirectoryMetadata(TypedDict):
    """The content of the file.

    Attributes:
        base: base IRI of all generated IRIs.
        bare: whether it is a plain SPARQL 1.1 store.
        ready: whether a new store has received its initial content.
        id: random identifier of the dataset; empty in files of earlier versions, which had none.
    """

    base: str
    bare: bool
    ready: bool
    id: str


def read(file: Path) -> DirectoryMetadata:
    """Read the metadata file.

    Raises:
        StoreUnavailable: the file is missing, damaged, or not a metadata file.
    """
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        raise _damaged() from None
    if not isinstance(known, dict):
        raise _damaged()
    if known.get("format", _FORMAT) != _FORMAT:
        raise StoreUnavailable(
            f"{FILE} has a format that this version does not know.",
            remedy="Install the version that created the store, or a later one.",
        )
    # files of earlier versions have neither ready nor id
    base, bare, ready, identity = known.get("base"), known.get("bare"), known.get("ready", True), known.get("id", "")
    if not (isinstance(base, str) and is_base(base) and isinstance(identity, str) and identity.isprintable()):
        raise _damaged()
    if not (isinstance(bare, bool) and isinstance(ready, bool)):
        raise _damaged()
    return DirectoryMetadata(base=base, bare=bare, ready=ready, id=identity)


def _damaged() -> StoreUnavailable:
    return StoreUnavailable(
        f"{FILE} is damaged, or does not belong to a store.",
        remedy="Restore a backup, or choose another data directory.",
    )


def write(file: Path, known: DirectoryMetadata) -> None:
    """Write the metadata file atomically.

    Raises:
        StorageFull, StoreUnavailable: the disk refuses the write.
    """
    with disk_space.writing():
        durable_writes.write_whole(file, json.dumps(known).encode())


def check_files(directory: Path) -> None:
    """Check that the engine's files are there, if the metadata file is, which is written after them.

    The engine would start an empty store instead, and remove what is left of the old one.

    Raises:
        StoreUnavailable: they are gone.
    """
    if (directory / FILE).exists() and not (directory / _ENGINE).is_file():
        raise disk_space.damaged()


def make_directory(directory: Path) -> None:
    """Create a data directory (mode 0700) if it does not exist.

    Raises:
        StoreUnavailable: it cannot be created, a restore was interrupted there, or the files of its store are gone.
    """
    interrupted_restore_check.refuse(directory, directory / FILE, directory / _ENGINE)
    check_files(directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The data directory cannot be created: {error.strerror}.",
            remedy="Choose another with --data or KG_DATA_DIR.",
        ) from None


def check(known: DirectoryMetadata, base: str | None, *, bare: bool) -> None:
    """Check that a store has the requested kind and base IRI (``None`` accepts any).

    Raises:
        StoreUnavailable: the kind or the base differs.
    """
    if known["bare"] != bare:
        kind = "a bare SPARQL store" if known["bare"] else "a Claimgraph store"
        raise StoreUnavailable(
            f"This data directory holds {kind}.",
            remedy="Choose another data directory"
            + (" (open a bare store with `kg serve --bare`)." if known["bare"] else ", or omit --bare."),
        )
    if base is not None and base != known["base"] and not bare:
        raise StoreUnavailable(
            f"This store was created with the base IRI {known['base']}, not {base}.",
            remedy="Unset KG_BASE_IRI, or create a new store with the other base.",
        )
