"""IRIs of the product: namespaces, prefixes, and the names of graphs and resources under one base IRI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

CG = "https://w3id.org/claimgraph/ns#"
CODE = "https://w3id.org/claimgraph/code/"
SHAPES = "https://w3id.org/claimgraph/shapes#"
GENID = "https://w3id.org/claimgraph/.well-known/genid/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
DCTERMS = "http://purl.org/dc/terms/"
SKOS = "http://www.w3.org/2004/02/skos/core#"
FOAF = "http://xmlns.com/foaf/0.1/"
PAV = "http://purl.org/pav/"
PROV = "http://www.w3.org/ns/prov#"
SEMAPV = "https://w3id.org/semapv/vocab/"
SSSOM = "https://w3id.org/sssom/"
VOID = "http://rdfs.org/ns/void#"

PREFIXES: dict[str, str] = {
    "cg": CG,
    "code": CODE,
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "dcterms": DCTERMS,
    "skos": SKOS,
    "prov": PROV,
    "schema": "https://schema.org/",
    "foaf": FOAF,
    "sem": "http://semanticweb.cs.vu.nl/2009/11/sem/",
    "sssom": SSSOM,
    "semapv": SEMAPV,
    "void": VOID,
    "pav": PAV,
    "wd": "http://www.wikidata.org/entity/",
}


def short_iri(iri: str) -> str:
    """Return an IRI as a prefixed name where a prefix of :data:`PREFIXES` fits, else unchanged.

    >>> short_iri("https://w3id.org/claimgraph/ns#Claim")
    'cg:Claim'
    """
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and iri != namespace:
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


_BASE = re.compile(r"https?://[^\s<>\"{}|\\^`\[\]?#\ud800-\udfff]+/")


def is_base(text: str) -> bool:
    """Return whether a text can be the base of all generated IRIs: an http(s) address that ends in a slash."""
    return _BASE.fullmatch(text) is not None


@dataclass(frozen=True)
class Names:
    """IRIs of graphs and resources in one dataset.

    Attributes:
        base: prefix of every generated IRI; ends in ``/``.
    """

    base: str

    @property
    def ontology_graph(self) -> str:
        """Graph of the vocabulary, code lists and alignments."""
        return f"{self.base}graph/ontology"

    @property
    def reference_graph(self) -> str:
        """Graph of reference facts that no article states: countries, containment of places."""
        return f"{self.base}graph/reference"

    @property
    def default_graph(self) -> str:
        """Graph of user triples that were written without a graph name."""
        return f"{self.base}graph/default"

    @property
    def shadow_prefix(self) -> str:
        """Prefix of scratch graphs that exist only within one transaction."""
        return f"{self.base}graph/shadow/"

    @property
    def dataset(self) -> str:
        """IRI of the whole dataset in the SPARQL service description."""
        return f"{self.base}sparql#dataset"

    def article(self, identifier: str) -> str:
        """Return the IRI of an article."""
        return f"{self.base}article/{identifier}"

    def article_graph(self, identifier: str) -> str:
        """Return the name of the article graph: everything one article says."""
        return f"{self.base}graph/article/{identifier}"

    def inferred_graph(self, identifier: str) -> str:
        """Return the name of the inferred graph: the closure of one article."""
        return f"{self.base}graph/inferred/{identifier}"

    def local(self, article: str, identifier: str) -> str:
        """Return the IRI of a situation, claim, time, … that belongs to one article."""
        return f"{self.base}article/{article}/{identifier}"

    def passage(self, article: str, start: int, end: int) -> str:
        """Return the IRI of a passage, in the style of RFC 5147 ``char=`` fragments.

        ``start`` and ``end`` are offsets in code points, half-open.
        """
        return f"{self.base}article/{article}/char={start},{end}"

    def entity(self, slug: str) -> str:
        """Return the IRI of an entity; it is the same in every article."""
        return f"{self.base}entity/{slug}"

    def links_graph(self, dataset: str) -> str:
        """Return the name of the graph of accepted links to one outside dataset, each with its reasons."""
        return f"{self.base}graph/links/{dataset}"

    def rejected_graph(self, dataset: str) -> str:
        """Return the name of the graph of rejected links, separate so that they are not mistaken for links."""
        return self.links_graph(f"rejected/{dataset}")

    @property
    def decisions_graph(self) -> str:
        """Graph of the decision log: every proposal, acceptance, rejection and undo of a link, in order."""
        return self.links_graph("log/decisions")

    def linkset(self, dataset: str) -> str:
        """Return the IRI of the linkset (VoID) of all accepted links to one dataset."""
        return f"{self.base}link/{dataset}"

    def link(self, dataset: str, identifier: str, subject: str) -> str:
        """Return the IRI of the record of a link, accepted or rejected.

        Args:
            dataset: key of the outside dataset.
            identifier: the record in that dataset.
            subject: IRI of the entity.
        """
        return f"{self.linkset(dataset)}/{quote(identifier, '')}/{quote(subject.removeprefix(self.base), '')}"

    def decision(self, number: int) -> str:
        """Return the IRI of one entry of the decision log."""
        return f"{self.linkset('log')}/{number}"

    def reviewer(self, name: str) -> str:
        """Return the IRI of a reviewer of links, by the name of the token."""
        return f"{self.linkset('reviewer')}/{quote(name, '')}"

    def is_managed(self, graph: str) -> bool:
        """Return whether ``graph`` is a managed graph, which users cannot write."""
        return re.match(self.managed_pattern, graph) is not None

    def family(self, graph: str) -> str:
        """Return the common prefix of all managed graphs of the kind of ``graph``; empty for a user's graph.

        With the base ``https://x/``, ``https://x/graph/article/7`` has the family ``https://x/graph/article/``.
        """
        found = re.match(self.managed_pattern, graph)
        return found[0] if found else ""

    @property
    def managed_pattern(self) -> str:
        """Regular expression for the names of managed graphs; valid in Python and in SPARQL."""
        # ``[.]`` instead of ``\.``: in a SPARQL string literal the backslash would have to be doubled.
        base = re.sub(r"([.?+*(){}|$])", r"[\1]", self.base)
        return f"^{base}graph/(ontology$|reference$|(article|inferred|links|shadow)/)"

    def article_of(self, graph: str) -> str | None:
        """Return the article id of an article graph, or ``None`` for any other graph."""
        prefix = self.article_graph("")
        return graph.removeprefix(prefix) if graph.startswith(prefix) else None
