"""Schema of the export tables: names, columns, types and descriptions.

This is the only data dictionary. The documentation, the comments in a DuckDB file, the metadata of Parquet files and
the ``datapackage.json`` of CSV files are generated from it. Code that reads or writes rows must never enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kg import __version__

Value = str | int | float | bool | None
Row = tuple[Value, ...]
"""The values of one row, in the order of the columns; ``None`` for what is not stated."""


class ColumnType(StrEnum):
    """Type of a column; an empty cell (NULL) means that the value is not stated."""

    iri = "iri"
    """A complete IRI, which opens in a browser."""
    code = "code"
    """The local name of a class, property or code of the vocabulary; an id or another short string."""
    text = "text"
    integer = "integer"
    number = "number"
    boolean = "boolean"
    date = "date"


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """Column of a table.

    Attributes:
        name: name of the column.
        type: type of its values.
        meaning: description for users.
    """

    name: str
    type: ColumnType
    meaning: str


@dataclass(frozen=True, slots=True)
class ExportTable:
    """Export table.

    Attributes:
        name: name of the table.
        meaning: description for users.
        key: number of the first columns that form the primary key.
        columns: the columns, in order.
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
_LABEL = ("label", ColumnType.text, "Name in English; if there is none, in any language.")
_LOCAL = ("label_local", ColumnType.text, "Name in the language of the article.")

