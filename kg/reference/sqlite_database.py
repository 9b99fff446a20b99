"""SQLite database with one connection for each reading thread and exclusive write transactions.

No other module imports ``sqlite3``.
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

_CACHE = {False: -64_000, True: -256_000}  # by writable; negative numbers are KiB in `PRAGMA cache_size`
_WAIT = 5  # seconds to wait for another writer
_UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)

Connection = sqlite3.Connection


class SqliteDatabase:
    """A SQLite database in a file, or in memory without a path.

    Attributes:
        writable: whether it is open for writing.
    """

    def __init__(self, path: Path | None, *, writable: bool) -> None:
        self._path = path
        self.writable = writable
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._shared = self._connect() if path is None else None  # shared by all threads; SQLite serialises their calls

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
        """Execute a statement and return its rows.

        Raises:
            StorageFull, StoreInUse, StoreUnavailable: SQLite reports that condition.
        """
        with _guarded(self._path):
            return self._connection.execute(statement, tuple(values)).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run a block as one transaction, which any exception rolls back, Ctrl-C included.

        Raises:
            StorageFull, StoreInUse, StoreUnavailable: SQLite reports that condition.
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
    """Translate errors of SQLite into subclasses of ``ClaimgraphError``; unknown ones pass unchanged.

    Raises:
        StorageFull: the disk is full.
        StoreInUse: another process holds the write lock.
        StoreUnavailable: the file is not a readable database, or not writable.
    """
    name = "The database" if path is None else path.name
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise disk_space.full() from None
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreInUse(
                f"Another process is writing to {name}.", remedy="Try again when it has finished."
            ) from None
        if code in _UNREADABLE:
            raise StoreUnavailable(
                f"{name} cannot be read as a database.",
                remedy="Check its permissions; if it is damaged, remove it and create it again.",
            ) from None
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            raise StoreUnavailable(f"{name} cannot be written.", remedy="Check its permissions.") from None
        raise
