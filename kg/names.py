"""The IRIs of the product: namespaces, and the names of graphs and resources under one base IRI."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

PREFIXES: dict[str, str] = {
    "cg": CG,
    "code": CODE,
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "dcterms": DCTERMS,
    "skos": SKOS,
    "prov": "http://www.w3.org/ns/prov#",
    "schema": "https://schema.org/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "sem": "http://semanticweb.cs.vu.nl/2009/11/sem/",
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

    def is_managed(self, graph: str) -> bool:
        """Whether ``graph`` is written by the gate, the start-up or the linker only."""
        return re.match(self.managed_pattern, graph) is not None

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
