"""The IRIs of the product: namespaces, and the names of graphs and resources under one base IRI."""

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
    """Write an IRI with a prefix where one fits."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and iri != namespace:
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


@dataclass(frozen=True)
class Names:
    """Every IRI that we mint lies under ``base``, which ends in ``/``."""

    base: str

    @property
    def ontology_graph(self) -> str:
        """Vocabulary, code lists and alignments."""
        return f"{self.base}graph/ontology"

    @property
    def reference_graph(self) -> str:
        """World knowledge that no article states: containment of places, countries."""
        return f"{self.base}graph/reference"

    @property
    def default_graph(self) -> str:
        """Where a user's triples go that were written without a graph name."""
        return f"{self.base}graph/default"

    @property
    def shadow_prefix(self) -> str:
        """Names of scratch graphs that live only inside one transaction."""
        return f"{self.base}graph/shadow/"

    @property
    def dataset(self) -> str:
        """All of the store, as the description of the SPARQL service names it."""
        return f"{self.base}sparql#dataset"

    def article(self, identifier: str) -> str:
        """The article itself."""
        return f"{self.base}article/{identifier}"

    def article_graph(self, identifier: str) -> str:
        """What one article says."""
        return f"{self.base}graph/article/{identifier}"

    def inferred_graph(self, identifier: str) -> str:
        """What follows from what one article says."""
        return f"{self.base}graph/inferred/{identifier}"

    def local(self, article: str, identifier: str) -> str:
        """A situation, claim, time, … of one article."""
        return f"{self.base}article/{article}/{identifier}"

    def passage(self, article: str, start: int, end: int) -> str:
        """A passage, in the style of RFC 5147 ``char=`` fragments (code points, half-open)."""
        return f"{self.base}article/{article}/char={start},{end}"

    def entity(self, slug: str) -> str:
        """An entity; the same in every article."""
        return f"{self.base}entity/{slug}"

    def links_graph(self, dataset: str) -> str:
        """The accepted links to one outside dataset, each with a record of why."""
        return f"{self.base}graph/links/{dataset}"

    def rejected_graph(self, dataset: str) -> str:
        """What is known not to be the same, apart from the links, so that nobody takes one for the other."""
        return self.links_graph(f"rejected/{dataset}")

    @property
    def decisions_graph(self) -> str:
        """Every proposal, decision and undoing about links, in the order in which they were made."""
        return self.links_graph("log/decisions")

    def linkset(self, dataset: str) -> str:
        """All accepted links to one dataset, as a thing that can be described."""
        return f"{self.base}link/{dataset}"

    def link(self, dataset: str, identifier: str, subject: str) -> str:
        """The record of a link, accepted or rejected."""
        return f"{self.linkset(dataset)}/{quote(identifier, '')}/{quote(subject.removeprefix(self.base), '')}"

    def decision(self, number: int) -> str:
        """One entry of the log of decisions."""
        return f"{self.linkset('log')}/{number}"

    def reviewer(self, name: str) -> str:
        """Somebody who decides about links, by the name of the token."""
        return f"{self.linkset('reviewer')}/{quote(name, '')}"

    def is_managed(self, graph: str) -> bool:
        """Whether ``graph`` is written by the gate, the start-up or the linker only."""
        return re.match(self.managed_pattern, graph) is not None

    def family(self, graph: str) -> str:
        """What the names of all managed graphs of one kind begin with; empty for a user's graph."""
        found = re.match(self.managed_pattern, graph)
        return found[0] if found else ""

    @property
    def managed_pattern(self) -> str:
        """A regular expression (the same in Python and SPARQL) for the names of managed graphs."""
        # A class of one character escapes it without a backslash, which SPARQL strings would want doubled.
        base = re.sub(r"([.?+*(){}|$])", r"[\1]", self.base)
        return f"^{base}graph/(ontology$|reference$|(article|inferred|links|shadow)/)"

    def article_of(self, graph: str) -> str | None:
        """The article id of an article graph's name, if it is one."""
        prefix = self.article_graph("")
        return graph.removeprefix(prefix) if graph.startswith(prefix) else None
