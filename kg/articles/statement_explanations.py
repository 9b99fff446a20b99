"""Provenance of claims and statements: quotes and chain of sources, or axiom and premises of an inference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Literal, TypeVar

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.namespace import DCTERMS
from rdflib.term import Node
from rdflib.util import from_n3

from kg.articles.article_repository import Articles
from kg.articles.explanation_records import (
    Act,
    Explanation,
    Inference,
    Named,
    QuoteAt,
    Statement,
    StatementExplanation,
)
from kg.errors import Ambiguous, BadInput, NotFound
from kg.gate.owl_closure_and_contradictions import Closure, Derivation, Triple
from kg.iris import CG, CODE, PREFIXES, short_iri
from kg.rdf import oxigraph, rdflib_conversion
from kg.rdf.rdflib_conversion import cg

T = TypeVar("T", bound=Hashable)

_CONTEXT = 60
"""Code points of the text that are shown before and after a quote."""
_CONTENT = (cg("affirms"), cg("denies"))


class Evidence:
    """The evidence in one article graph.

    Attributes:
        facts: the article graph.
        closure: its closure.
        article: IRI of the article.
        text: text of the article.
    """

    def __init__(self, facts: Graph, closure: Closure) -> None:
        self.facts = facts
        self.closure = closure
        self.article = next(facts.subjects(RDF.type, cg("Article")))
        self.text = str(facts.value(self.article, cg("text")))

    def passages(self, node: Node) -> list[Node]:
        """Return the passages that are direct evidence of a resource; none for the article itself."""
        return sorted(set(self._passages(node)), key=str)

    def _passages(self, node: Node) -> Iterator[Node]:
        facts = self.facts
        if (node, cg("exact"), None) in facts:
            yield node
            return
        yield from facts.objects(node, cg("quotedIn"))
        yield from facts.subjects(cg("denotes"), node)
        for polarity in _CONTENT:
            for claim in facts.subjects(polarity, node):
                yield from facts.objects(claim, cg("quotedIn"))

    def supporting(self, node: Node) -> list[Node]:
        """Return the passages that support a resource: its own, or those of the resources that refer to it.

        Example: an unnamed agent has no mention; the words of the event that implies the agent are its evidence.
        """
        own = self.passages(node)
        if own or node == self.article:
            return own
        return sorted({p for user in self.facts.subjects(None, node) for p in self.passages(user)}, key=str)

    def quote(self, passage: Node) -> QuoteAt:
        """Return a passage with the text around it."""
        start, end = (int(str(self.facts.value(passage, cg(name)))) for name in ("start", "end"))
        section, segment = (self.facts.value(passage, cg(name)) for name in ("section", "inSegment"))
        return QuoteAt(
            passage=str(passage),
            exact=str(self.facts.value(passage, cg("exact"))),
            start=start,
            end=end,
            before=self.text[max(0, start - _CONTEXT) : start],
            after=self.text[end : end + _CONTEXT],
            section=None if section is None else str(section).removeprefix(CODE),
            segment=None if segment is None else str(segment),
        )

    def quotes(self, node: Node, prop: str) -> list[QuoteAt]:
        """Return the passages that are values of a property of a resource, in the order of the text."""
        found = [self.quote(passage) for passage in self.facts.objects(node, cg(prop))]
        return sorted(found, key=lambda quote: (quote.start, quote.end))

    def named(self, node: Node) -> Named:
        """Return a resource with its class and labels."""
        kind = self.facts.value(node, RDF.type)
        labels = [label for label in self.facts.objects(node, RDFS.label) if isinstance(label, RdfLiteral)]
        return Named(
            iri=str(node),
            type=None if kind is None else str(kind).removeprefix(CG),
            label={str(label.language): str(label) for label in labels},
        )

    def chain(self, claim: Node) -> list[Node]:
        """Return the source acts of a claim, from the publication to the origin: the shortest path of ``cg:relays``."""
        first, last = (self.facts.value(claim, cg(name)) for name in ("reportedIn", "originatesIn"))
        assert first is not None
        assert last is not None
        return shortest_way(first, last, lambda act: sorted(self.facts.objects(act, cg("relays")), key=str))

    def act(self, node: Node) -> Act:
        """Return one hop of a chain of sources."""
        return Act(
            act=self.named(node),
            reporter=[self.named(agent) for agent in sorted(self.facts.objects(node, cg("reporter")), key=str)],
            venue=[self.named(outlet) for outlet in sorted(self.facts.objects(node, cg("venue")), key=str)],
        )

    def statement(self, triple: Triple) -> Statement:
        """Return a triple with prefixed names and the kind of graph that contains it."""
        source: Literal["article", "inferred", "ontology", "reference"]
        if triple in self.facts:
            source = "article"
        elif triple in self.closure.derivations:
            source = "inferred"
        else:
            source = "reference"
        s, p, o = (shorten(term) for term in triple)
        return Statement(subject=s, predicate=p, object=o, source=source)

    def inference(self, triple: Triple) -> Inference:
        """Return the derivation of an inferred triple."""
        derivation: Derivation = self.closure.derivations[triple]
        return Inference(
            statement=self.statement(triple),
            rule=derivation.rule.name,
            axiom=derivation.rule.axiom,
            premises=[self.statement(premise) for premise in derivation.premises],
        )

    def derivation(self, triple: Triple) -> list[Inference]:
        """Return the derivation of a triple down to asserted premises; each inferred premise once, after its use."""
        todo, seen = [triple], {triple}
        steps = []
        for current in todo:  # which grows while it is iterated over: a breadth-first search
            steps.append(self.inference(current))
            for premise in self.closure.derivations[current].premises:
                if premise in self.closure.derivations and premise not in seen:
                    seen.add(premise)
                    todo.append(premise)
        return steps


def shortest_way(first: T, last: T, following: Callable[[T], Iterable[T]]) -> list[T]:
    """Return the shortest path from one act to another, both included; the first act alone if there is no path.

    Args:
        first: the start of the path.
        last: the end of the path.
        following: returns the acts that directly follow an act.
    """
    paths = [[first]]
    seen = {first}
    for path in paths:  # which grows while it is iterated over: a breadth-first search
        if path[-1] == last:
            return path
        for act in following(path[-1]):
            if act not in seen:
                seen.add(act)
                paths.append([*path, act])
    return [first]


def evidence(articles: Articles, identifier: str) -> Evidence:
    """Return the evidence of one article; its closure is computed again, as the store has no derivations.

    Raises:
        NotFound: the article does not exist.
    """
    facts = articles.facts(identifier)
    return Evidence(facts, articles.close(facts))


def explain_claim(articles: Articles, key: str) -> Explanation:
    """Return the provenance of a claim; see :meth:`kg.knowledge_graph.ReadableGraph.why`."""
    article, claim = find_claim(articles, key)
    found = evidence(articles, article)
    facts = found.facts
    polarity: Literal["affirms", "denies"] = "affirms" if (claim, cg("affirms"), None) in facts else "denies"
    content = facts.value(claim, cg(polarity))
    assert content is not None
    value = {name: facts.value(claim, cg(name)) for name in _CLAIM_VALUES}
    return Explanation(
        claim=str(claim),
        article=str(found.article),
        polarity=polarity,
        content=found.named(content),
        quotes=found.quotes(claim, "quotedIn"),
        cue=found.quotes(claim, "cue"),
        chain=[found.act(act) for act in found.chain(claim)],
        attribution_mode=str(value["attributionMode"]).removeprefix(CODE),
        expression=str(value["expression"]).removeprefix(CODE),
        certainty=str(value["certainty"]).removeprefix(CODE),
        probability=None if value["probability"] is None else float(str(value["probability"])),
        extracted_by=str(value["extractedBy"]),
        extraction_confidence=float(str(value["extractionConfidence"])),
        review_status=str(value["reviewStatus"]).removeprefix(CODE),
        inferred=[found.inference(t) for t in sorted(found.closure.derivations) if claim in (t[0], t[2])],
    )


_CLAIM_VALUES = (
    "attributionMode",
    "expression",
    "certainty",
    "probability",
    "extractedBy",
    "extractionConfidence",
    "reviewStatus",
)


def explain_statement(articles: Articles, subject: str, predicate: str, obj: str) -> StatementExplanation:
    """Return the provenance of a statement; see :meth:`kg.knowledge_graph.ReadableGraph.why_statement`."""
    triple = (URIRef(expand(subject)), URIRef(expand(predicate)), _object(obj))
    for quad in _stating(articles, triple):
        name = oxigraph.graph_of(quad)
        inferred = name.removeprefix(articles.names.inferred_graph(""))
        article = inferred if inferred != name else articles.names.article_of(name)
        if article is None:
            continue
        found = evidence(articles, article)
        triple = (triple[0], triple[1], rdflib_conversion.to_rdflib(quad.object))  # as stored: a 1.0 may be 1 there
        return StatementExplanation(
            statement=found.statement(triple),
            article=str(found.article),
            quotes=[] if inferred != name else [found.quote(passage) for passage in found.supporting(triple[0])],
            derivation=found.derivation(triple) if inferred != name else [],
        )
    raise NotFound(
        "No article states this, and it does not follow from any article.",
        remedy="Write subject, predicate and object as IRIs or prefixed names, as a query shows them.",
    )


def _stating(articles: Articles, triple: Triple) -> list[oxigraph.Quad]:
    """Return the quads of a triple in all graphs.

    Raises:
        BadInput: a term is not valid.
    """
    try:
        s, p, o = (rdflib_conversion.from_term(term) for term in triple)
    except ValueError as error:  # an invalid IRI, datatype or character
        raise BadInput(f"This is not a statement: {error}.", remedy="Write IRIs as in RFC 3987.") from None
    assert isinstance(s, oxigraph.NamedNode)
    assert isinstance(p, oxigraph.NamedNode)
    return articles.store.match(s, p, o)


def _object(text: str) -> Node:
    """Parse an object: an IRI, a prefixed name, or a literal in N-Triples syntax (in double quotes)."""
    if not text.startswith('"'):
        return URIRef(expand(text))
    try:
        literal = from_n3(text)
    except (ValueError, TypeError, KeyError):
        literal = None
    if not isinstance(literal, RdfLiteral):
        raise BadInput(f"{text} is not a literal.", remedy='Write it as in N-Triples: "words"@en, or "1"^^<datatype>.')
    return literal


def find_claim(articles: Articles, key: str) -> tuple[str, URIRef]:
    """Return the article id and the IRI of a claim, found by IRI, ``article/claim`` or local id.

    Raises:
        NotFound: no claim has that key.
        Ambiguous: several articles have a claim of that local id.
    """
    prefix = articles.names.article("")
    # “seed/C22” names an article and a claim; “C22” alone is searched in all articles.
    path = key.removeprefix(prefix).removeprefix("article/")
    article, slash, local = path.partition("/")
    named = oxigraph.Literal(local if slash else path)
    quads = articles.store.match(None, oxigraph.NamedNode(str(DCTERMS.identifier)), named)
    home = articles.names.article_graph(article)
    claims = [quad for quad in quads if (not slash or oxigraph.graph_of(quad) == home) and _is_claim(articles, quad)]
    matching = sorted(str(rdflib_conversion.to_rdflib(quad.subject)) for quad in claims)
    if not matching:
        raise NotFound(f"There is no claim “{key}”.", remedy="Name it by its IRI, or as article/claim (seed/C22).")
    if len(matching) > 1:
        shown = ", ".join(iri.removeprefix(prefix) for iri in matching[:5])
        raise Ambiguous(f"“{key}” matches {len(matching)} claims: {shown}.", remedy="Name it as article/claim.")
    return matching[0].removeprefix(prefix).split("/", 1)[0], URIRef(matching[0])


def _is_claim(articles: Articles, quad: oxigraph.Quad) -> bool:
    """Return whether the subject of a quad is a claim of an article, and not of a user's own graph."""
    home = oxigraph.graph_of(quad)
    kind = oxigraph.NamedNode(str(RDF.type)), oxigraph.NamedNode(CG + "Claim")
    return articles.names.article_of(home) is not None and bool(articles.store.match(quad.subject, *kind, home))


def expand(name: str) -> str:
    """Return the IRI of a prefixed name; an IRI is returned without angle brackets.

    Raises:
        BadInput: the name is neither an IRI nor a known prefixed name.
    """
    name = name.removeprefix("<").removesuffix(">")
    prefix, colon, local = name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix] + local
    if prefix in ("http", "https", "urn"):
        return name
    raise BadInput(f"“{name}” is not an IRI or a known prefixed name.", remedy="Known: " + ", ".join(PREFIXES) + ".")


def shorten(term: Node) -> str:
    """Return a term as a prefixed name if a prefix matches, or as an IRI; a literal in N-Triples syntax."""
    if isinstance(term, RdfLiteral):
        return term.n3()
    return short_iri(str(term))
