"""SPARQL 1.1 Graph Store HTTP Protocol, with indirect and direct graph identification."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api.authorization import Reading, Writing
from api.handler_services import AppContext
from api.http import multipart, request_parsing
from api.rendering import openapi_helpers, response_format_choice
from api.rendering.openapi_helpers import Json
from kg.errors import MalformedText, NotFound, Unwritable
from kg.knowledge_graph import WritableGraph
from kg.rdf import media_types
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats

router = APIRouter(tags=["Graph store"], default_response_class=Response)

_INDIRECT = "/graphs"
_DIRECT = "/graphs/{path:path}"
_FORM = "multipart/form-data"

_GRAPH_PARAMETERS = [
    openapi_helpers.query_parameter("graph", "The IRI of a named graph."),
    openapi_helpers.query_parameter(
        "default", "The default graph, with any value or without one. For reading it is the union of all graphs."
    ),
]
_PATH_PARAMETERS = [openapi_helpers.path_parameter("path", "The rest of the graph's IRI.")]
_WRITE = openapi_helpers.problems(400, 401, 403, 413, 415, 422)
_READ = {
    **openapi_helpers.response(response_format_choice.GRAPHS, "The graph."),
    **openapi_helpers.problems(400, 401, 404, 406, 422, 429, 503, 504),
}
_CREATED: dict[int | str, Json] = {
    **openapi_helpers.response(status=201, description="The graph was created."),
    **openapi_helpers.response(status=204, description="The graph was changed."),
}
_BODY = openapi_helpers.request_body(*response_format_choice.READABLE)
_BODY_OR_FORM = openapi_helpers.request_body(*response_format_choice.READABLE, _FORM)


_EVERY_TRIPLE = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"


@dataclass(frozen=True)
class RdfPayload:
    """One RDF body or form part, with its media type."""

    data: bytes
    media_type: str


@router.get(
    _DIRECT,
    summary="Read the graph at this address",
    operation_id="get_direct",
    responses=_READ,
    openapi_extra={"parameters": _PATH_PARAMETERS},
)
@router.get(_INDIRECT, summary="Read a graph", responses=_READ, openapi_extra={"parameters": _GRAPH_PARAMETERS})
async def get_graph(request: Request, shared: Reading) -> Response:
    """Return the triples of a graph (clause 5.2)."""
    graph = _identify(request)
    media_type = response_format_choice.choose(request, response_format_choice.GRAPHS)
    if graph is not None and not await shared.in_thread(shared.graph.store.has_graph, graph):
        raise _not_found(graph)
    dataset = QueryDataset(default_graphs=[graph]) if graph else None
    try:
        found = await shared.query(request, _EVERY_TRIPLE, ResultFormats(graph=media_type), dataset)
    except Unwritable as error:
        media_type = response_format_choice.other_than_xml(request, response_format_choice.GRAPHS, error)
        found = await shared.query(request, _EVERY_TRIPLE, ResultFormats(graph=media_type), dataset)
    return response_format_choice.negotiated(found.content, media_type)


@router.put(
    _DIRECT,
    summary="Replace the graph at this address",
    operation_id="put_direct",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _PATH_PARAMETERS, "requestBody": _BODY},
)
@router.put(
    _INDIRECT,
    summary="Replace a graph",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _GRAPH_PARAMETERS, "requestBody": _BODY},
)
async def put_graph(request: Request, shared: Writing) -> Response:
    """Replace the triples of a graph, or create it (clause 5.3). Relative IRIs are resolved against the graph's IRI."""
    graph = _writable(request, shared)
    contents = await _contents(request, shared, response_format_choice.READABLE)
    created = await _write(request, shared, "replace graph", graph, contents)
    return Response(status_code=201 if created else 204)


@router.post(
    _DIRECT,
    summary="Add to the graph at this address",
    operation_id="post_direct",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _PATH_PARAMETERS, "requestBody": _BODY_OR_FORM},
)
@router.post(
    _INDIRECT,
    summary="Add to a graph, or create one",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _GRAPH_PARAMETERS, "requestBody": _BODY_OR_FORM},
)
async def post_graph(request: Request, shared: Writing) -> Response:
    """Add triples to a graph (clause 5.5); each part of a form is parsed by its media type, or by its file name.

    Without `graph` or `default` a new graph is created; `Location` holds its address, which is also its IRI.
    """
    new = not _names_graph(request)  # clause 5.5: a POST to the graph store itself creates a graph
    graph = f"{request_parsing.address(request).rstrip('/')}/{uuid.uuid4()}" if new else _writable(request, shared)
    contents = await _contents(request, shared, (*response_format_choice.READABLE, _FORM))
    created = await _write(request, shared, "merge graph", graph, contents)
    headers = {"Location": graph} if new and graph is not None else None
    return Response(status_code=201 if created else 204, headers=headers)


