"""What a data directory says of itself: its base IRI, its kind, its identity, in a small file beside the engine's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from kg.errors import StoreUnavailable
from kg.files import disk_space
from kg.store import interrupted_restore

FILE = "claimgraph.json"


class DirectoryMetadata(TypedDict):
    """The content of the file.

    Attributes:
        base: base IRI of everything that is minted.
        bare: whether it is a plain SPARQL 1.1 store.
        ready: whether a new store has got what it is to start with.
        id: a random text that tells this dataset from every other; empty in a file from before there was one.
    """

    base: str
    bare: bool
    ready: bool
    id: str


def read(file: Path) -> DirectoryMetadata:
    """Read the file.

    Raises:
        StoreUnavailable: it is damaged, or something else.
    """
    try:
        known = json.loads(file.read_text("utf-8"))
        return DirectoryMetadata(
            base=str(known["base"]),
            bare=bool(known["bare"]),
            ready=bool(known.get("ready", True)),
            id=str(known.get("id", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise StoreUnavailable(
            f"{FILE} is damaged, or is not of a store.", remedy="Restore a backup, or choose another data directory."
        ) from None


def write(file: Path, known: DirectoryMetadata) -> None:
    """Write the file, whole or not at all.

    Raises:
        StorageFull, StoreUnavailable: the disk does not take it.
    """
    with disk_space.writing():
        disk_space.write_whole(file, json.dumps(known).encode())


def make_directory(directory: Path) -> None:
    """Make a data directory, for its owner alone, unless it is there.

    Raises:
        StoreUnavailable: that cannot be done, or a restore was interrupted there.
    """
    interrupted_restore.refuse(directory, directory / FILE, directory / "store" / "CURRENT")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The data directory cannot be made: {error.strerror}.", remedy="Choose another with --data or KG_DATA_DIR."
        ) from None


def check(known: DirectoryMetadata, base: str | None, *, bare: bool) -> None:
    """Compare what a store is with what is asked for.

    Raises:
        StoreUnavailable: it is of the other kind, or has another base.
    """
    if known["bare"] != bare:
        kind = "a bare SPARQL store" if known["bare"] else "a Claimgraph store"
        raise StoreUnavailable(
            f"This data directory holds {kind}.",
            remedy="Choose another data directory"
            + (" (a bare store is for `kg serve --bare`)." if known["bare"] else ", or leave --bare out."),
        )
    if base is not None and base != known["base"] and not bare:
        raise StoreUnavailable(
            f"This store was made with the base IRI {known['base']}, not {base}.",
            remedy="Unset KG_BASE_IRI, or make a new store with the other base.",
        )
