"""SPARQL 1.1 Graph Store HTTP Protocol, with indirect and direct graph identification."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api.app_context import AppContext
from api.authorization import Reading, Writing
from api.http import multipart, request_parsing
from api.rendering import openapi_helpers, response_formats
from api.rendering.openapi_helpers import Json
from kg.errors import MalformedText, NotFound
from kg.knowledge_graph import WritableGraph
from kg.rdf import media_types, oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats

router = APIRouter(tags=["Graph store"], default_response_class=Response)

_WHOLE = "/graphs"
_DIRECT = "/graphs/{path:path}"
_FORM = "multipart/form-data"

_WHICH = [
    openapi_helpers.query("graph", "The IRI of a named graph."),
    openapi_helpers.query("default", "With any value, or none: the default graph. Reading gives all graphs together."),
]
_PATH = [openapi_helpers.path("path", "The rest of the graph's own address.")]
_WRITE = openapi_helpers.fails(400, 401, 403, 413, 415)
_READ = {
    **openapi_helpers.answers(response_formats.GRAPHS, "The graph."),
    **openapi_helpers.fails(400, 401, 404, 406, 422, 429, 503, 504),
}
_CREATED: dict[int | str, Json] = {
    **openapi_helpers.answers(status=201, description="The graph was made."),
    **openapi_helpers.answers(status=204, description="The graph was changed."),
}
_BODY = openapi_helpers.takes(*response_formats.READABLE)
_BODY_OR_FORM = openapi_helpers.takes(*response_formats.READABLE, _FORM)


_ALL = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"


@dataclass(frozen=True)
class RdfPayload:
    """RDF as it was sent."""

    data: bytes
    media_type: str


@router.get(
    _DIRECT,
    summary="Read the graph of this address",
    operation_id="get_direct",
    responses=_READ,
    openapi_extra={"parameters": _PATH},
)
@router.get(_WHOLE, summary="Read a graph", responses=_READ, openapi_extra={"parameters": _WHICH})
async def get_graph(request: Request, shared: Reading) -> Response:
    """Give a graph's triples (clause 5.2)."""
    graph = _identify(request)
    media_type = response_formats.choose(request, response_formats.GRAPHS)
    if graph is not None and not await shared.in_thread(shared.graph.store.has_graph, graph):
        raise _no(graph)
    dataset = QueryDataset(default_graphs=[graph]) if graph else None
    found = await shared.query(request, _ALL, ResultFormats(graph=media_type), dataset)
    return response_formats.negotiated(found.content, media_type)


@router.put(
    _DIRECT,
    summary="Replace the graph of this address",
    operation_id="put_direct",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _PATH, "requestBody": _BODY},
)
@router.put(
    _WHOLE,
    summary="Replace a graph",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _WHICH, "requestBody": _BODY},
)
async def put_graph(request: Request, shared: Writing) -> Response:
    """Replace a graph's triples, or make the graph (clause 5.3). Relative IRIs are resolved against the graph's IRI."""
    graph = _writable(request, shared)
    contents = await _contents(request, shared, response_formats.READABLE)
    created = await shared.in_thread(_replace, shared, graph, contents)
    return Response(status_code=201 if created else 204)


@router.post(
    _DIRECT,
    summary="Add to the graph of this address",
    operation_id="post_direct",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _PATH, "requestBody": _BODY_OR_FORM},
)
@router.post(
    _WHOLE,
    summary="Add to a graph, or make a new one",
    status_code=204,
    responses={**_CREATED, **_WRITE},
    openapi_extra={"parameters": _WHICH, "requestBody": _BODY_OR_FORM},
)
async def post_graph(request: Request, shared: Writing) -> Response:
    """Add triples to a graph (clause 5.5); each part of a form is read by its own type, or by its file name.

    Without `graph` or `default` a new graph is made; `Location` gives its address, which is its name.
    """
    new = not _names_graph(request)
    graph = f"{request_parsing.address(request).rstrip('/')}/{uuid.uuid4()}" if new else _writable(request, shared)
    contents = await _contents(request, shared, (*response_formats.READABLE, _FORM))
    created = await shared.in_thread(_add, shared, graph, contents)
    headers = {"Location": graph} if new and graph is not None else None
    return Response(status_code=201 if created else 204, headers=headers)


