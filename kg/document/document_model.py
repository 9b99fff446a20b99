"""Model of the claims document, the JSON contract between whoever reads an article and the graph.

A person, an extractor or a language model writes it; the gate reads it. It does not depend on the base IRI. Field names
are the local names of the vocabulary: ``respondsTo`` in the document is ``cg:respondsTo`` in the graph.
:mod:`kg.document.document_rdf_conversion` derives the graph from the annotations on the fields.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_serializer
from pydantic.alias_generators import to_camel

from kg.rdf import oxigraph
from ontology import terms

FORMAT: Final = "https://w3id.org/claimgraph/claims/1"
"""Identifier of this version of the contract: the value of ``format`` and the ``$id`` of the JSON Schema."""


@dataclass(frozen=True)
class IdReference:
    """Marker of a field that holds the id of another part of the document.

    Attributes:
        kind: the list of the document that must contain the id.
    """

    kind: Literal["entities", "situations", "times", "claims", "segments"]


@dataclass(frozen=True)
class CodeValue:
    """Marker of a field that holds a value of a closed list; the value is mapped to a ``code:`` concept."""


@dataclass(frozen=True)
class MappedTo:
    """RDF property of a field, where its local name differs from the field's name.

    Attributes:
        prefix: the prefix of the namespace, such as ``dcterms``.
        name: the local name.
    """

    prefix: str
    name: str


@dataclass(frozen=True)
class Unmapped:
    """Marker of a field that has code of its own in the mapping instead of a property."""


IDENTIFIER: Final = r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
SHA256: Final = r"^[0-9a-f]{64}$"
Identifier = Annotated[
    str,
    StringConstraints(pattern=IDENTIFIER),
    Field(description="A letter, then letters, digits, _ . -; at most 100 characters; unique among parts of its kind."),
]
EntityRef = Annotated[Identifier, IdReference("entities")]
SituationRef = Annotated[Identifier, IdReference("situations")]
TimeRef = Annotated[Identifier, IdReference("times")]
ClaimRef = Annotated[Identifier, IdReference("claims")]
SegmentRef = Annotated[Identifier, IdReference("segments")]
Words = Annotated[str, StringConstraints(min_length=1)]
# Tags are compared without regard to case (BCP 47, clause 2.1.1), and the store writes them in lower case. It accepts
# only tags that follow the grammar (clause 2.1); this pattern excludes tags that are entirely private use (x-…) and
# grandfathered ones (i-klingon). Example: zh-Hant-TW passes and becomes zh-hant-tw; en_GB does not pass.
LANGUAGE_TAG: Final = (
    r"^[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-[0-9A-WYZa-wyz](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?$"
)
LanguageTag = Annotated[str, StringConstraints(pattern=LANGUAGE_TAG), AfterValidator(str.lower)]
Labels = Annotated[
    dict[LanguageTag, Words],
    Field(min_length=1, description="Texts by language tag, such as {'en': …, 'uk': …}."),
    MappedTo("rdfs", "label"),
]
Note = Annotated[Words | None, MappedTo("rdfs", "comment"), Field(description="A remark in English for human readers.")]


def _checked_iri(value: str) -> str:
    if not oxigraph.is_iri(value):
        raise ValueError("Not an IRI (RFC 3987): percent-encode spaces, quotes and brackets")
    return value


Iri = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"{}|\\^`]+$"), AfterValidator(_checked_iri)]


def _checked_duration(value: str) -> str:
    # The lookaheads reject a bare “P” and a “T” that nothing follows: “P2DT” is not a duration.
    if not re.fullmatch(r"P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", value, re.ASCII):
        raise ValueError("Not an xsd:duration such as P2D or PT1H")
    return value


Duration = Annotated[str, AfterValidator(_checked_duration)]


class DocumentPart(BaseModel):
    """Base class of the parts of a document: names in camelCase, unknown fields are errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=False
    )

    mapped_to: ClassVar[str | None] = None
    """Local name of the class that this part is mapped to; ``None`` where the part has a field ``type`` for it."""


