"""Reference store: records of all packs in one SQLite file, found by identifier, exact name or similar name.

A spelling (:func:`kg.reference.transliteration_to_latin.latin`) is stored once for each kind of thing, even if many
records share it; a full-text index of trigrams for each kind points to spellings. Results are plain values. Any number
of threads may read, each over its own connection.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rapidfuzz import fuzz, process

from kg.errors import BadInput, NotFound, StoreUnavailable
from kg.files import disk_space
from kg.reference import sqlite_tables_and_pack_changes
from kg.reference.import_report import ImportReport, ImportTally, grouped
from kg.reference.name_keys_and_trigrams import key, trigrams
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName, RecordRole
from kg.reference.sqlite_database import Connection, SqliteDatabase
from kg.reference.sqlite_tables_and_pack_changes import CODES
from kg.reference.transliteration_to_latin import latin

FILE = "reference.sqlite"
"""File name in the data directory."""

LATIN = 0.98
"""Similarity of names that are equal in Latin letters, but not by key."""

RARE, POSTINGS = 5, 20_000
"""Maximum number of trigrams of a name to look up, the rarest first, and of spellings that they may yield."""

MANY, MANY_POSTINGS, COMPARED = 8, 120_000, 5_000
"""Limits if they would yield more: trigrams to look up, spellings that contain them, and spellings to compare.

