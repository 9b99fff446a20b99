"""Contracts: the vocabulary, the shapes, the JSON-LD context and the JSON Schema of a claims document."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

import ontology
from api.handler_services import Shared
from api.rendering import openapi_helpers, response_format_choice
from kg.document.document_model import json_schema
from kg.errors import NotFound
from kg.rdf import oxigraph, reproducible_blank_nodes

router = APIRouter(tags=["Vocabulary"], default_response_class=Response)

_PARTS = ("alignments", "codes", "crosswalk", "reference")


@router.get(
    "/ontology",
    summary="Read the vocabulary",
    responses={
        **openapi_helpers.response(response_format_choice.GRAPHS, "The vocabulary (OWL 2 RL)."),
        **openapi_helpers.problems(406),
    },
)
def get_ontology(request: Request, shared: Shared) -> Response:
    """Return classes and properties with labels and definitions in English and Ukrainian."""
    return _data(request, shared, "claimgraph.ttl")


@router.get(
    "/ontology/{part}",
    summary="Read an addition to the vocabulary",
    responses={
        **openapi_helpers.response(response_format_choice.GRAPHS, "The addition."),
        **openapi_helpers.problems(404, 406),
    },
)
def get_ontology_part(part: str, request: Request, shared: Shared) -> Response:
    """Return `alignments` to other vocabularies, `codes`, the `crosswalk` to event schemes, or `reference` facts."""
    if part not in _PARTS:
        raise NotFound(f"The vocabulary has no part “{part}”.", remedy=f"Request one of {', '.join(_PARTS)}.")
    return _data(request, shared, f"{part}.ttl")


@router.get(
    "/shapes",
    summary="Read the shapes",
    responses={
        **openapi_helpers.response(response_format_choice.GRAPHS, "The shapes (SHACL)."),
        **openapi_helpers.problems(406),
    },
)
def get_shapes(request: Request, shared: Shared) -> Response:
    """Return the constraints that an article graph must satisfy, each with a message and a remedy."""
    return _data(request, shared, "shapes.ttl")


@router.get(
    "/context.jsonld",
    summary="Read the JSON-LD context",
    responses=openapi_helpers.response(("application/ld+json",), "The context."),
)
def get_context() -> Response:
    """Return the context that maps JSON with the names of the vocabulary to RDF."""
    return Response(ontology.read("context.jsonld"), media_type="application/ld+json")


@router.get(
    "/schema",
    summary="Read the JSON Schema of a claims document",
    responses=openapi_helpers.response(("application/schema+json",), "JSON Schema, draft 2020-12."),
)
def get_schema() -> Response:
    """Return the JSON Schema that a claims document must satisfy before any other check."""
    return JSONResponse(json_schema(), media_type="application/schema+json")


def _data(request: Request, shared: Shared, name: str) -> Response:
    """Return a file of the ontology; as Turtle it is sent unchanged, with its comments."""
    media_type = response_format_choice.choose(request, response_format_choice.GRAPHS)
    text = ontology.read(name)
    if media_type == "text/turtle":
        return response_format_choice.negotiated(text, media_type)
    quads = oxigraph.parse(text.encode(), "text/turtle", shared.graph.store.names.base)
    return response_format_choice.rdf(reproducible_blank_nodes.numbered(quads), media_type)