_ALL = (
    _table(
        "articles",
        "Articles, one row each.",
        1,
        _ARTICLE,
        ("iri", ColumnType.iri, "IRI of the article."),
        _LABEL,
        ("title", ColumnType.text, "Headline, if the claims document states it."),
        ("language", ColumnType.code, "Language of the text (BCP 47)."),
        ("published", ColumnType.date, "Day of publication, if stated."),
        ("url", ColumnType.iri, "Address of the publication."),
        ("licence", ColumnType.iri, "IRI of the licence."),
        ("sha256", ColumnType.code, "SHA-256 of the UTF-8 text."),
    ),
    _table(
        "claims",
        "Claims: one row for each affirmation or denial of a situation by a source.",
        2,
        _ARTICLE,
        ("claim", ColumnType.iri, "IRI of the claim."),
        ("id", ColumnType.code, "Id of the claim in the article (C22)."),
        ("polarity", ColumnType.code, "affirms or denies."),
        ("situation", ColumnType.iri, "The situation that is affirmed or denied; see situations."),
        ("quote", ColumnType.text, "The words of the claim; the first passage, if there are several."),
        ("quote_start", ColumnType.integer, "Offset of the first code point of the quote, from 0."),
        ("quote_end", ColumnType.integer, "Offset after the last code point of the quote."),
        ("section", ColumnType.code, "Section of the article with the quote (headline, body, …)."),
        ("cue", ColumnType.text, "The words that attribute the claim (“according to …”); the first passage."),
        ("attribution_mode", ColumnType.code, "explicit, inherited or outletVoice (in the outlet’s own voice)."),
        ("expression", ColumnType.code, "stated, presupposed or inferred."),
        (
            "certainty",
            ColumnType.code,
            "Certainty that the source expresses: certain, probable, possible or unspecified.",
        ),
        ("probability", ColumnType.number, "0 to 1; only if the source states a number."),
        ("origin", ColumnType.iri, "The innermost source act; sources has the whole chain."),
        ("extracted_by", ColumnType.text, "The person, or the tool and its version, that extracted the claim."),
        ("extraction_confidence", ColumnType.number, "Confidence of the extraction, 0 to 1."),
        ("review_status", ColumnType.code, "reviewed, unreviewed or disputed."),
    ),
    _table(
        "situations",
        "Situations: events, states and source acts that claims are about, whether affirmed or denied.",
        2,
        _ARTICLE,
        ("situation", ColumnType.iri, "IRI of the situation."),
        ("type", ColumnType.code, "Class (Refusal, DroneAttack, OfficeHolding, …)."),
        _LABEL,
        _LOCAL,
        ("modality", ColumnType.code, "actual, attempted, intended, expected or possible."),
        ("reported_fact", ColumnType.boolean, "True if a claim affirms the situation as actual."),
        ("dates", ColumnType.code, "Meaning of the date: time (when it happens) or startTime (only when it begins)."),
        ("edtf", ColumnType.code, "Date in EDTF (ISO 8601-2), which expresses its uncertainty."),
        ("not_before", ColumnType.date, "First possible day."),
        ("not_after", ColumnType.date, "Last possible day; equal to not_before for an exact day."),
        ("precision", ColumnType.code, "Precision of the date (day, partOfDay, month, interval, …)."),
        ("part_of_day", ColumnType.code, "Part of the day (morning, lateEvening, …)."),
        ("year_source", ColumnType.code, "Source of the year (stated, weekday, narrativeAnchor, …)."),
        ("duration", ColumnType.code, "Duration (xsd:duration), such as P2D."),
        ("role_name", ColumnType.text, "Post or role in a state, as worded in the text."),
        ("topic_text", ColumnType.text, "Subject of a request or statement, in words."),
        ("former", ColumnType.boolean, "True for a state that no longer holds."),
        ("repeated", ColumnType.boolean, "True for an event that happens more than once."),
    ),
    _table(
        "participants",
        "Participants: one row for each role of an entity, places included, in a situation.",
        4,
        _ARTICLE,
        ("situation", ColumnType.iri, "The situation."),
        (
            "role",
            ColumnType.code,
            "actor, recipient, affected, subject, object, instrument, place, origin, destination, …",
        ),
        ("entity", ColumnType.iri, "IRI of the entity, the same in every article."),
        ("type", ColumnType.code, "Class (Person, Country, Place, …)."),
        _LABEL,
        _LOCAL,
    ),
    _table(
        "relations",
        "Relations between situations, and conflicts between claims.",
        4,
        _ARTICLE,
        ("subject", ColumnType.iri, "First situation (or claim)."),
        (
            "relation",
            ColumnType.code,
            "respondsTo, causedBy, during, before, after, partOf, sameIncidentAs, conflictsWith, …",
        ),
        ("object", ColumnType.iri, "Second situation (or claim)."),
    ),
    _table(
        "sources",
        "Chain of sources of each claim: one row for each hop and, if a hop has several reporters, for each reporter.",
        4,
        _ARTICLE,
        ("claim", ColumnType.iri, "IRI of the claim."),
        ("hop", ColumnType.integer, "0 for the publication that carries the claim; the highest number for its origin."),
        ("reporter", ColumnType.iri, "The person, organisation or outlet that states the claim or passes it on."),
        ("act", ColumnType.iri, "The source act, which is also a situation."),
        ("act_type", ColumnType.code, "Class of the source act (Interview, Publication, …)."),
        ("act_label", ColumnType.text, "Name of the source act in English; if there is none, in any language."),
        ("reporter_label", ColumnType.text, "Name of the reporter in English; if there is none, in any language."),
        ("venue", ColumnType.iri, "The outlet in which the act was performed."),
        ("venue_label", ColumnType.text, "Name of the outlet in English; if there is none, in any language."),
    ),
    _table(
        "mentions",
        "Mentions: words that name or refer to an entity.",
        4,
        _ARTICLE,
        ("start", ColumnType.integer, "Offset of the first code point, from 0."),
        ("end", ColumnType.integer, "Offset after the last code point."),
        ("entity", ColumnType.iri, "The entity that the words denote."),
        ("exact", ColumnType.text, "The words."),
        ("name", ColumnType.text, "The bare name within the words, if it is marked."),
        ("section", ColumnType.code, "Section of the article (headline, body, …)."),
        ("segment", ColumnType.code, "Id of the sentence."),
    ),
    _table(
        "places",
        "Places and countries that the articles name, one row each.",
        1,
        ("place", ColumnType.iri, "IRI of the place, the same in every article."),
        ("type", ColumnType.code, "Class: Place or Country."),
        _LABEL,
        ("within", ColumnType.iri, "The nearest place that contains the place."),
        (
            "latitude",
            ColumnType.number,
            "Degrees north (WGS 84), if the graph has a point for the place or for a record it is linked to.",
        ),
        ("longitude", ColumnType.number, "Degrees east (WGS 84)."),
        (
            "point_of",
            ColumnType.iri,
            "The resource that has the point: the place itself, or a record it is linked to.",
        ),
    ),
    _table(
        "links",
        "Accepted links of entities to records of outside datasets.",
        4,
        ("entity", ColumnType.iri, "IRI of the entity."),
        ("dataset", ColumnType.code, "Name of the dataset and of the graph with the link (wikidata, geonames, …)."),
        ("match", ColumnType.code, "exactMatch or closeMatch (SKOS)."),
        ("record", ColumnType.iri, "IRI of the record."),
        _LABEL,
    ),
)

TABLES: dict[str, ExportTable] = {table.name: table for table in _ALL}

_SCHEMA_TYPES = {ColumnType.iri: "string", ColumnType.code: "string", ColumnType.text: "string"}


def dictionary() -> str:
    """Return the data dictionary in Markdown."""
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
    """Return the description of the CSV files as a Data Package with Table Schemas."""
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
                    "fields": [_field(column) for column in table.columns],
                    "primaryKey": table.names[: table.key],
                },
            }
            for table in TABLES.values()
        ],
    }


def _field(column: ExportColumn) -> dict[str, str]:
    return {
        "name": column.name,
        "type": _SCHEMA_TYPES.get(column.type, column.type.value),
        "description": column.meaning,
    }