At ten million names this has a recall of 0.853. In a trial before, 120,000 had a recall of 0.863, and 60,000 one of
0.745 in half the time.
"""

_CHUNK = 2_000

Progress = Callable[[int], None]
"""Callback with the number of further records that have been read."""


@dataclass(frozen=True, slots=True)
class LookupHit:
    """A record whose name matches a search.

    Attributes:
        record: the record.
        name: the name that matched.
        similarity: 0 to 1; 1 if the keys are equal, :data:`LATIN` if only their Latin letters are.
        pack: the pack of the record, as ``name@version``.
    """

    record: Record
    name: RecordName
    similarity: float
    pack: str


class ReferenceStore:
    """All reference packs of a data directory. Use it as a context manager, or close it."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._rows = database.rows
        self._stored = lru_cache(maxsize=20_000)(self._load)  # safe, as SQLite never reuses a row id (AUTOINCREMENT)

    @classmethod
    def open(cls, path: Path, writable: bool = False) -> Self:
        """Open the file of a reference store; create it if it is missing and ``writable`` is set.

        Raises:
            NotFound: the file is missing and not ``writable``.
            StoreUnavailable: it is not a reference store that this version can read.
        """
        if not writable and not path.exists():
            raise NotFound("There is no reference data yet.", remedy="Run `kg reference build`, or `kg reference add`.")
        if writable:
            with disk_space.writing():
                path.parent.mkdir(parents=True, exist_ok=True)
        opened = cls(SqliteDatabase(path, writable=writable))
        opened._prepare()
        return opened

    @classmethod
    def in_memory(cls) -> Self:
        """Return an empty store that is never written to disk."""
        opened = cls(SqliteDatabase(None, writable=True))
        opened._prepare()
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        self._database.close()

    def _prepare(self) -> None:
        try:
            ((version,),) = self._rows("PRAGMA user_version")
            if version == 0 and self._database.writable and not self._rows("SELECT * FROM sqlite_schema LIMIT 1"):
                self._rows("PRAGMA journal_mode = WAL")  # does not block readers during an import
                with self._database.writing() as db:
                    for statement in sqlite_tables_and_pack_changes.SCHEMA:
                        db.execute(statement)
            elif version != sqlite_tables_and_pack_changes.VERSION:
                raise StoreUnavailable(
                    f"{FILE} is not a reference store that this version can read.",
                    remedy="Remove the file, then run `kg reference build` and add your packs again.",
                )
        except BaseException:
            self.close()
            raise

    def copy(self, target: Path) -> None:
        """Write a consistent copy to a new file, even during an import."""
        self._rows("VACUUM INTO ?", (str(target),))

    def fault(self) -> str:
        """Read the whole file and return the first damage that SQLite reports; empty if there is none."""
        found = [str(line) for (line,) in self._rows("PRAGMA quick_check(1)")]
        return "" if found == ["ok"] else found[0]

    def packs(self) -> list[PackMetadata]:
        """Return the metadata of all packs, sorted by name."""
        rows = self._rows("SELECT body FROM pack ORDER BY name")
        return [ImportReport.from_json(json.loads(body)).pack for (body,) in rows]

    def reports(self) -> list[ImportReport]:
        """Return the reports of all packs, with current flags: these also depend on the other packs."""
        return [self._reported(*row) for row in self._rows("SELECT id, body FROM pack ORDER BY name")]

    def report(self, name: str) -> ImportReport:
        """Return the report of one pack, with current flags.

        Raises:
            NotFound: no pack has that name.
        """
        rows = self._rows("SELECT id, body FROM pack WHERE name = ?", [name])
        if not rows:
            raise _missing(name)
        return self._reported(*rows[0])

    def _reported(self, identity: int, body: str) -> ImportReport:
        found = "SELECT flag, detail FROM flag JOIN record ON id = record WHERE record.pack = ? ORDER BY flag, record"
        groups = grouped(self._rows(found, [identity]))
        flags = {flag: number for flag, (number, _) in groups.items()}
        examples = {flag: lines for flag, (_, lines) in groups.items()}
        return replace(ImportReport.from_json(json.loads(body)), flags=flags, examples=examples)

    def equivalents(self, dataset: str, other: str) -> dict[str, str]:
        """Map identifiers of ``dataset`` to identifiers of ``other``, where a record states both."""
        rows = self._rows(
            "SELECT a.identifier, b.identifier FROM said a JOIN said b ON b.record = a.record "
            "WHERE a.dataset = ? AND b.dataset = ?",
            [dataset, other],
        )
        return dict(rows)

    def count(self) -> int:
        """Count the records of all packs."""
        return int(self._rows("SELECT count(*) FROM record")[0][0])

    def add(self, pack: PackMetadata, records: Iterable[Record], progress: Progress | None = None) -> ImportReport:
        """Import a pack in one transaction, replacing any other version of it; records are streamed.

        Raises:
            BadInput: this version was imported before, or there are no records.
            ClaimgraphError: reading the records failed; the store is unchanged.
            StoreInUse: another process is importing.
        """
        tally = ImportTally()
        with self._database.writing() as db:
            replaced = self._drop_other_version(db, pack)
            home = db.execute("INSERT INTO pack (name, body) VALUES (?, '')", [pack.name]).lastrowid
            start = sqlite_tables_and_pack_changes.last_spelling(db)
            sqlite_tables_and_pack_changes.begin(db)
            remaining = iter(records)
            while chunk := list(islice(remaining, _CHUNK)):
                sqlite_tables_and_pack_changes.insert(db, home or 0, chunk, tally)
                if progress is not None:
                    progress(len(chunk))
            if not tally.records:
                raise BadInput("The pack has no records; nothing was imported.", remedy="Check the file and --format.")
            sqlite_tables_and_pack_changes.settle(db)
            sqlite_tables_and_pack_changes.index(db, start)
            sqlite_tables_and_pack_changes.flag(db)
            body = json.dumps(tally.report(pack, replaced).to_json(), ensure_ascii=False)
            db.execute("UPDATE pack SET body = ? WHERE id = ?", [body, home])
        return self.report(pack.name)

    @staticmethod
    def _drop_other_version(db: Connection, pack: PackMetadata) -> str:
        """Remove the pack of the same name, and return its version; empty if there was none."""
        row = db.execute("SELECT id, body FROM pack WHERE name = ?", [pack.name]).fetchone()
        if row is None:
            return ""
        version: str = json.loads(row[1])["pack"]["version"]
        if version == pack.version:
            raise BadInput(
                f"Version {version} of the pack “{pack.name}” is already imported; nothing was changed.",
                remedy=f"Set another --version for new data, or run `kg reference remove {pack.name}` first.",
            )
        sqlite_tables_and_pack_changes.drop(db, row[0])
        return version

    def remove(self, name: str) -> None:
        """Remove a pack with all its records.

        Raises:
            NotFound: no pack has that name.
        """
        with self._database.writing() as db:
            row = db.execute("SELECT id FROM pack WHERE name = ?", [name]).fetchone()
            if row is None:
                raise _missing(name)
            sqlite_tables_and_pack_changes.drop(db, row[0])
            sqlite_tables_and_pack_changes.index(db, sqlite_tables_and_pack_changes.last_spelling(db))
            sqlite_tables_and_pack_changes.flag(db)

    def get(self, dataset: str, identifier: str) -> Record | None:
        """Return a record or ``None``; if several packs have it, the one of the pack added last."""
        rows = self._rows(
            "SELECT id FROM record WHERE dataset = ? AND identifier = ? ORDER BY pack DESC LIMIT 1",
            [dataset, identifier],
        )
        return self._hydrated(rows[0][0])[0] if rows else None

    def by_identifier(self, dataset: str, identifier: str) -> list[Record]:
        """Return the records of any dataset that have this identifier or state it as equivalent."""
        rows = self._rows(
            "SELECT id FROM record WHERE dataset = ?1 AND identifier = ?2 "
            "UNION SELECT record FROM said WHERE dataset = ?1 AND identifier = ?2 ORDER BY 1",
            [dataset, identifier],
        )
        return [self._hydrated(row[0])[0] for row in rows]

    def _hydrated(self, identity: int) -> tuple[Record, str]:
        """Return a record with its current flags, and the label of its pack."""
        record, pack = self._stored(identity)
        flags = self._rows("SELECT flag FROM flag WHERE record = ? ORDER BY flag", [identity])
        return (replace(record, flags=tuple(flag for (flag,) in flags)) if flags else record), pack

    def _load(self, identity: int) -> tuple[Record, str]:
        """Read a record without flags, which other packs may change, and the label of its pack."""
        rows = self._rows(
            "SELECT dataset, identifier, prominence, record.body, pack.body FROM record JOIN pack ON pack.id = pack "
            "WHERE record.id = ?",
            [identity],
        )
        if not rows:
            raise NotFound("The record was removed while it was being read.", remedy="Try again.")
        dataset, identifier, prominence, body, pack = rows[0]
        values = json.loads(body)
        values["names"] = tuple(RecordName(text, language, bool(label)) for text, language, label in values["names"])
        values["roles"] = tuple(RecordRole(*role) for role in values.get("roles", ()))
        values["kind"] = RecordKind(values["kind"])
        values["countries"] = tuple(values.get("countries", ()))
        if "point" in values:
            values["point"] = tuple(values["point"])
        about = PackMetadata.from_json(json.loads(pack)["pack"])
        return Record(dataset, identifier, prominence=prominence, **values), about.label

    def exact(self, key: str, kinds: Collection[RecordKind] | None = None, limit: int = 200) -> list[LookupHit]:
        """Return records with a name of this key, then those equal in Latin letters; each by descending prominence.

        Args:
            key: a result of :func:`kg.reference.name_keys_and_trigrams.key`.
            kinds: kinds of records to search; ``None`` for all.
            limit: maximum number of records.
        """
        codes = _codes(kinds)
        rows = self._rows(
            f"SELECT record, group_concat(position) FROM spelling JOIN name ON spelling = spelling.id "  # noqa: S608
            f"JOIN record ON record.id = record WHERE latin = ? AND kind IN ({_marks(codes)}) "
            f"GROUP BY record ORDER BY prominence DESC LIMIT ?",
            [latin(key), *codes, limit * 5],  # more than the limit, as equal keys come first only after sorting
        )
        hits = [self._hit(record, positions, key, LATIN) for record, positions in rows]
        return sorted(hits, key=_by_quality)[:limit]

    def _hit(self, identity: int, positions: str, wanted: str, otherwise: float) -> LookupHit:
        """Return a hit with the best of the matching names: preferably one of equal key, then a main name.

        Args:
            identity: row id of the record.
            positions: comma-separated positions of the matching names.
            wanted: key of the text.
            otherwise: similarity if the key of the name differs.
        """
        record, pack = self._hydrated(identity)
        names = [record.names[int(position)] for position in positions.split(",")]
        name = min(names, key=lambda name: (key(name.text) != wanted, not name.label))
        return LookupHit(record, name, 1.0 if key(name.text) == wanted else otherwise, pack)

    def similar(self, text: str, kinds: Collection[RecordKind] | None = None, limit: int = 50) -> list[LookupHit]:
        """Return the records with the most similar names in Latin letters, most similar first.

        The rarest trigrams of the text select spellings of the wanted kinds, and rapidfuzz compares those. If they
        select too many, only spellings that share several trigrams are compared.
        """
        wanted = latin(text)
        found = self._spellings(wanted, _codes(kinds))
        texts = dict(found)
        ratio = process.extract(wanted, texts, scorer=fuzz.ratio, limit=limit)
        likeness = {identity: score / 100 for _, score, identity in ratio}
        if " " in wanted:  # also compare with words sorted: “putin vladimir”; slightly less, to prefer the same order
            for _, score, identity in process.extract(wanted, texts, scorer=fuzz.token_sort_ratio, limit=limit):
                likeness[identity] = max(likeness.get(identity, 0), LATIN * score / 100)
        rows = self._rows(
            f"SELECT record, spelling, group_concat(position), prominence FROM name JOIN record ON id = record "  # noqa: S608
            f"WHERE spelling IN ({_marks(likeness)}) GROUP BY record, spelling",
            likeness,
        )
        best: dict[int, tuple[float, float, str]] = {}
        for record, identity, positions, prominence in rows:
            best[record] = max(best.get(record, (-1.0, 0.0, "")), (likeness[identity], prominence, positions))
        ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)[:limit]
        spelt = key(text)
        hits = [self._hit(record, positions, spelt, min(score, LATIN)) for record, (score, _, positions) in ranked]
        return sorted(hits, key=_by_quality)

    def _spellings(self, wanted: str, codes: Collection[int]) -> list[tuple[int, str]]:
        """Return id and text of the spellings of some kinds that contain one of the rarest trigrams."""
        grams = trigrams(wanted)
        found: list[tuple[int, str]] = []
        for code in codes:
            rows = self._rows(
                f"SELECT gram, spellings FROM frequency WHERE kind = ? AND gram IN ({_marks(grams)}) "  # noqa: S608
                "ORDER BY spellings LIMIT ?",
                [code, *grams, MANY],
            )
            if sum(spellings for _, spellings in rows[:RARE]) > POSTINGS:
                found += self._sharing_trigrams(code, rows)
            elif rows:
                match = " OR ".join(f'"{gram}"' for gram, _ in rows[:RARE])
                found += self._rows(
                    f"SELECT id, latin FROM spelling WHERE id IN "  # noqa: S608
                    f"(SELECT rowid FROM gram_{code} WHERE gram_{code} MATCH ?)",
                    [match],
                )
        return found

    def _sharing_trigrams(self, code: int, rows: Iterable[tuple[str, int]]) -> list[tuple[int, str]]:
        """Return the spellings that share the most trigrams, at least two: one alone is too common to select by."""
        shared: Counter[int] = Counter()
        read = 0
        for gram, spellings in rows:
            read += spellings
            if read > MANY_POSTINGS and shared:
                break
            found = self._rows(f"SELECT rowid FROM gram_{code} WHERE gram_{code} MATCH ?", [f'"{gram}"'])  # noqa: S608
            shared.update(chain.from_iterable(found))
        ranked = sorted((number for number, times in shared.items() if times > 1), key=shared.__getitem__, reverse=True)
        likely = ranked[:COMPARED]
        return self._rows(f"SELECT id, latin FROM spelling WHERE id IN ({_marks(likely)})", likely)  # noqa: S608


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no reference pack “{name}”.", remedy="List the packs with `kg reference list`.")


def _by_quality(hit: LookupHit) -> tuple[float, float, str]:
    return (-hit.similarity, -hit.record.prominence, hit.record.key)


def _codes(kinds: Collection[RecordKind] | None) -> list[int]:
    return sorted(CODES[kind] for kind in (RecordKind if kinds is None else kinds))


def _marks(values: Collection[Any]) -> str:
    """Return the placeholders of a list of values in SQL: ``?,?,?``."""
    return ",".join("?" * len(values))
