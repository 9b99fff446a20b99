"""A SQLite file that many threads read, each by a connection of its own, and one writes, in whole transactions.

The one door to sqlite3.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kg.errors import StoreInUse, StoreUnavailable
from kg.files import disk_space

_CACHE = {False: -64_000, True: -256_000}  # KiB, for readers and for the one that writes
_WAIT = 5  # seconds for another who writes
_UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)

Connection = sqlite3.Connection


class SqliteDatabase:
    """The file, or one in memory if there is no path."""

    def __init__(self, path: Path | None, *, writable: bool) -> None:
        self._path = path
        self.writable = writable
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._shared = self._connect() if path is None else None  # SQLite itself serialises what threads do with it

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _connect(self) -> sqlite3.Connection:
        mode = "rwc" if self.writable else "ro"
        name = ":memory:" if self._path is None else f"{self._path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=_WAIT)
        self._opened.append(connection)
        connection.execute(f"PRAGMA cache_size = {_CACHE[self.writable]}")
        return connection

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._shared is not None:
            return self._shared
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
        return found

    def rows(self, statement: str, values: Collection[Any] = ()) -> list[Any]:
        """Run a statement and give what it finds.

        Raises:
            StorageFull, StoreInUse, StoreUnavailable: as the system has it.
        """
        with _guarded(self._path):
            return self._connection.execute(statement, tuple(values)).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Make all that is done one transaction, which an error or Ctrl-C takes back whole.

        Raises:
            StorageFull, StoreInUse, StoreUnavailable: as the system has it.
        """
        with _guarded(self._path):
            db = self._connection
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise


@contextmanager
def _guarded(path: Path | None) -> Iterator[None]:
    """Turn what SQLite says into errors of ours.

    Raises:
        StorageFull, StoreInUse, StoreUnavailable: see there.
    """
    name = "The database" if path is None else path.name
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise disk_space.full() from None
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreInUse(f"Another process is writing {name}.", remedy="Try again when it has finished.") from None
        if code in _UNREADABLE:
            raise StoreUnavailable(
                f"{name} cannot be read as a database.",
                remedy="Check the rights on it; if it is damaged, remove it and make it again.",
            ) from None
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            raise StoreUnavailable(f"{name} cannot be written.", remedy="Check the rights on it.") from None
        raise
