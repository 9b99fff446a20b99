"""Reference store in the data directory of a graph: lookup, copy for a backup, and check after a restore."""

from __future__ import annotations

from pathlib import Path

from kg.errors import StoreUnavailable
from kg.files import disk_space
from kg.reference.records import Lookup, Record
from kg.reference.reference_store import FILE, ReferenceStore


def records(data: Path | None) -> Lookup:
    """Return a function that looks up records in the reference store of a data directory.

    It opens the file for each lookup, so it sees later imports, and returns ``None`` while there is no reference store.
    """

    def find(dataset: str, identifier: str) -> Record | None:
        if data is None or not (data / FILE).exists():
            return None
        with ReferenceStore.open(data / FILE) as reference:
            return reference.get(dataset, identifier)

    return find


def copy(data: Path, target: Path) -> None:
    """Write a consistent copy of the reference store of a data directory, if there is one.

    Raises:
        StorageFull: there is not enough space for the copy.
        StoreUnavailable: the store cannot be read.
    """
    if (data / FILE).exists():
        disk_space.require(target.parent, (data / FILE).stat().st_size + disk_space.RESERVE)
        with ReferenceStore.open(data / FILE) as reference:
            reference.copy(target)


def check(file: Path) -> None:
    """Check a whole reference store for damage.

    Raises:
        StoreUnavailable: it is damaged.
    """
    with ReferenceStore.open(file) as reference:
        fault = reference.fault()
    if fault:
        raise StoreUnavailable(
            f"{FILE} is damaged: {fault}.", remedy="Restore a backup, or remove the file and add the packs again."
        )
