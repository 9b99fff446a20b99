"""Records of an explanation, as the command line and the HTTP API show them: quotes, source acts and inferences."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class QuoteAt(_Model):
    """A quote with its place and context.

    Attributes:
        passage: IRI of the passage.
        exact: the quoted words.
        start: offset of the first code point, from 0.
        end: offset after the last code point.
        before: the text before the quote.
        after: the text after the quote.
        section: the section of the article (``headline``, ``body``, …).
        segment: IRI of the segment that contains the quote.
    """

    passage: str
    exact: str
    start: int
    end: int
    before: str
    after: str
    section: str | None
    segment: str | None


class Named(_Model):
    """A resource with its class (local name) and its labels by language."""

    iri: str
    type: str | None
    label: dict[str, str]


class Act(_Model):
    """One hop of a chain of sources: a source act, who speaks in it and in which outlet."""

    act: Named
    reporter: list[Named]
    venue: list[Named]


class Statement(_Model):
    """A triple, with prefixed names where possible, and the kind of graph that contains it."""

    subject: str
    predicate: str
    object: str
    source: Literal["article", "inferred", "ontology", "reference"]


class Inference(_Model):
    """An inferred statement, the rule and the axiom that entail it, and its premises."""

    statement: Statement
    rule: str
    axiom: str
    premises: list[Statement]


class Explanation(_Model):
    """The provenance of one claim; ``chain`` leads from the publication to the innermost source act."""

    claim: str
    article: str
    polarity: Literal["affirms", "denies"]
    content: Named
    quotes: list[QuoteAt]
    cue: list[QuoteAt]
    chain: list[Act]
    attribution_mode: str
    expression: str
    certainty: str
    probability: float | None
    extracted_by: str
    extraction_confidence: float
    review_status: str
    inferred: list[Inference]


class StatementExplanation(_Model):
    """The provenance of one statement: quotes if it is asserted, a derivation if it is inferred."""

    statement: Statement
    article: str
    quotes: list[QuoteAt]
    derivation: list[Inference]
