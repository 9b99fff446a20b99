"""The contracts: vocabulary, shapes, JSON-LD context, and the JSON Schema of a claims document."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

import ontology
from api.app_context import Shared
from api.rendering import openapi_helpers, response_formats
from kg.document.document_model import json_schema
from kg.errors import NotFound
from kg.rdf import oxigraph

router = APIRouter(tags=["Vocabulary"], default_response_class=Response)

_PARTS = ("alignments", "codes", "crosswalk", "reference")


@router.get(
    "/ontology",
    summary="Read the vocabulary",
    responses={
        **openapi_helpers.answers(response_formats.GRAPHS, "The vocabulary (OWL 2 RL)."),
        **openapi_helpers.fails(406),
    },
)
def get_ontology(request: Request, shared: Shared) -> Response:
    """Give classes and properties with labels and definitions in English and Ukrainian."""
    return _data(request, shared, "claimgraph.ttl")


@router.get(
    "/ontology/{part}",
    summary="Read what goes with the vocabulary",
    responses={**openapi_helpers.answers(response_formats.GRAPHS, "The part."), **openapi_helpers.fails(404, 406)},
)
def get_ontology_part(part: str, request: Request, shared: Shared) -> Response:
    """Give `alignments` to other vocabularies, `codes`, the `crosswalk` to event schemes, or `reference` facts."""
    if part not in _PARTS:
        raise NotFound(f"There is no part “{part}” of the vocabulary.", remedy=f"Ask for one of {', '.join(_PARTS)}.")
    return _data(request, shared, f"{part}.ttl")


@router.get(
    "/shapes",
    summary="Read the shapes",
    responses={**openapi_helpers.answers(response_formats.GRAPHS, "The shapes (SHACL)."), **openapi_helpers.fails(406)},
)
def get_shapes(request: Request, shared: Shared) -> Response:
    """Give the constraints that an article graph must meet, each with a message and a remedy."""
    return _data(request, shared, "shapes.ttl")


@router.get(
    "/context.jsonld",
    summary="Read the JSON-LD context",
    responses=openapi_helpers.answers(("application/ld+json",), "The context."),
)
def get_context() -> Response:
    """Give the context that makes JSON with the names of the vocabulary into RDF."""
    return Response(ontology.read("context.jsonld"), media_type="application/ld+json")


@router.get(
    "/schema",
    summary="Read the contract of a claims document",
    responses=openapi_helpers.answers(("application/schema+json",), "JSON Schema, draft 2020-12."),
)
def get_schema() -> Response:
    """Give the JSON Schema that a claims document must meet before anything else."""
    return JSONResponse(json_schema(), media_type="application/schema+json")


def _data(request: Request, shared: Shared, name: str) -> Response:
    """Send a file of the ontology: as it is written, comments and all, when Turtle is what the client prefers."""
    media_type = response_formats.choose(request, response_formats.GRAPHS)
    text = ontology.read(name)
    if media_type == "text/turtle":
        return response_formats.negotiated(text, media_type)
    triples = oxigraph.parse(text.encode(), "text/turtle", shared.graph.store.names.base)
    return response_formats.rdf(triples, media_type)