class Quote(DocumentPart):
    """Exact words of the article. With offsets, the words are checked; without offsets, they are located."""

    exact: Words
    start: Annotated[int | None, Field(ge=0, description="Offset of the first code point, counted from 0.")] = None
    end: Annotated[int | None, Field(ge=1, description="Offset after the last code point.")] = None
    segment: Annotated[
        SegmentRef | None, Field(description="Id of the segment to search, for words that occur several times.")
    ] = None


class Mention(Quote):
    """Words that name an entity or refer to it."""

    name: Annotated[Quote | None, Field(description="The bare name inside a longer mention.")] = None


class Article(DocumentPart):
    """Metadata and text of the article. Leave out what the source does not state."""

    id: Identifier
    label: Labels
    language: Annotated[LanguageTag, MappedTo("dcterms", "language")]
    text: Annotated[Words, MappedTo("cg", "text")]
    sha256: Annotated[
        str | None,
        StringConstraints(pattern=SHA256),
        Field(description="SHA-256 of the UTF-8 text in hexadecimal; checked if present."),
        MappedTo("cg", "sha256"),
    ] = None
    title: Annotated[Words | None, MappedTo("dcterms", "title")] = None
    url: Annotated[Iri | None, MappedTo("dcterms", "source")] = None
    published: Annotated[date | None, MappedTo("dcterms", "issued")] = None
    licence: Annotated[Iri | None, MappedTo("dcterms", "license")] = None
    note: Note = None


class Segment(DocumentPart):
    """A sentence or another unit of the text, with the section of the article that it belongs to."""

    id: Identifier
    section: Annotated[terms.Section, CodeValue()]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]


class Entity(DocumentPart):
    """A person, organisation, place or thing, as this article describes it."""

    id: Annotated[
        Identifier,
        Field(description="The same id denotes the same person or thing in every article of a store."),
    ]
    type: terms.EntityClass
    label: Labels
    mentions: Annotated[list[Mention], Unmapped()] = []
    size: Annotated[int | None, Field(ge=1, description="Number of members of a Group, where the text states it.")] = (
        None
    )
    size_unstated: Annotated[
        Literal[True] | None, Field(description="True for a Group whose size the text does not state.")
    ] = None
    within: Annotated[list[EntityRef], Field(description="Places that contain this one according to the text.")] = []
    quotes: Annotated[
        list[Quote], MappedTo("cg", "quotedIn"), Field(description="Words that describe the entity.")
    ] = []
    note: Note = None


class Time(DocumentPart):
    """A time expression, its bounds and the source of its date."""

    mapped_to = "TimeSpan"

    id: Identifier
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    edtf: Annotated[
        Words, Field(description="Extended Date/Time Format (ISO 8601-2); [a..b] for one date within a range.")
    ]
    not_before: Annotated[date | None, Field(description="First possible day; derived from edtf if absent.")] = None
    not_after: Annotated[date | None, Field(description="Last possible day; derived from edtf if absent.")] = None
    precision: Annotated[terms.Precision, CodeValue()]
    year_source: Annotated[terms.YearSource, CodeValue()]
    part_of_day: Annotated[terms.PartOfDay | None, CodeValue()] = None
    relative_to: TimeRef | None = None
    note: Note = None


class Situation(DocumentPart):
    """An event or state that a claim is about, or a source act: the act by which a source says something."""

    id: Identifier
    type: terms.SituationClass
    label: Labels
    modality: Annotated[terms.Modality, CodeValue()]
    actor: list[EntityRef] = []
    recipient: list[EntityRef] = []
    affected: list[EntityRef] = []
    instrument: list[EntityRef] = []
    subject: list[EntityRef] = []
    object: list[EntityRef] = []
    reporter: list[EntityRef] = []
    venue: list[EntityRef] = []
    place: list[EntityRef] = []
    origin: list[EntityRef] = []
    destination: list[EntityRef] = []
    relays: list[SituationRef] = []
    responds_to: list[SituationRef] = []
    caused_by: list[SituationRef] = []
    during: list[SituationRef] = []
    before: list[SituationRef] = []
    after: list[SituationRef] = []
    part_of: list[SituationRef] = []
    purpose: list[SituationRef] = []
    topic: list[SituationRef] = []
    same_incident_as: list[SituationRef] = []
    time: list[TimeRef] = []
    start_time: list[TimeRef] = []
    duration: Annotated[Duration | None, Field(description="xsd:duration, such as P2D or PT1H.")] = None
    repeated: Literal[True] | None = None
    former: Annotated[Literal[True] | None, Field(description="True for a state that no longer holds.")] = None
    role_name: Annotated[Words | None, Field(description="The post or role, as worded in the text.")] = None
    topic_text: Annotated[Words | None, Field(description="The subject of a request or statement, in words.")] = None
    note: Note = None


