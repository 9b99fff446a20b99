"""What the tables of an export are: their names, columns, types and meanings. Nothing here reads or writes any.

This is the one data dictionary: it makes the guide's, the comments in a DuckDB file, the metadata of Parquet files and
the ``datapackage.json`` beside CSV files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kg import __version__

Value = str | int | float | bool | None
Row = tuple[Value, ...]


class ColumnType(StrEnum):
    """What a column holds; an empty cell (NULL) means that nothing is stated."""

    iri = "iri"
    """An IRI in full, which opens in a browser."""
    code = "code"
    """The local name of a class, a property or a code of the vocabulary."""
    text = "text"
    integer = "integer"
    number = "number"
    boolean = "boolean"
    date = "date"


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column."""

    name: str
    type: ColumnType
    meaning: str


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One table.

    Attributes:
        key: how many of the first columns tell a row from every other.
    """

    name: str
    meaning: str
    key: int
    columns: tuple[ExportColumn, ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return [column.name for column in self.columns]


def _table(name: str, meaning: str, key: int, *columns: tuple[str, ColumnType, str]) -> ExportTable:
    return ExportTable(name, meaning, key, tuple(ExportColumn(*column) for column in columns))


_ARTICLE = ("article", ColumnType.code, "Id of the article, as in `kg export ID`.")
_LABEL = ("label", ColumnType.text, "Its name in English, or else in any language.")
_LOCAL = ("label_local", ColumnType.text, "Its name in the language of the article.")

_ALL = (
    _table(
        "articles",
        "The articles, a row each.",
        1,
        _ARTICLE,
        ("iri", ColumnType.iri, "The article."),
        _LABEL,
        ("title", ColumnType.text, "The headline, where the claims document gives it."),
        ("language", ColumnType.code, "Language of the text (BCP 47)."),
        ("published", ColumnType.date, "Day of publication, where it is stated."),
        ("url", ColumnType.iri, "Where it was published."),
        ("licence", ColumnType.iri, "Its licence."),
        ("sha256", ColumnType.code, "SHA-256 of the UTF-8 text."),
    ),
    _table(
        "claims",
        "Who says what: a row for each affirmation or denial of a situation.",
        2,
        _ARTICLE,
        ("claim", ColumnType.iri, "The claim."),
        ("id", ColumnType.code, "Its id in the article (C22)."),
        ("polarity", ColumnType.code, "affirms or denies."),
        ("situation", ColumnType.iri, "What is affirmed or denied: see situations."),
        ("quote", ColumnType.text, "The words that make the claim; the first ones, if there are several passages."),
        ("quote_start", ColumnType.integer, "Where they begin, in code points from 0."),
        ("quote_end", ColumnType.integer, "One past their last code point."),
        ("section", ColumnType.code, "The part of the article that they stand in (headline, body, …)."),
        ("cue", ColumnType.text, "The words that attribute it (“according to …”); the first ones."),
        ("attribution_mode", ColumnType.code, "explicit, inherited or outletVoice (the outlet itself says it)."),
        ("expression", ColumnType.code, "stated, presupposed or inferred."),
        ("certainty", ColumnType.code, "How sure the source says it is."),
        ("probability", ColumnType.number, "0 to 1, only where the source gives a number."),
        ("origin", ColumnType.iri, "The innermost source act; the whole chain is in sources."),
        ("extracted_by", ColumnType.text, "The person, or tool and version, that wrote the claim down."),
        ("extraction_confidence", ColumnType.number, "0 to 1."),
        ("review_status", ColumnType.code, "reviewed, unreviewed or disputed."),
    ),
    _table(
        "situations",
        "Events, states and source acts that the claims are about, whether they are held to be so or not.",
        2,
        _ARTICLE,
        ("situation", ColumnType.iri, "The situation."),
        ("type", ColumnType.code, "Its class (Refusal, DroneAttack, OfficeHolding, …)."),
        _LABEL,
        _LOCAL,
        ("modality", ColumnType.code, "actual, attempted, intended, expected or possible."),
        ("reported_fact", ColumnType.boolean, "Whether a claim affirms it and presents it as actual."),
        ("dates", ColumnType.code, "What the date tells: time (when it happens) or startTime (only when it begins)."),
        ("edtf", ColumnType.code, "The date in EDTF (ISO 8601-2), with its vagueness."),
        ("not_before", ColumnType.date, "First day that it can be."),
        ("not_after", ColumnType.date, "Last day that it can be; the same as not_before for a day."),
        ("precision", ColumnType.code, "How exact the date is (day, partOfDay, month, interval, …)."),
        ("part_of_day", ColumnType.code, "morning, lateEvening, …"),
        ("year_source", ColumnType.code, "How the year is known (stated, weekday, narrativeAnchor, …)."),
        ("duration", ColumnType.code, "xsd:duration, such as P2D."),
        ("role_name", ColumnType.text, "The post or role of a state, in the words of the text."),
        ("topic_text", ColumnType.text, "What is asked or talked about, in words."),
        ("former", ColumnType.boolean, "True for a state that no longer holds."),
        ("repeated", ColumnType.boolean, "True for what happens more than once."),
    ),
    _table(
        "participants",
        "Who or what has a part in a situation, places included: a row for each role.",
        4,
        _ARTICLE,
        ("situation", ColumnType.iri, "The situation."),
        (
            "role",
            ColumnType.code,
            "actor, recipient, affected, subject, object, instrument, place, origin, destination, …",
        ),
        ("entity", ColumnType.iri, "Who or what; the same IRI in every article."),
        ("type", ColumnType.code, "Its class (Person, Country, Place, …)."),
        _LABEL,
        _LOCAL,
    ),
    _table(
        "relations",
        "How situations hang together, and which claims conflict.",
        4,
        _ARTICLE,
        ("subject", ColumnType.iri, "A situation (or claim)."),
        (
            "relation",
            ColumnType.code,
            "respondsTo, causedBy, during, before, after, partOf, sameIncidentAs, conflictsWith, …",
        ),
        ("object", ColumnType.iri, "The other one."),
    ),
    _table(
        "sources",
        "The chain of sources of each claim: a row for each hop (and for each reporter, should a hop have several).",
        4,
        _ARTICLE,
        ("claim", ColumnType.iri, "The claim."),
        ("hop", ColumnType.integer, "0 is the publication that carries it, the highest number where it originates."),
        ("reporter", ColumnType.iri, "Who says it or passes it on."),
        ("act", ColumnType.iri, "The source act, which is a situation, too."),
        ("act_type", ColumnType.code, "Its class (Interview, Publication, …)."),
        ("act_label", ColumnType.text, "Its name in English, or else in any language."),
        ("reporter_label", ColumnType.text, "The reporter’s name in English, or else in any language."),
        ("venue", ColumnType.iri, "The outlet where the act was performed."),
        ("venue_label", ColumnType.text, "The outlet’s name."),
    ),
    _table(
        "mentions",
        "The words that name or refer to an entity.",
        4,
        _ARTICLE,
        ("start", ColumnType.integer, "First code point, from 0."),
        ("end", ColumnType.integer, "One past the last code point."),
        ("entity", ColumnType.iri, "Who or what they denote."),
        ("exact", ColumnType.text, "The words."),
        ("name", ColumnType.text, "The bare name in them, where it is marked."),
        ("section", ColumnType.code, "The part of the article (headline, body, …)."),
        ("segment", ColumnType.code, "Id of the sentence."),
    ),
    _table(
        "places",
        "Places and countries that the articles name, a row each.",
        1,
        ("place", ColumnType.iri, "The place; the same IRI in every article."),
        ("type", ColumnType.code, "Place or Country."),
        _LABEL,
        ("within", ColumnType.iri, "The nearest place that contains it."),
        (
            "latitude",
            ColumnType.number,
            "Degrees north (WGS 84), where the graph has a point for it or for what it links to.",
        ),
        ("longitude", ColumnType.number, "Degrees east (WGS 84)."),
        (
            "point_of",
            ColumnType.iri,
            "What the point was told of: the place itself, or the record that it is linked to.",
        ),
    ),
    _table(
        "links",
        "Accepted links of entities to records of outside datasets.",
        4,
        ("entity", ColumnType.iri, "The entity."),
        ("dataset", ColumnType.code, "The dataset, which names the graph of the link (wikidata, geonames, …)."),
        ("match", ColumnType.code, "exactMatch or closeMatch (SKOS)."),
        ("record", ColumnType.iri, "The record."),
        _LABEL,
    ),
)

TABLES: dict[str, ExportTable] = {table.name: table for table in _ALL}

_SCHEMA_TYPES = {ColumnType.iri: "string", ColumnType.code: "string", ColumnType.text: "string"}


def dictionary() -> str:
    """Write the data dictionary in Markdown."""
    lines = []
    for table in TABLES.values():
        key = ", ".join(table.names[: table.key])
        lines += [
            f"**{table.name}** — {table.meaning} Key: {key}.",
            "",
            "| column | type | meaning |",
            "| --- | --- | --- |",
        ]
        lines += [f"| `{column.name}` | {column.type} | {column.meaning} |" for column in table.columns]
        lines.append("")
    return "\n".join(lines).rstrip()


def datapackage() -> dict[str, Any]:
    """Describe the CSV files as a Data Package (Table Schema)."""
    return {
        "profile": "tabular-data-package",
        "name": "claimgraph",
        "description": f"Tables written by Claimgraph {__version__} (kg export).",
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": table.name,
                "path": f"{table.name}.csv",
                "encoding": "utf-8",
                "description": table.meaning,
                "schema": {
                    "fields": [
                        {
                            "name": column.name,
                            "type": _SCHEMA_TYPES.get(column.type, column.type.value),
                            "description": column.meaning,
                        }
                        for column in table.columns
                    ],
                    "primaryKey": table.names[: table.key],
                },
            }
            for table in TABLES.values()
        ],
    }
