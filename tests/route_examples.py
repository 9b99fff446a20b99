"""An address for every route that is read by GET, for tests that walk all of them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from fastapi import FastAPI

BASE = "http://127.0.0.1:8000/"
OWN = "http://testserver/graphs/own"
"""A graph that a test may fill, named by the address that a client of tests asks."""

_STATEMENT = (
    "subject=http://127.0.0.1:8000/entity/putin&object=https://w3id.org/claimgraph/ns%23Person"
    "&predicate=http://www.w3.org/1999/02/22-rdf-syntax-ns%23type"
)
_BATCH = quote('{"q0": {"query": "Putin"}}')
_QUERIES = (
    "SELECT ?t (COUNT(*) AS ?n) { ?s a ?t } GROUP BY ?t",
    "SELECT DISTINCT ?p ?g { GRAPH ?g { ?s ?p ?o } }",
    "SELECT * { ?s a ?t . ?s <http://www.w3.org/2000/01/rdf-schema#label> ?l OPTIONAL { ?x ?y ?s } } LIMIT 2000",
    "SELECT * { ?s <http://www.w3.org/2000/01/rdf-schema#subClassOf>+ ?o }",
    "CONSTRUCT { ?s a ?t } WHERE { ?s a ?t }",
    "DESCRIBE <http://127.0.0.1:8000/entity/putin>",
    "ASK {}",
)

ADDRESSES = {
    "/": ["/"],
    "/docs": ["/docs"],
    "/openapi.json": ["/openapi.json"],
    "/static": ["/static/style.css"],
    "/healthz": ["/healthz"],
    "/readyz": ["/readyz"],
    "/metrics": ["/metrics"],
    "/admin/backup": ["/admin/backup"],
    "/guide/": ["/guide/"],
    "/guide/{page}": ["/guide/queries"],
    "/questions": ["/questions"],
    "/questions/{key}": ["/questions/who-told-the-story"],
    "/articles": ["/articles"],
    "/articles/{identifier}": ["/articles/seed"],
    "/claims/{claim}/why": ["/claims/C01/why"],
    "/why": [f"/why?{_STATEMENT}"],
    "/review": ["/review"],
    "/reconcile/0.2": ["/reconcile/0.2", f"/reconcile/0.2?queries={_BATCH}"],
    "/reconcile/0.2/suggest/{kind}": ["/reconcile/0.2/suggest/entity?prefix=Pu"],
    "/reconcile/0.2/preview": ["/reconcile/0.2/preview?id=http://127.0.0.1:8000/entity/putin"],
    "/reconcile/0.2/extend/propose": ["/reconcile/0.2/extend/propose?type=Person"],
    "/reconcile/1.0": ["/reconcile/1.0"],
    "/reconcile/1.0/suggest/{kind}": ["/reconcile/1.0/suggest/entity?prefix=Pu"],
    "/reconcile/1.0/preview": ["/reconcile/1.0/preview?id=http://127.0.0.1:8000/entity/putin"],
    "/reconcile/1.0/extend/propose": ["/reconcile/1.0/extend/propose?type=Person"],
    "/sparql": ["/sparql", *(f"/sparql?query={quote(query)}" for query in _QUERIES)],
    "/graphs": ["/graphs?default", "/graphs?graph=http://127.0.0.1:8000/graph/ontology"],
    "/graphs/{path}": ["/graphs/own"],
    "/ontology": ["/ontology"],
    "/ontology/{part}": [f"/ontology/{part}" for part in ("alignments", "codes", "crosswalk", "reference")],
    "/shapes": ["/shapes"],
    "/context.jsonld": ["/context.jsonld"],
    "/schema": ["/schema"],
    "/link/{path}": ["/link/none"],
    "/graph/{path}": ["/graph/article/seed"],
    "/article/{path}": ["/article/seed"],
    "/entity/{path}": ["/entity/putin"],
    "/describe": ["/describe?iri=https://w3id.org/claimgraph/ns%23Claim"],
}
"""Addresses by route; those of the seed article and of what the tests put beside it."""

ACCEPTED = (
    "text/html",
    "text/turtle",
    "application/n-triples",
    "application/n-quads",
    "application/ld+json",
    "application/rdf+xml",
    "application/sparql-results+json",
    "text/csv",
    "application/json",
    "text/markdown",
)
"""Media types of all answers."""


def addresses() -> Iterator[tuple[str, str]]:
    """Yield each address with each media type."""
    yield from ((address, accept) for found in ADDRESSES.values() for address in found for accept in ACCEPTED)


def readable_routes(app: FastAPI) -> set[str]:
    """Return the routes of an application that are read by GET, those without a description included."""
    described = {path for path, methods in app.openapi()["paths"].items() if "get" in methods}
    return described | {"/", "/docs", "/openapi.json", "/static"}
