"""SPARQL 1.1 Protocol: ``/sparql`` for queries and ``/update`` for updates."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api.app_context import AppContext, Shared
from api.authorization import Reading, Writer
from api.http import request_parsing
from api.rendering import html_pages, openapi_helpers, response_formats
from api.rendering.response_formats import HTML, AcceptedFormats
from api.rendering.service_description import PREFIXES, describe
from kg.errors import MalformedText
from kg.knowledge_graph import ReadableGraph
from kg.rdf import oxigraph
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats, Retrieval
from kg.sparql.query_evaluator import volatile

router = APIRouter(tags=["SPARQL"], default_response_class=Response)

_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"

_DATASET = [
    openapi_helpers.query(
        "default-graph-uri",
        "Graphs that make up the default graph; together with named-graph-uri they replace any FROM of the query.",
        many=True,
    ),
    openapi_helpers.query("named-graph-uri", "Graphs that GRAPH can name.", many=True),
]
_FORMAT = openapi_helpers.query("format", f"Overrides Accept: one of {', '.join(response_formats.SHORT)}.")
_TIMEOUT = openapi_helpers.query("timeout", "Seconds that it may take; can only lower the limit of the server.")
_AS_OF = openapi_helpers.query("asOf", "Number of a snapshot that is kept: as the header Claimgraph-Snapshot gives it.")
_FORM_FIELDS = {
    "query": "The query.",
    "default-graph-uri": "As in the address.",
    "named-graph-uri": "As in the address.",
    "format": "As in the address.",
}
_USING = [
    openapi_helpers.query("using-graph-uri", "Graphs that make up the default graph of each WHERE.", many=True),
    openapi_helpers.query("using-named-graph-uri", "Graphs that GRAPH can name in each WHERE.", many=True),
]
_ANSWERS = openapi_helpers.answers(
    (*response_formats.RESULTS, *response_formats.GRAPHS),
    "SELECT and ASK give results, CONSTRUCT and DESCRIBE give RDF; so does the service description.",
)
_FAILS = openapi_helpers.fails(400, 401, 403, 404, 406, 413, 415, 422, 429, 503, 504)


@dataclass(frozen=True)
class SparqlRequest:
    """One query with the dataset it is asked of and the formats it is to be answered in."""

    text: str
    dataset: QueryDataset
    wanted: AcceptedFormats


@router.get(
    "/sparql",
    summary="Ask a query, or describe the service",
    responses={**_ANSWERS, **_FAILS},
    openapi_extra={
        "parameters": [
            openapi_helpers.query("query", "The query.", example="SELECT * { ?s ?p ?o } LIMIT 10"),
            *_DATASET,
            _FORMAT,
            _TIMEOUT,
            _AS_OF,
        ]
    },
)
async def query_get(request: Request, shared: Reading) -> Response:
    """Answer a SPARQL 1.1 query (Protocol, clause 2.1.1).

    Relative IRIs are resolved against this address. Without `query` the answer is the service description; a browser
    gets a form.
    """
    parameters = request_parsing.query_parameters(request)
    if not request_parsing.values(parameters, "query"):
        _refuse(parameters, "update", "/update")
        return await shared.in_thread(_description, request, shared)
    return await _answer(request, shared, parameters)


@router.post(
    "/sparql",
    summary="Ask a query in the body",
    responses={**_ANSWERS, **_FAILS},
    openapi_extra={
        "parameters": [*_DATASET, _FORMAT, _TIMEOUT, _AS_OF],
        "requestBody": {
            "required": True,
            "content": {
                **openapi_helpers.takes(_QUERY)["content"],
                **openapi_helpers.form(_FORM_FIELDS, required=["query"], many=["default-graph-uri", "named-graph-uri"]),
            },
        },
    },
)
async def query_post(request: Request, shared: Reading) -> Response:
    """Answer a SPARQL 1.1 query sent as a form or by itself (Protocol, clauses 2.1.2 and 2.1.3)."""
    parameters = await _posted(request, shared, "query", _QUERY)
    return await _answer(request, shared, parameters)


@router.post(
    "/update",
    summary="Change users' graphs",
    status_code=204,
    dependencies=[Writer],
    responses={
        **openapi_helpers.fails(400, 401, 403, 413, 415),
        **openapi_helpers.answers(status=204, description="Done."),
    },
    openapi_extra={
        "parameters": _USING,
        "requestBody": {
            "required": True,
            "content": {
                **openapi_helpers.takes(_UPDATE)["content"],
                **openapi_helpers.form(
                    {"update": "The update.", **{row["name"]: row["description"] for row in _USING}},
                    required=["update"],
                    many=[row["name"] for row in _USING],
                ),
            },
        },
    },
)
async def update(request: Request, shared: Shared) -> Response:
    """Run a SPARQL 1.1 update in one transaction (Protocol, clause 2.2).

    Managed graphs (articles, inferences, links, reference, ontology) are refused, and so are LOAD and SERVICE of what
    the operator has not allowed.
    """
    parameters = await _posted(request, shared, "update", _UPDATE)
    _refuse(parameters, "query", "/sparql")
    dataset = _dataset(request, parameters, "using-graph-uri", "using-named-graph-uri")
    text = _text(parameters, "update")
    text = await shared.endpoint.resolve_update(text, request_parsing.address(request), shared.graph.store)
    await shared.update(text, dataset)
    return Response(status_code=204)


async def _posted(
    request: Request, shared: AppContext[ReadableGraph], name: str, direct: str
) -> request_parsing.Parameters:
    """Read the parameters of a POST; a text sent by itself becomes the parameter ``name``."""
    kind = request_parsing.content_type(request, (direct, _FORM))
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    parameters = request_parsing.query_parameters(request)
    if kind.name == direct:
        return [*parameters, (name, request_parsing.decode(body, name))]
    return [*parameters, *request_parsing.parse_parameters(body, "form")]


def _text(parameters: request_parsing.Parameters, name: str) -> str:
    text = request_parsing.single(parameters, name)
    if text is None:
        raise MalformedText(f"The parameter “{name}” is missing.", remedy=f"Send it, or the {name} itself as the body.")
    return text


def _refuse(parameters: request_parsing.Parameters, name: str, place: str) -> None:
    if request_parsing.values(parameters, name):
        raise MalformedText(f"“{name}” has no place here.", remedy=f"Send it to {place}.")


def _dataset(request: Request, parameters: request_parsing.Parameters, default: str, named: str) -> QueryDataset:
    """Read the dataset of a request; relative IRIs in its text are resolved against its address."""
    return QueryDataset(
        default_graphs=[request_parsing.check_iri(iri) for iri in request_parsing.values(parameters, default)],
        named_graphs=[request_parsing.check_iri(iri) for iri in request_parsing.values(parameters, named)],
        base=request_parsing.address(request),
    )


async def _answer(
    request: Request, shared: AppContext[ReadableGraph], parameters: request_parsing.Parameters
) -> Response:
    _refuse(parameters, "update", "/update")
    inquiry = SparqlRequest(
        text=_text(parameters, "query"),
        dataset=_dataset(request, parameters, "default-graph-uri", "named-graph-uri"),
        wanted=response_formats.wanted(request.headers.get("accept"), request_parsing.single(parameters, "format")),
    )
    return await _evaluate(request, shared, inquiry)


async def _evaluate(request: Request, shared: AppContext[ReadableGraph], inquiry: SparqlRequest) -> Response:
    """Have the query answered, and render the answer."""
    wanted = inquiry.wanted
    found = await shared.query(request, inquiry.text, _choice(wanted), inquiry.dataset)
    names = {"solutions": wanted.results, "boolean": wanted.boolean, "graph": wanted.graph}
    media_type = names[found.kind] or found.media_type
    if media_type == HTML:
        response = await shared.in_thread(html_pages.result, request, shared, inquiry.text, found)
    else:
        response = response_formats.negotiated(found.content, media_type)
    if found.sources:
        response.headers["Claimgraph-Sources"] = ", ".join(map(_source, found.sources))
    if volatile(inquiry.text):
        response.headers["Cache-Control"] = "no-store"
    return response


def _source(retrieval: Retrieval) -> str:
    """Return a request to another endpoint as a member of the header ``Claimgraph-Sources``."""
    result = "failed" if retrieval.rows is None else f"rows={retrieval.rows}"
    moment = retrieval.retrieved.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"<{retrieval.endpoint}>; retrieved={moment}; {result}" + ("; cached" if retrieval.cached else "")


def _choice(wanted: AcceptedFormats) -> ResultFormats:
    """Tell which formats the engine is to write for the media types that a client wants."""
    return ResultFormats(
        solutions=_engine_type(wanted.results),
        boolean=_engine_type(wanted.boolean),
        graph=_engine_type(wanted.graph, "text/turtle"),
    )


def _engine_type(media_type: str | None, page: str = "application/sparql-results+json") -> str | None:
    """Name the format that the engine is to write for a media type: pages are made from ``page``."""
    return page if media_type in (response_formats.JSON, HTML) else media_type


def _description(request: Request, shared: AppContext[ReadableGraph]) -> Response:
    media_type = response_formats.choose(request, (*response_formats.GRAPHS, HTML))
    if media_type == HTML:
        return html_pages.query_form(request, shared)
    endpoint = request_parsing.address(request)
    store = shared.graph.store
    text = describe(endpoint, store.count(None) if store.bare else None, store.sizes())
    triples = oxigraph.parse(text.encode(), "text/turtle", endpoint)
    return response_formats.negotiated(oxigraph.serialize(triples, media_type, PREFIXES), media_type)
