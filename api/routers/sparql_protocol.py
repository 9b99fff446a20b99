"""SPARQL 1.1 Protocol: ``/sparql`` for queries and updates, ``/update`` for updates only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api.authorization import Reading, Writer, reading, require_writer
from api.handler_services import AllServices, AppContext, Shared, query_caller
from api.http import request_log_record, request_parsing
from api.rendering import html_templates, openapi_helpers, response_format_choice
from api.rendering.response_format_choice import HTML, AcceptedFormats
from api.rendering.service_description import PREFIXES, describe
from kg.errors import MalformedText, NotAcceptable, Unwritable
from kg.knowledge_graph import ReadableGraph
from kg.rdf import oxigraph, spreadsheet_and_page_results
from kg.rdf.query_request_and_result import QueryDataset, QueryResult, ResultFormats, Retrieval
from kg.sparql.checked_query_evaluation import volatile

router = APIRouter(tags=["SPARQL"], default_response_class=Response)

_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"
_JSON_RESULTS = "application/sparql-results+json"

_DATASET = [
    openapi_helpers.query_parameter(
        "default-graph-uri",
        "Graphs that make up the default graph; together with named-graph-uri they replace any FROM in the query.",
        many=True,
    ),
    openapi_helpers.query_parameter("named-graph-uri", "Graphs that GRAPH can address.", many=True),
]
_FORMAT = openapi_helpers.query_parameter(
    "format",
    f"Overrides Accept: a media type, or one of {', '.join(response_format_choice.SHORT)}. Of several values, the "
    "first that suits the kind of result counts. `output` and `results` are other names of it.",
)
_TIMEOUT = openapi_helpers.query_parameter("timeout", "Time limit in seconds; can only lower the limit of the server.")
_AS_OF = openapi_helpers.query_parameter(
    "asOf", "Number of a retained snapshot, as in the response header Claimgraph-Snapshot."
)
_FORM_FIELDS = {
    "query": "The query.",
    "default-graph-uri": "As in the query string.",
    "named-graph-uri": "As in the query string.",
    "format": "As in the query string.",
}
_USING = [
    openapi_helpers.query_parameter(
        "using-graph-uri", "Graphs that make up the default graph of each WHERE.", many=True
    ),
    openapi_helpers.query_parameter("using-named-graph-uri", "Graphs that GRAPH can address in each WHERE.", many=True),
]
_USING_NAMES = ("using-graph-uri", "using-named-graph-uri")
_UPDATE_FIELDS = {"update": "The update.", **{row["name"]: row["description"] for row in _USING}}
_UPDATED = openapi_helpers.response(status=204, description="The update was committed.")
_ANSWERS = openapi_helpers.response(
    (*response_format_choice.RESULTS, *response_format_choice.GRAPHS),
    "SPARQL results for SELECT and ASK; RDF for CONSTRUCT, DESCRIBE and the service description.",
)
_FAILS = openapi_helpers.problems(400, 401, 403, 404, 406, 413, 415, 422, 429, 503, 504)


@dataclass(frozen=True)
class SparqlRequest:
    """One query with its dataset and the response formats that the client accepts."""

    text: str
    dataset: QueryDataset
    wanted: AcceptedFormats


@router.get(
    "/sparql",
    summary="Run a query, or describe the service",
    responses={**_ANSWERS, **_FAILS},
    openapi_extra={
        "parameters": [
            openapi_helpers.query_parameter("query", "The query.", example="SELECT * { ?s ?p ?o } LIMIT 10"),
            *_DATASET,
            _FORMAT,
            _TIMEOUT,
            _AS_OF,
        ]
    },
)
async def query_get(request: Request, shared: Reading) -> Response:
    """Run a SPARQL 1.1 query (Protocol, clause 2.1.1).

    Relative IRIs are resolved against this address. Without `query` the response is the service description, or the
    query form if the client prefers HTML.
    """
    parameters = request_parsing.query_parameters(request)
    if not request_parsing.present(parameters, "query"):
        _refuse(parameters, "update", "Send it by POST.")
        return await shared.in_thread(_service_description, request, shared)
    return await _answer(request, shared, parameters)


@router.post(
    "/sparql",
    summary="Run a query or an update sent in the body",
    responses={**_ANSWERS, **_FAILS, **_UPDATED},
    openapi_extra={
        "parameters": [*_DATASET, _FORMAT, _TIMEOUT, _AS_OF, *_USING],
        "requestBody": {
            "required": True,
            "content": {
                **openapi_helpers.request_body(_QUERY, _UPDATE)["content"],
                **openapi_helpers.form_body(
                    {**_FORM_FIELDS, **_UPDATE_FIELDS},
                    many=["default-graph-uri", "named-graph-uri", *_USING_NAMES],
                ),
            },
        },
    },
)
async def query_post(request: Request, shared: Shared) -> Response:
    """Run a SPARQL 1.1 query or update sent as a form or as the body itself (Protocol, clauses 2.1 and 2.2).

    An update needs a token, as at `/update`, and is the same there; many clients know only one address.
    """
    if request_parsing.media_type(request.headers.get("content-type")).name == _UPDATE:
        await require_writer(request, shared)  # before the body is read
        return await _update(request, shared, await _posted(request, shared, {_UPDATE: "update"}))
    async with reading(request, shared) as seen:
        parameters = await _posted(request, shared, {_QUERY: "query", _UPDATE: "update"})
        if not request_parsing.values(parameters, "update"):
            return await _answer(request, seen, parameters)
    await require_writer(request, shared)  # before the text is parsed
    return await _update(request, shared, parameters)


@router.post(
    "/update",
    summary="Update users' graphs",
    status_code=204,
    dependencies=[Writer],
    responses={
        **openapi_helpers.problems(400, 401, 403, 413, 415, 422),
        **openapi_helpers.response(status=204, description="The update was committed."),
    },
    openapi_extra={
        "parameters": _USING,
        "requestBody": {
            "required": True,
            "content": {
                **openapi_helpers.request_body(_UPDATE)["content"],
                **openapi_helpers.form_body(_UPDATE_FIELDS, required=["update"], many=_USING_NAMES),
            },
        },
    },
)
async def update(request: Request, shared: Shared) -> Response:
    """Run a SPARQL 1.1 update in one transaction (Protocol, clause 2.2).

    Writes to managed graphs (articles, inferences, links, reference, ontology) are refused, and so are LOAD and SERVICE
    of addresses that the operator has not allowed.
    """
    return await _update(request, shared, await _posted(request, shared, {_UPDATE: "update"}))


async def _update(request: Request, shared: AllServices, parameters: request_parsing.Parameters) -> Response:
    """Run an update whose sender may write everywhere."""
    _refuse(parameters, "query", "Send it to /sparql, in a request of its own.")
    request_log_record.of(request.scope).kind = "update"  # also at /sparql: the next read must see it
    dataset = _dataset(request, parameters, *_USING_NAMES)
    text = _text(parameters, "update")
    text = await shared.endpoint.resolve_update(text, request_parsing.address(request), query_caller(request))
    await shared.endpoint.update(text, dataset, query_caller(request).name)
    return Response(status_code=204)


async def _posted(
    request: Request, shared: AppContext[ReadableGraph] | AllServices, direct: Mapping[str, str]
) -> request_parsing.Parameters:
    """Return the parameters of a POST, those of the query string first.

    A body of a media type in ``direct`` becomes the parameter that it names; a form is parsed into its fields.
    """
    kind = request_parsing.content_type(request, (*direct, _FORM))
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    parameters = request_parsing.query_parameters(request)
    if kind.name in direct:
        name = direct[kind.name]
        if request_parsing.values(parameters, name):  # also beside an empty body, which no other clause replaces
            raise MalformedText(f"The {name} is both in the URL and in the body.", remedy="Send it in the body only.")
        return [*parameters, (name, request_parsing.decode(body, name))]
    return [*parameters, *await request_parsing.parse_form(body)]


def _text(parameters: request_parsing.Parameters, name: str) -> str:
    text = request_parsing.single(parameters, name)
    if text is None:
        raise MalformedText(
            f"The parameter “{name}” is missing or empty.", remedy=f"Send it, or send the {name} as the body."
        )
    return text


def _refuse(parameters: request_parsing.Parameters, name: str, remedy: str) -> None:
    if request_parsing.values(parameters, name):
        raise MalformedText(f"The parameter “{name}” is not accepted here.", remedy=remedy)


def _dataset(request: Request, parameters: request_parsing.Parameters, default: str, named: str) -> QueryDataset:
    """Return the dataset of a request; relative IRIs in the query are resolved against the address of the request."""
    return QueryDataset(
        default_graphs=[request_parsing.check_iri(iri) for iri in request_parsing.values(parameters, default)],
        named_graphs=[request_parsing.check_iri(iri) for iri in request_parsing.values(parameters, named)],
        base=request_parsing.address(request),
    )


async def _answer(
    request: Request, shared: AppContext[ReadableGraph], parameters: request_parsing.Parameters
) -> Response:
    _refuse(parameters, "update", "Send it by POST, in a request of its own.")
    query = SparqlRequest(
        text=_text(parameters, "query"),
        dataset=_dataset(request, parameters, "default-graph-uri", "named-graph-uri"),
        wanted=response_format_choice.wanted(request.headers.get("accept"), parameters),
    )
    return await _evaluate(request, shared, query)


async def _evaluate(request: Request, shared: AppContext[ReadableGraph], query: SparqlRequest) -> Response:
    """Run the query and render its result."""
    found, wanted = await _found(request, shared, query)
    names = {"solutions": wanted.results, "boolean": wanted.boolean, "graph": wanted.graph}
    media_type = names[found.kind] or found.media_type
    if media_type == HTML:
        response = await shared.in_thread(html_templates.result, request, shared, query.text, found)
    else:
        response = response_format_choice.negotiated(found.content, spreadsheet_and_page_results.source(media_type))
    if found.sources:
        response.headers["Claimgraph-Sources"] = ", ".join(map(_source, found.sources))
    if volatile(query.text):  # NOW(), RAND(), SERVICE: the same query may have another result at the same snapshot
        response.headers["Cache-Control"] = "no-store"
    return response


async def _found(
    request: Request, shared: AppContext[ReadableGraph], query: SparqlRequest
) -> tuple[QueryResult, AcceptedFormats]:
    """Run the query; if XML cannot represent its result, run it again for a format that ``Accept`` lists as well.

    Raises:
        Unwritable: there is no other format, or the parameter ``format`` selects XML.
    """
    try:
        return await shared.query(request, query.text, _choice(query.wanted), query.dataset), query.wanted
    except Unwritable as error:
        accept = request.headers.get("accept")
        if query.wanted != response_format_choice.wanted(accept, []):
            raise
        other = response_format_choice.instead_of_xml(accept)
        try:
            return await shared.query(request, query.text, _choice(other), query.dataset), other
        except NotAcceptable:
            raise error from None


def _source(retrieval: Retrieval) -> str:
    """Return a request to another endpoint as a member of the header ``Claimgraph-Sources``."""
    result = "failed" if retrieval.rows is None else f"rows={retrieval.rows}"
    moment = retrieval.retrieved.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"<{retrieval.endpoint}>; retrieved={moment}; {result}" + ("; cached" if retrieval.cached else "")


def _choice(wanted: AcceptedFormats) -> ResultFormats:
    """Return the formats that the engine is to write for the media types that the client accepts."""
    return ResultFormats(
        solutions=_engine_type(wanted.results),
        boolean=_engine_type(wanted.boolean, _JSON_RESULTS),
        graph=_engine_type(wanted.graph, "text/turtle"),
    )


def _engine_type(media_type: str | None, page: str = spreadsheet_and_page_results.FIRST_ROWS) -> str | None:
    """Return the format that the engine is to write for a response media type.

    HTML pages are rendered from ``page``; ``application/json`` and ``application/xml`` are plain names of formats.
    """
    if media_type == response_format_choice.XML:
        return "application/sparql-results+xml"
    if media_type == response_format_choice.JSON:
        return _JSON_RESULTS
    return page if media_type == HTML else media_type


def _service_description(request: Request, shared: AppContext[ReadableGraph]) -> Response:
    media_type = response_format_choice.choose(request, (*response_format_choice.GRAPHS, HTML))
    if media_type == HTML:
        return html_templates.query_form(request, shared)
    return service_description(shared, request_parsing.address(request), media_type)


def service_description(shared: AppContext[ReadableGraph], endpoint: str, media_type: str) -> Response:
    """Return the description of the query endpoint at an address, as RDF."""
    store = shared.graph.store
    update = f"{endpoint.removesuffix('/sparql')}/update"
    text = describe(endpoint, update, store.count(None) if store.bare else None, store.sizes())
    triples = oxigraph.parse(text.encode(), "text/turtle", endpoint)
    return response_format_choice.negotiated(oxigraph.serialize(triples, media_type, PREFIXES), media_type)
