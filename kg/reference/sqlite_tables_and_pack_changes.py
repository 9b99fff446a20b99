"""Tables of the reference store, and their changes when a pack is added or removed.

All functions run inside a transaction of :class:`kg.reference.reference_store.ReferenceStore`, which owns the
connection.

Tables: ``pack``; ``record``; ``said`` (all identifiers that a record states, its own included); ``flag``; ``spelling``
(distinct names in Latin letters by kind) with ``name`` (the names of records that have a spelling); ``frequency`` (the
number of spellings that contain a trigram); and a full-text index ``gram_N`` of trigrams for each kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from kg.reference.import_report import ImportTally
from kg.reference.records import Record, RecordKind
from kg.reference.transliteration_to_latin import latin

VERSION = 1
"""Version of the tables; files of another version are refused."""

CODES = {kind: number for number, kind in enumerate(RecordKind)}
"""Numbers of the kinds in the tables; a new order of :class:`RecordKind` requires a new :data:`VERSION`."""

SCHEMA = (
    "CREATE TABLE pack (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE record (id INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, identifier TEXT NOT NULL, "
    "pack INTEGER NOT NULL, prominence REAL NOT NULL, body TEXT NOT NULL, latitude REAL, longitude REAL, "
    "UNIQUE (dataset, identifier, pack))",
    "CREATE TABLE said (dataset TEXT, identifier TEXT, record INTEGER, PRIMARY KEY (dataset, identifier, record)) "
    "WITHOUT ROWID",
    "CREATE INDEX said_by ON said (record)",
    "CREATE TABLE flag (record INTEGER, flag TEXT, pack INTEGER, detail TEXT, PRIMARY KEY (record, flag)) "
    "WITHOUT ROWID",
    "CREATE TABLE spelling (id INTEGER PRIMARY KEY, latin TEXT NOT NULL, kind INTEGER NOT NULL, UNIQUE (latin, kind))",
    "CREATE TABLE name (spelling INTEGER, record INTEGER, position INTEGER, PRIMARY KEY (spelling, record, position)) "
    "WITHOUT ROWID",
    "CREATE TABLE frequency (kind INTEGER, gram TEXT, spellings INTEGER, PRIMARY KEY (kind, gram)) WITHOUT ROWID",
    *(
        f"CREATE VIRTUAL TABLE gram_{code} "
        "USING fts5(latin, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1')"
        for code in CODES.values()
    ),
    *(f"CREATE VIRTUAL TABLE grams_{code} USING fts5vocab(gram_{code}, row)" for code in CODES.values()),
    f"PRAGMA user_version = {VERSION}",
)

_OWN, _FOUND = -1, 0
"""Special values of ``flag.pack``: set by the reader of the source; computed again after each change of the packs.

Any other value is the id of the pack that the record disagrees with.
"""

NEAR = 0.1
"""Maximum difference in degrees of latitude and of longitude between points of one place."""

# Flag records of one pack that share an identifier: geonames:1 and geonames:2 both state wikidata:Q9.
# The order of the tables is the query plan: CROSS JOIN keeps SQLite, which has no statistics yet, from reordering them.
_SHARED = """
WITH shared AS (
  SELECT s.dataset, s.identifier, r.pack, min(s.record) AS low, max(s.record) AS high
  FROM said s JOIN record r ON r.id = s.record WHERE s.dataset <> r.dataset GROUP BY 1, 2, 3 HAVING count(*) > 1
)
INSERT OR IGNORE INTO flag SELECT s.record, 'shared-identifier', 0,
  r.dataset || ':' || r.identifier || ' is ' || s.dataset || ':' || s.identifier || ', and so is ' || o.dataset || ':'
  || o.identifier