class Claim(DocumentPart):
    """One source's affirmation or denial of one situation, as worded in a passage."""

    mapped_to = "Claim"

    id: Identifier
    affirms: SituationRef | None = None
    denies: SituationRef | None = None
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    cue: Annotated[list[Quote], Field(description="The words that attribute the claim (“according to …”).")] = []
    originates_in: Annotated[
        SituationRef, Field(description="The innermost source act: where the chain of sources ends.")
    ]
    reported_in: Annotated[SituationRef, Field(description="The publication by which the article carries the claim.")]
    attribution_mode: Annotated[terms.AttributionMode, CodeValue()]
    expression: Annotated[terms.Expression, CodeValue()]
    certainty: Annotated[terms.Certainty, CodeValue()]
    probability: Annotated[
        Decimal | None, Field(ge=0, le=1, description="0 to 1; only where the source states a number.")
    ] = None
    conflicts_with: list[ClaimRef] = []
    extracted_by: Annotated[
        Words, Field(description="The person, or the tool and its version, that extracted this claim.")
    ]
    extraction_confidence: Annotated[
        Decimal, Field(ge=0, le=1, description="0 to 1; about the extraction, not about the source.")
    ]
    review_status: Annotated[terms.ReviewStatus, CodeValue()]
    note: Note = None

    @field_serializer("probability", "extraction_confidence", when_used="json-unless-none")
    def _number(self, value: Decimal) -> float:
        return float(value)


class Relation(DocumentPart):
    """Words that mark the relation between two situations."""

    mapped_to = "RelationCue"

    id: Identifier
    type: Annotated[terms.RelationType, CodeValue(), MappedTo("cg", "relationType")]
    source: Annotated[SituationRef, MappedTo("cg", "relationFrom"), Field(alias="from")]
    target: Annotated[list[SituationRef], MappedTo("cg", "relationTo"), Field(alias="to", min_length=1)]
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    note: Note = None


class Quantity(DocumentPart):
    """An amount or degree, as worded in the article."""

    mapped_to = "Quantity"

    id: Identifier
    # Not rdfs:label: “doctors” is the name of the doctors, not of their number.
    label: Annotated[Labels, MappedTo("skos", "prefLabel")]
    value: Annotated[Words, Field(description="The amount or degree, such as “12” or “several”.")]
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    quantifies: Annotated[
        list[Identifier], Unmapped(), Field(description="Ids of the entities, situations or times that it quantifies.")
    ] = []
    note: Note = None


_Bounded: Final = Field(max_length=10_000)
"""Longest list of parts. No article needs more; without a bound, a list of empty items costs a second per 20 kB."""


class Document(DocumentPart):
    """Everything that one article says."""

    format: Literal["https://w3id.org/claimgraph/claims/1"] = FORMAT
    article: Article
    segments: Annotated[list[Segment], _Bounded] = []
    entities: Annotated[list[Entity], _Bounded] = []
    times: Annotated[list[Time], _Bounded] = []
    situations: Annotated[list[Situation], _Bounded] = []
    claims: Annotated[list[Claim], _Bounded] = []
    relations: Annotated[list[Relation], _Bounded] = []
    quantities: Annotated[list[Quantity], _Bounded] = []

    def to_json(self) -> bytes:
        """Return the document as indented UTF-8 JSON without empty fields."""
        content = {"format": FORMAT} | self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
        )
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def json_schema() -> dict[str, Any]:
    """Return the contract as JSON Schema (draft 2020-12)."""
    schema = Document.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": FORMAT, **schema}


def schema_components(template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the contract in parts, for embedding in another schema such as OpenAPI.

    Args:
        template: reference to a part by name, such as ``#/components/schemas/{model}``.

    Returns:
        The schema of the document, and the schemas of its parts by name.
    """
    schema = Document.model_json_schema(by_alias=True, ref_template=template)
    return schema, schema.pop("$defs")
