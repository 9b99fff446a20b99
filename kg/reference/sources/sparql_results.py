"""Reader of SPARQL results in JSON or CSV: variables ``item`` and ``itemLabel``, and others of :data:`_VARIABLES`.

An item may have several rows, one for each name. CSV has no language tags; a column ``lang`` can provide them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kg.errors import BadInput
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.sources.row_grouping import grouped
from kg.reference.sources.source_files import LONGEST, SourceFile

_VARIABLES = {
    "item": ("item", "id"),
    "label": ("itemLabel", "label", "name"),
    "alias": ("itemAltLabel", "altLabel", "alias"),
    "lang": ("lang", "language"),
    "kind": ("kind", "type"),
    "country": ("country", "countryCode", "iso"),
    "coord": ("coord", "coordinates", "location"),
    "description": ("itemDescription", "description"),
    "prominence": ("sitelinks", "prominence"),
    "geonames": ("geonames",),
}
"""Accepted names of variables by meaning, preferred first."""

_WIKIDATA = re.compile(r"(?:https?://www\.wikidata\.org/(?:entity|wiki)/)?(Q[1-9]\d*)")
_POINT = re.compile(r"Point\((-?[\d.]+) (-?[\d.]+)\)", re.IGNORECASE)
_ROW = tuple[int, dict[str, tuple[str, str]]]  # number, and text and language by variable


def read(source: SourceFile) -> Iterator[Record]:
    """Yield a record for each item.

    Raises:
        BadInput: the file is too large or not UTF-8, or a row has no item.
        MalformedText: the file is not a SPARQL result, or a value is malformed.
    """
    rows = _csv(source) if ".csv" in source.path.suffixes else _json(source)
    for item, found in grouped(_by_item(source, rows)):
        yield _record(source, item, found)


def _csv(source: SourceFile) -> Iterator[_ROW]:
    for row in source.rows(()):
        language = row["lang"] or row["language"]
        yield row.line, {name: (cell.strip(), language) for name, cell in row.cells.items() if cell.strip()}


def _json(source: SourceFile) -> Iterator[_ROW]:
    with source.stream() as stream:
        content = stream.read(LONGEST)
        if stream.read(1):
            raise BadInput(f"{source.name} is over 64 MiB.", remedy="Request CSV, which is read row by row.")
    try:
        bindings = json.loads(content)["results"]["bindings"]
        source.refuse_nul(1, content, bindings)
        for number, binding in enumerate(bindings, start=1):
            yield number, {name: (term["value"], term.get("xml:lang", "")) for name, term in binding.items()}
    except UnicodeDecodeError:
        raise BadInput(f"{source.name} is not UTF-8.", remedy="Save it as UTF-8.") from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        line = getattr(error, "lineno", 1)
        raise source.wrong(
            line, "not a SPARQL result in JSON", "Request application/sparql-results+json; the file may be truncated."
        ) from None


def _by_item(source: SourceFile, rows: Iterable[_ROW]) -> Iterator[tuple[str, Any]]:
    """Yield identifiers of items with the number of the row, and its values by meaning."""
    for number, row in rows:
        meant: dict[str, Any] = {
            meaning: next((row[name] for name in names if name in row), ("", ""))
            for meaning, names in _VARIABLES.items()
        }
        item = meant["item"][0]
        if not item:
            raise BadInput(
                f"{source.name}, row {number}: the item is missing.",
                remedy="Select ?item ?itemLabel; see the guide (reference data).",
            )
        if not source.dataset:
            found = _WIKIDATA.fullmatch(item)
            if found is None:
                raise source.wrong(number, f"“{item[:60]}” is not a Wikidata item", "Name its dataset with --dataset.")
            item = found[1]
        source.check_identifier(number, source.dataset or "wikidata", item)
        yield item, [number, meant]


def _record(source: SourceFile, item: str, rows: list[list[Any]]) -> Record:
    names: dict[RecordName, None] = {}
    values: dict[str, str] = {}
    for number, meant in rows:
        names |= dict.fromkeys(_names(meant))
        values = {meaning: text for meaning, (text, _) in meant.items() if text} | values
        if values.get("kind", source.kind) not in set(RecordKind):
            kinds = ", ".join(RecordKind)
            raise source.wrong(number, f"the kind is “{values['kind'][:40]}”", f"Bind ?kind to one of {kinds}.")
    code = source.countries.get(values.get("country", "").rpartition("/")[2], values.get("country", "").upper())
    return Record(
        source.dataset or "wikidata",
        item,
        RecordKind(values.get("kind", source.kind)),
        tuple(names),
        (code,) if re.fullmatch("[A-Z]{2}", code) else (),
        _point(values),
        prominence=float(values["prominence"]) if values.get("prominence", "").isdigit() else 0.0,
        identifiers={"geonames": values["geonames"]} if "geonames" in values else {},
        description=values.get("description", ""),
    )


def _names(meant: Mapping[str, tuple[str, str]]) -> Iterator[RecordName]:
    """Yield the names in one row."""
    stated = meant["lang"][0]
    for meaning in ("label", "alias"):
        text, language = meant[meaning]
        # The label service joins aliases.
        listed = text.split(", ") if meaning == "alias" and not stated else [text]
        yield from (RecordName(t, language or stated, label=meaning == "label") for t in listed if t)


def _point(values: Mapping[str, str]) -> tuple[float, float] | None:
    found = _POINT.fullmatch(values.get("coord", ""))
    return (float(found[2]), float(found[1])) if found else None
