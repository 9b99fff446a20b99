"""The reference store that lies beside a graph: looked into, copied for a backup, and checked after a restore."""

from __future__ import annotations

from pathlib import Path

from kg.errors import StoreUnavailable
from kg.files import disk_space
from kg.reference.records import Lookup, Record
from kg.reference.reference_store import FILE, ReferenceStore


def records(data: Path | None) -> Lookup:
    """Give what looks records up in the reference store of a data directory, if there is one; each time anew."""

    def find(dataset: str, identifier: str) -> Record | None:
        if data is None or not (data / FILE).exists():
            return None
        with ReferenceStore.open(data / FILE) as reference:
            return reference.get(dataset, identifier)

    return find


def copy(data: Path, target: Path) -> None:
    """Copy the reference store of a data directory, if there is one, as it is between two imports.

    Raises:
        StorageFull: the copy has no room.
        StoreUnavailable: it cannot be read.
    """
    if (data / FILE).exists():
        disk_space.require(target.parent, (data / FILE).stat().st_size + disk_space.RESERVE)
        with ReferenceStore.open(data / FILE) as reference:
            reference.copy(target)


def check(file: Path) -> None:
    """Read a whole reference store.

    Raises:
        StoreUnavailable: it is damaged.
    """
    with ReferenceStore.open(file) as reference:
        fault = reference.fault()
    if fault:
        raise StoreUnavailable(f"{FILE} is damaged: {fault}.", remedy="Restore a backup, or add the packs again.")