FROM shared JOIN said s ON s.dataset = shared.dataset AND s.identifier = shared.identifier
CROSS JOIN record r ON r.id = s.record AND r.pack = shared.pack
CROSS JOIN record o ON o.id = CASE s.record WHEN low THEN high ELSE low END
"""

# Only identifiers stated by several packs can be in conflict. Comparing all pairs within one pack would be quadratic.
_ACROSS = """
INSERT INTO temp.across SELECT s.dataset, s.identifier FROM said s JOIN record r ON r.id = s.record
GROUP BY 1, 2 HAVING count(DISTINCT r.pack) > 1
"""

# Flag a record that shares an identifier with a record of another pack, but differs from it in another dataset:
# geonames:1 states iso3166:UA and wikidata:Q9; a record of another pack states iso3166:UA and wikidata:Q8.
_DISAGREEING = """
INSERT OR IGNORE INTO flag SELECT record, 'identifier-conflict', 0, detail FROM (
  SELECT c.record, (
    SELECT ra.dataset || ':' || ra.identifier || ' is ' || c.dataset || ':' || c.identifier || ', but the pack '
      || p.name || ' states ' || d.identifier
    FROM record ra CROSS JOIN said a ON a.record = c.record AND a.dataset <> c.dataset
    CROSS JOIN temp.across x ON x.dataset = a.dataset AND x.identifier = a.identifier
    CROSS JOIN said b ON b.dataset = a.dataset AND b.identifier = a.identifier AND b.record <> a.record
    CROSS JOIN record rb ON rb.id = b.record AND rb.pack <> ra.pack CROSS JOIN pack p ON p.id = rb.pack
    CROSS JOIN said d ON d.record = b.record AND d.dataset = c.dataset AND d.identifier <> c.identifier
    WHERE ra.id = c.record LIMIT 1
  ) AS detail FROM said c
) WHERE detail IS NOT NULL
"""

# Find a record of another pack with the same name, kind and place, but another identifier of a dataset.
_ELSEWHERE = """
SELECT r.id, r.pack, r.dataset || ':' || r.identifier, p.name, d.identifier
FROM spelling s CROSS JOIN name n ON n.spelling = s.id CROSS JOIN record r ON r.id = n.record AND r.pack <> ?
CROSS JOIN said d ON d.record = r.id AND d.dataset = ? AND d.identifier <> ? CROSS JOIN pack p ON p.id = r.pack
WHERE s.latin = ? AND s.kind = ? AND abs(r.latitude - ?) < ? AND abs(r.longitude - ?) < ? LIMIT 1
"""

_HASH = 64 << 20
"""Bytes of trigrams that FTS5 sorts in memory before it writes a segment; a larger value leaves fewer to merge."""

_COMPARED = 20  # maximum number of names of a place that are compared with other packs
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class SqlConnection(Protocol):
    """The methods of a connection that this module uses."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Any: ...  # noqa: D102

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> Any: ...  # noqa: D102


def insert(db: SqlConnection, pack: int, records: Sequence[Record], tally: ImportTally) -> None:
    """Add records to a pack, except repeated identifiers; their names stay in a temporary table until :func:`settle`.

    Args:
        db: a connection on which :func:`begin` was called.
        pack: row id of the pack.
        records: the records.
        tally: counters to update.
    """
    names: list[tuple[int, int, str, int]] = []
    said: list[tuple[str, str, int]] = []
    flags: list[tuple[int, str, int, str]] = []
    placed: list[tuple[Record, int]] = []
    for record in records:
        found = db.execute(
            "INSERT OR IGNORE INTO record (dataset, identifier, pack, prominence, body, latitude, longitude) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*_values(record, pack), *(record.point or (None, None))),
        )
        if not found.rowcount:
            tally.repeated += 1
            continue
        tally.count(record)
        identity, code = found.lastrowid, CODES[record.kind]
        forms = [(latin(name.text), code) for name in record.names]
        names += ((identity, position, *form) for position, form in enumerate(forms) if form[0])
        flags += ((identity, flag, _OWN, f"{record.key} ({record.label()})") for flag in record.flags)
        if record.identifiers:  # without identifiers of other datasets there is nothing to disagree about
            own = {record.dataset: record.identifier} | dict(record.identifiers)
            placed += [(record, identity)] if record.point else []
            said += ((dataset, identifier, identity) for dataset, identifier in own.items())
    db.executemany("INSERT INTO temp.named VALUES (?, ?, ?, ?)", names)
    db.executemany("INSERT OR IGNORE INTO said VALUES (?, ?, ?)", said)
    db.executemany("INSERT OR IGNORE INTO flag VALUES (?, ?, ?, ?)", flags)
    for record, identity in placed:
        _compare(db, record, identity, pack)


def begin(db: SqlConnection) -> None:
    """Create a temporary table for the names of a pack; inserting them one by one would read pages at random."""
    db.execute("CREATE TEMP TABLE named (record INTEGER, position INTEGER, latin TEXT, kind INTEGER)")


def settle(db: SqlConnection) -> None:
    """Move the names of a pack to their tables, in the order of the primary keys."""
    db.execute("CREATE INDEX temp.named_by ON named (latin, kind, record, position)")
    db.execute("INSERT OR IGNORE INTO spelling (latin, kind) SELECT DISTINCT latin, kind FROM temp.named ORDER BY 1, 2")
    db.execute(
        "INSERT INTO name SELECT s.id, n.record, n.position FROM "
        "(SELECT * FROM temp.named ORDER BY latin, kind, record, position) n "
        "CROSS JOIN spelling s ON s.latin = n.latin AND s.kind = n.kind"
    )
    db.execute("DROP TABLE temp.named")


