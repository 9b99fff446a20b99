"""The claims document: the one contract between whoever reads an article and the graph.

A person, an extractor or a language model writes it; the gate reads it. It is independent of the base IRI. Field
names are the local names of the vocabulary, so ``respondsTo`` here is ``cg:respondsTo`` there;
:mod:`kg.document.rdf_mapping` derives the graph from the annotations on the fields.
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


@dataclass(frozen=True)
class IdReference:
    """Marks an id of something else in the document.

    Attributes:
        kind: the list of the document that must hold it.
    """

    kind: Literal["entities", "situations", "times", "claims", "segments"]


@dataclass(frozen=True)
class CodeValue:
    """Marks a value of a closed list, which becomes a ``code:`` concept."""


@dataclass(frozen=True)
class MappedTo:
    """Names the property of a field where it is not the field's own name, as prefix and local name."""

    prefix: str
    name: str


@dataclass(frozen=True)
class Unmapped:
    """Marks a field that the mapping treats by hand."""


Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$"),
    Field(description="Letters, digits, _ . -; unique among its kind."),
]
EntityRef = Annotated[Identifier, IdReference("entities")]
SituationRef = Annotated[Identifier, IdReference("situations")]
TimeRef = Annotated[Identifier, IdReference("times")]
ClaimRef = Annotated[Identifier, IdReference("claims")]
SegmentRef = Annotated[Identifier, IdReference("segments")]
Words = Annotated[str, StringConstraints(min_length=1)]
# Tags compare without case (BCP 47, clause 2.1.1), and the store writes them in lower case. It takes only those that
# follow the grammar (clause 2.1), of which this leaves out whole tags of private use and what is grandfathered.
_LANGUAGE_TAG = (
    r"^[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-[0-9A-WYZa-wyz](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?$"
)
LanguageTag = Annotated[str, StringConstraints(pattern=_LANGUAGE_TAG), AfterValidator(str.lower)]
Labels = Annotated[
    dict[LanguageTag, Words],
    Field(min_length=1, description="Text by language tag, such as {'en': …, 'uk': …}."),
    MappedTo("rdfs", "label"),
]
Note = Annotated[Words | None, MappedTo("rdfs", "comment"), Field(description="A remark in English, for people.")]


def _is_iri(value: str) -> str:
    if not oxigraph.is_iri(value):
        raise ValueError("Not an IRI (RFC 3987)")
    return value


Iri = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"{}|\\^`]+$"), AfterValidator(_is_iri)]


def _is_duration(value: str) -> str:
    if not re.fullmatch(r"P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", value, re.ASCII):
        raise ValueError("Not an xsd:duration such as P2D or PT1H")
    return value


Duration = Annotated[str, AfterValidator(_is_duration)]