@router.delete(
    _DIRECT,
    summary="Delete the graph at this address",
    operation_id="delete_direct",
    status_code=204,
    responses={
        **openapi_helpers.response(status=204, description="The graph was deleted."),
        **openapi_helpers.problems(400, 401, 403, 404),
    },
    openapi_extra={"parameters": _PATH_PARAMETERS},
)
@router.delete(
    _INDIRECT,
    summary="Delete a graph",
    status_code=204,
    responses={
        **openapi_helpers.response(status=204, description="The graph was deleted."),
        **openapi_helpers.problems(400, 401, 403, 404),
    },
    openapi_extra={"parameters": _GRAPH_PARAMETERS},
)
async def delete_graph(request: Request, shared: Writing) -> Response:
    """Delete a graph and its triples (clause 5.4)."""
    graph = _writable(request, shared)
    await shared.in_thread(_delete, shared, graph)
    return Response(status_code=204)


# ---- graph identification


def _names_graph(request: Request) -> bool:
    parameters = request_parsing.query_parameters(request)
    named = any(request_parsing.present(parameters, name) for name in ("graph", "default"))
    return named or bool(request.path_params.get("path"))


def _identify(request: Request) -> str | None:
    """Return the IRI of the graph that a request addresses; ``None`` is the default graph (clause 4).

    Raises:
        MalformedText: the request names no graph, or several, or a name that is not an IRI.
    """
    parameters = request_parsing.query_parameters(request)
    graph, default = request_parsing.single(parameters, "graph"), request_parsing.present(parameters, "default")
    if graph is not None and default:
        raise MalformedText("The request names both a named graph and the default graph.", remedy="Name one of them.")
    if default:
        return None
    if graph is not None:
        return request_parsing.check_iri(graph)
    if not request.path_params.get("path"):
        raise MalformedText("The request does not name a graph.", remedy="Add ?graph= with an IRI, or ?default.")
    return request_parsing.address(request)


def _writable(request: Request, shared: AppContext[WritableGraph]) -> str | None:
    """Return the graph to write; the default graph of users is a named graph, unless the store is bare.

    Raises:
        Forbidden: the graph is managed, or the token of the caller does not cover it.
    """
    store = shared.graph.store
    graph = _identify(request)
    if graph is None and not store.bare:
        graph = store.names.default_graph
    if graph is not None:
        store.refuse_managed(graph)
    return graph


# ---- request bodies


async def _contents(request: Request, shared: AppContext[WritableGraph], accepted: tuple[str, ...]) -> list[RdfPayload]:
    """Read the body: one payload, or one for each part of a form."""
    kind = request_parsing.content_type(request, accepted)
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    if kind.name != _FORM:
        return [RdfPayload(body, kind.name)]
    return [_content(part) for part in multipart.parse(body, kind.parameters.get("boundary", ""))]


def _content(part: multipart.FormPart) -> RdfPayload:
    kind = part.media_type
    request_parsing.check_charset(kind)
    known = media_types.ALIASES.get(kind.name, kind.name) in media_types.GRAPHS
    return RdfPayload(part.content, kind.name if known else media_types.media_type_of(part.file_name))


# ---- writes to the store, off the event loop


async def _write(
    request: Request, shared: AppContext[WritableGraph], task: str, graph: str | None, contents: list[RdfPayload]
) -> bool:
    """Parse the payloads, write them, and return whether the graph was created."""
    parts = [(content.media_type, len(content.data)) for content in contents]
    data = b"".join(content.data for content in contents)
    found = await shared.write(request, task, {"graph": graph, "parts": parts}, data)
    return found.values["outcome"] == "created" and graph not in (None, shared.graph.store.names.default_graph)


def _delete(shared: AppContext[WritableGraph], graph: str | None) -> None:
    store = shared.graph.store
    if graph is None:
        store.clear_default(None)
    elif store.has_graph(graph):
        store.replace({graph: None})
    elif graph != store.names.default_graph:
        raise _not_found(graph)


def _not_found(graph: str) -> NotFound:
    return NotFound(f"The graph <{graph}> does not exist.", remedy="GET /sparql lists the existing graphs.")