def _compare(db: SqlConnection, record: Record, identity: int, pack: int) -> None:
    """Flag a place and one of another pack that agree in name and position but not in identifiers."""
    latitude, longitude = record.point or (0.0, 0.0)
    near = (latitude, NEAR, longitude, NEAR)
    for dataset, identifier in record.identifiers.items():
        for form in {latin(name.text) for name in record.names[:_COMPARED]}:
            values = (pack, dataset, identifier, form, CODES[record.kind], *near)
            for other, home, theirs, name, said in db.execute(_ELSEWHERE, values).fetchall():
                ours = f"{record.key} ({record.label()}) is {dataset}:{identifier}"
                detail = f"{ours}, but {theirs} of the pack {name}, at the same place, is {said}"
                rows = ((identity, "identifier-conflict", home, detail), (other, "identifier-conflict", pack, detail))
                db.executemany("INSERT OR IGNORE INTO flag VALUES (?, ?, ?, ?)", rows)


def _values(record: Record, pack: int) -> tuple[object, ...]:
    return (record.dataset, record.identifier, pack, record.prominence, _body(record))


def _body(record: Record) -> str:
    """Return the attributes without a column of their own, as JSON; empty ones are left out."""
    body: dict[str, Any] = {"kind": record.kind, "names": [[n.text, n.language, int(n.label)] for n in record.names]}
    for name in ("countries", "point", "within", "description"):
        if value := getattr(record, name):
            body[name] = value
    if record.identifiers:
        body["identifiers"] = dict(record.identifiers)
    if record.roles:
        body["roles"] = [[role.title, role.start, role.end] for role in record.roles]
    return _COMPACT.encode(body)


def drop(db: SqlConnection, pack: int) -> None:
    """Remove a pack, its records, and the spellings that no other record has."""
    mine = "(SELECT id FROM record WHERE pack = ?)"
    for table in ("name", "said", "flag"):
        db.execute(f"DELETE FROM {table} WHERE record IN {mine}", [pack])  # noqa: S608
    db.execute("DELETE FROM flag WHERE pack = ?", [pack])
    db.execute("DELETE FROM record WHERE pack = ?", [pack])
    db.execute("DELETE FROM pack WHERE id = ?", [pack])
    unused = "NOT EXISTS (SELECT * FROM name WHERE spelling = spelling.id)"
    for code in CODES.values():  # to delete a row, a contentless index needs the indexed text
        db.execute(
            f"INSERT INTO gram_{code} (gram_{code}, rowid, latin) "  # noqa: S608
            f"SELECT 'delete', id, ' ' || latin || ' ' FROM spelling WHERE kind = {code} AND {unused}"
        )
    db.execute(f"DELETE FROM spelling WHERE {unused}")  # noqa: S608


def last_spelling(db: SqlConnection) -> int:
    """Return the highest id of a spelling, 0 if there is none: the ``after`` of a later :func:`index`."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM spelling").fetchone()[0])


def index(db: SqlConnection, after: int) -> None:
    """Index the trigrams of spellings with an id above ``after``, and count the spellings of each trigram again."""
    db.execute("DELETE FROM frequency")
    for code in CODES.values():
        db.execute(f"INSERT INTO gram_{code} (gram_{code}, rank) VALUES ('hashsize', {_HASH})")  # noqa: S608
        db.execute(
            f"INSERT INTO gram_{code} (rowid, latin) "  # noqa: S608
            "SELECT id, ' ' || latin || ' ' FROM spelling WHERE id > ? AND kind = ? ORDER BY id",
            [after, code],
        )
        db.execute(f"INSERT INTO frequency SELECT {code}, term, doc FROM grams_{code}")  # noqa: S608


def flag(db: SqlConnection) -> None:
    """Compute the flags again of records that share an identifier, or on whose identifiers packs disagree."""
    db.execute("DELETE FROM flag WHERE pack = ?", [_FOUND])
    db.execute(_SHARED)
    db.execute("CREATE TEMP TABLE across (dataset TEXT, identifier TEXT, PRIMARY KEY (dataset, identifier))")
    db.execute(_ACROSS)
    db.execute(_DISAGREEING)
    db.execute("DROP TABLE temp.across")