class DocumentPart(BaseModel):
    """What all parts of the document share: camelCase names, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=False
    )

    mapped_to: ClassVar[str | None] = None
    """The class of the resource that this part becomes; ``None`` where the part says it itself (``type``)."""


class Quote(DocumentPart):
    """Exact words of the article. With offsets they are checked; without, the words are located."""

    exact: Words
    start: Annotated[int | None, Field(ge=0, description="First code point, 0-based.")] = None
    end: Annotated[int | None, Field(ge=1, description="One past the last code point.")] = None
    segment: Annotated[SegmentRef | None, Field(description="Look only in this segment; helps short words.")] = None


class Mention(Quote):
    """Words that name or refer to an entity."""

    name: Annotated[Quote | None, Field(description="The bare name inside a longer mention.")] = None


class Article(DocumentPart):
    """Metadata and text. What the text does not state stays out."""

    id: Identifier
    label: Labels
    language: Annotated[LanguageTag, MappedTo("dcterms", "language")]
    text: Annotated[Words, MappedTo("cg", "text")]
    sha256: Annotated[
        str | None,
        StringConstraints(pattern=r"^[0-9a-f]{64}$"),
        Field(description="SHA-256 of the UTF-8 text; checked when given."),
        MappedTo("cg", "sha256"),
    ] = None
    title: Annotated[Words | None, MappedTo("dcterms", "title")] = None
    url: Annotated[Iri | None, MappedTo("dcterms", "source")] = None
    published: Annotated[date | None, MappedTo("dcterms", "issued")] = None
    licence: Annotated[Iri | None, MappedTo("dcterms", "license")] = None
    note: Note = None


class Segment(DocumentPart):
    """A sentence or other unit, in order, with the part of the article that it belongs to."""

    id: Identifier
    section: Annotated[terms.Section, CodeValue()]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]


class Entity(DocumentPart):
    """Somebody or something, as this article describes it."""

    id: Annotated[
        Identifier,
        Field(description="The same id means the same person or thing in every article of a store."),
    ]
    type: terms.EntityClass
    label: Labels
    mentions: Annotated[list[Mention], Unmapped()] = []
    size: Annotated[int | None, Field(ge=1, description="Members of a Group, when the text says how many.")] = None
    size_unstated: Annotated[Literal[True] | None, Field(description="True for a Group of unstated size.")] = None
    within: Annotated[list[EntityRef], Field(description="Places that, by the text, contain this one.")] = []
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(description="Words that describe it.")] = []
    note: Note = None


class Time(DocumentPart):
    """A time expression with bounds and how it was dated."""

    mapped_to = "TimeSpan"

    id: Identifier
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    edtf: Annotated[Words, Field(description="Extended Date/Time Format, ISO 8601-2; ranges of one date as [a..b].")]
    not_before: Annotated[date | None, Field(description="Lower bound; taken from edtf when absent.")] = None
    not_after: Annotated[date | None, Field(description="Upper bound; taken from edtf when absent.")] = None
    precision: Annotated[terms.Precision, CodeValue()]
    year_source: Annotated[terms.YearSource, CodeValue()]
    part_of_day: Annotated[terms.PartOfDay | None, CodeValue()] = None
    relative_to: TimeRef | None = None
    note: Note = None


class Situation(DocumentPart):
    """An event or state that a claim is about, or the act by which a source says something."""

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
    role_name: Annotated[Words | None, Field(description="The post or role, in the words of the text.")] = None
    topic_text: Annotated[Words | None, Field(description="What is asked or said, in words.")] = None
    note: Note = None


class Claim(DocumentPart):
    """One source's affirmation or denial of one situation, as worded in a passage."""

    mapped_to = "Claim"

    id: Identifier
    affirms: SituationRef | None = None
    denies: SituationRef | None = None
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    cue: Annotated[list[Quote], Field(description="The words that attribute it (“according to …”).")] = []
    originates_in: Annotated[SituationRef, Field(description="The innermost source act.")]
    reported_in: Annotated[SituationRef, Field(description="The publication by which the article carries it.")]
    attribution_mode: Annotated[terms.AttributionMode, CodeValue()]
    expression: Annotated[terms.Expression, CodeValue()]
    certainty: Annotated[terms.Certainty, CodeValue()]
    probability: Annotated[Decimal | None, Field(ge=0, le=1, description="Only where the source gives a number.")] = (
        None
    )
    conflicts_with: list[ClaimRef] = []
    extracted_by: Annotated[Words, Field(description="The person, or tool and version, that wrote this claim.")]
    extraction_confidence: Annotated[Decimal, Field(ge=0, le=1)]
    review_status: Annotated[terms.ReviewStatus, CodeValue()]
    note: Note = None

    @field_serializer("probability", "extraction_confidence", when_used="json-unless-none")
    def _number(self, value: Decimal) -> float:
        return float(value)


class Relation(DocumentPart):
    """Words that mark how two situations hang together."""

    mapped_to = "RelationCue"

    id: Identifier
    type: Annotated[terms.RelationType, CodeValue(), MappedTo("cg", "relationType")]
    source: Annotated[SituationRef, MappedTo("cg", "relationFrom"), Field(alias="from")]
    target: Annotated[list[SituationRef], MappedTo("cg", "relationTo"), Field(alias="to", min_length=1)]
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    note: Note = None


class Quantity(DocumentPart):
    """An amount or degree, as worded."""

    mapped_to = "Quantity"

    id: Identifier
    # Not rdfs:label: “doctors” is the label of the doctors, not of their number.
    label: Annotated[Labels, MappedTo("skos", "prefLabel")]
    value: Words
    quotes: Annotated[list[Quote], MappedTo("cg", "quotedIn"), Field(min_length=1)]
    quantifies: Annotated[list[Identifier], Unmapped(), Field(description="Ids of entities, situations or times.")] = []
    note: Note = None


_Bounded: Final = Field(max_length=10_000)
"""No article says more; without a bound, a list of empty items would cost a second for every 20 kB of it."""


class Document(DocumentPart):
    """All that one article says."""

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
        """Write the document as indented UTF-8 JSON without empty fields."""
        content = {"format": FORMAT} | self.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
        )
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def json_schema() -> dict[str, Any]:
    """Publish the contract as JSON Schema (draft 2020-12)."""
    schema = Document.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": FORMAT, **schema}


def schema_components(template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Publish the contract in parts: that of the document, and by name those that it refers to by ``template``."""
    schema = Document.model_json_schema(by_alias=True, ref_template=template)
    return schema, schema.pop("$defs")