@router.delete(
    _DIRECT,
    summary="Delete the graph of this address",
    operation_id="delete_direct",
    status_code=204,
    responses={
        **openapi_helpers.answers(status=204, description="The graph is gone."),
        **openapi_helpers.fails(400, 401, 403, 404),
    },
    openapi_extra={"parameters": _PATH},
)
@router.delete(
    _WHOLE,
    summary="Delete a graph",
    status_code=204,
    responses={
        **openapi_helpers.answers(status=204, description="The graph is gone."),
        **openapi_helpers.fails(400, 401, 403, 404),
    },
    openapi_extra={"parameters": _WHICH},
)
async def delete_graph(request: Request, shared: Writing) -> Response:
    """Delete a graph with its triples (clause 5.4)."""
    graph = _writable(request, shared)
    await shared.in_thread(_delete, shared, graph)
    return Response(status_code=204)


# ---- which graph


def _names_graph(request: Request) -> bool:
    keys = {key for key, _ in request_parsing.query_parameters(request)}
    return bool(keys & {"graph", "default"}) or bool(request.path_params.get("path"))


def _identify(request: Request) -> str | None:
    """Find the graph that a request is about; ``None`` is the default graph (clause 4).

    Raises:
        MalformedText: no graph, several, or a name that is not an IRI.
    """
    parameters = request_parsing.query_parameters(request)
    graph, default = request_parsing.single(parameters, "graph"), request_parsing.single(parameters, "default")
    if graph is not None and default is not None:
        raise MalformedText("The request names a graph and the default graph.", remedy="Name one.")
    if default is not None:
        return None
    if graph is not None:
        return request_parsing.check_iri(graph)
    if not request.path_params.get("path"):
        raise MalformedText("The request names no graph.", remedy="Add ?graph= and an IRI, or ?default.")
    return request_parsing.address(request)


def _writable(request: Request, shared: AppContext[WritableGraph]) -> str | None:
    """Find the graph to write; a user's default graph has a name of its own, unless the store is bare.

    Raises:
        Forbidden: it is managed, or the caller's token does not reach it.
    """
    store = shared.graph.store
    graph = _identify(request)
    if graph is None and not store.bare:
        graph = store.names.default_graph
    if graph is not None:
        store.refuse_managed(graph)
    return graph


# ---- what was sent


async def _contents(request: Request, shared: AppContext[WritableGraph], accepted: tuple[str, ...]) -> list[RdfPayload]:
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


def _triples(
    contents: Iterable[RdfPayload], graph: str | None, shared: AppContext[WritableGraph]
) -> list[oxigraph.Triple]:
    """Parse what is to go into one graph.

    Raises:
        MalformedText: a syntax error, or quads that name graphs themselves.
    """
    base = graph or shared.graph.store.names.base
    triples = []
    for content in contents:
        for quad in oxigraph.parse(content.data, content.media_type, base):
            if not isinstance(quad.graph_name, oxigraph.DefaultGraph):
                raise MalformedText(
                    f"The content names the graph {quad.graph_name}, but the request says which graph to write.",
                    remedy="Send triples; load datasets with `kg load`.",
                )
            triples.append(quad.triple)
    return triples


# ---- work on the store, off the event loop


def _replace(shared: AppContext[WritableGraph], graph: str | None, contents: list[RdfPayload]) -> bool:
    store = shared.graph.store
    triples = _triples(contents, graph, shared)
    if graph is None:
        store.clear_default(triples)
        return False
    return store.replace({graph: triples}) == "created" and graph != store.names.default_graph


def _add(shared: AppContext[WritableGraph], graph: str | None, contents: list[RdfPayload]) -> bool:
    store = shared.graph.store
    triples = _triples(contents, graph, shared)
    return store.merge(graph, triples) and graph != store.names.default_graph


def _delete(shared: AppContext[WritableGraph], graph: str | None) -> None:
    store = shared.graph.store
    if graph is None:
        store.clear_default(None)
    elif store.has_graph(graph):
        store.replace({graph: None})
    elif graph != store.names.default_graph:
        raise _no(graph)


def _no(graph: str) -> NotFound:
    return NotFound(f"There is no graph <{graph}>.", remedy="GET /sparql lists the graphs that there are.")
