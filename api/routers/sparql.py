"""SPARQL 1.1 Protocol: ``/sparql`` for queries and ``/update`` for updates."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from api import formats, openapi, pages, requests
from api.formats import HTML, Wanted
from api.security import Reading, Writer
from api.service_description import PREFIXES, describe
from api.services import Services, Shared
from kg import engine
from kg.errors import MalformedText
from kg.graph import ReadableGraph
from kg.query import volatile
from kg.request import Choice, Dataset, Retrieval

router = APIRouter(tags=["SPARQL"], default_response_class=Response)

_FORM = "application/x-www-form-urlencoded"
_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"

_DATASET = [
    openapi.query(
        "default-graph-uri",
        "Graphs that make up the default graph; together with named-graph-uri they replace any FROM of the query.",
        many=True,
    ),
    openapi.query("named-graph-uri", "Graphs that GRAPH can name.", many=True),
]
_FORMAT = openapi.query("format", f"Overrides Accept: one of {', '.join(formats.SHORT)}.")
_TIMEOUT = openapi.query("timeout", "Seconds that it may take; can only lower the limit of the server.")
_AS_OF = openapi.query("asOf", "Number of a snapshot that is kept: as the header Claimgraph-Snapshot gives it.")
_FORM_FIELDS = {
    "query": "The query.",
    "default-graph-uri": "As in the address.",
    "named-graph-uri": "As in the address.",
    "format": "As in the address.",
}
_USING = [
    openapi.query("using-graph-uri", "Graphs that make up the default graph of each WHERE.", many=True),
    openapi.query("using-named-graph-uri", "Graphs that GRAPH can name in each WHERE.", many=True),
]
_ANSWERS = openapi.answers(
    (*formats.RESULTS, *formats.GRAPHS),
    "SELECT and ASK give results, CONSTRUCT and DESCRIBE give RDF; so does the service description.",
)
_FAILS = openapi.fails(400, 401, 403, 404, 406, 413, 415, 422, 429, 503, 504)


@dataclass(frozen=True)
class Inquiry:
    """One query with the dataset it is asked of and the formats it is to be answered in."""

    text: str
    dataset: Dataset
    wanted: Wanted


@router.get(
    "/sparql",
    summary="Ask a query, or describe the service",
    responses={**_ANSWERS, **_FAILS},
    openapi_extra={
        "parameters": [
            openapi.query("query", "The query.", example="SELECT * { ?s ?p ?o } LIMIT 10"),
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
    parameters = requests.query_parameters(request)
    if not requests.values(parameters, "query"):
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
                **openapi.takes(_QUERY)["content"],
                **openapi.form(_FORM_FIELDS, required=["query"], many=["default-graph-uri", "named-graph-uri"]),
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
    responses={**openapi.fails(400, 401, 403, 413, 415), **openapi.answers(status=204, description="Done.")},
    openapi_extra={
        "parameters": _USING,
        "requestBody": {
            "required": True,
            "content": {
                **openapi.takes(_UPDATE)["content"],
                **openapi.form(
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
    text = await shared.endpoint.resolve_update(text, requests.address(request), shared.graph.store)
    await shared.update(text, dataset)
    return Response(status_code=204)


async def _posted(request: Request, shared: Services[ReadableGraph], name: str, direct: str) -> requests.Parameters:
    """Read the parameters of a POST; a text sent by itself becomes the parameter ``name``."""
    kind = requests.content_type(request, (direct, _FORM))
    body = await requests.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    parameters = requests.query_parameters(request)
    if kind.name == direct:
        return [*parameters, (name, requests.decode(body, name))]
    return [*parameters, *requests.parse_parameters(body, "form")]


def _text(parameters: requests.Parameters, name: str) -> str:
    text = requests.single(parameters, name)
    if text is None:
        raise MalformedText(f"The parameter “{name}” is missing.", remedy=f"Send it, or the {name} itself as the body.")
    return text


def _refuse(parameters: requests.Parameters, name: str, place: str) -> None:
    if requests.values(parameters, name):
        raise MalformedText(f"“{name}” has no place here.", remedy=f"Send it to {place}.")


def _dataset(request: Request, parameters: requests.Parameters, default: str, named: str) -> Dataset:
    """Read the dataset of a request; relative IRIs in its text are resolved against its address."""
    return Dataset(
        default_graphs=[requests.check_iri(iri) for iri in requests.values(parameters, default)],
        named_graphs=[requests.check_iri(iri) for iri in requests.values(parameters, named)],
        base=requests.address(request),
    )


async def _answer(request: Request, shared: Services[ReadableGraph], parameters: requests.Parameters) -> Response:
    _refuse(parameters, "update", "/update")
    inquiry = Inquiry(
        text=_text(parameters, "query"),
        dataset=_dataset(request, parameters, "default-graph-uri", "named-graph-uri"),
        wanted=formats.wanted(request.headers.get("accept"), requests.single(parameters, "format")),
    )
    return await _evaluate(request, shared, inquiry)


async def _evaluate(request: Request, shared: Services[ReadableGraph], inquiry: Inquiry) -> Response:
    """Have the query answered, and render the answer."""
    wanted = inquiry.wanted
    found = await shared.query(request, inquiry.text, _choice(wanted), inquiry.dataset)
    names = {"solutions": wanted.results, "boolean": wanted.boolean, "graph": wanted.graph}
    media_type = names[found.kind] or found.media_type
    if media_type == HTML:
        response = await shared.in_thread(pages.result, request, shared, inquiry.text, found)
    else:
        response = formats.negotiated(found.content, media_type)
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


def _choice(wanted: Wanted) -> Choice:
    """Tell which formats the engine is to write for the media types that a client wants."""
    return Choice(
        solutions=_engine_type(wanted.results),
        boolean=_engine_type(wanted.boolean),
        graph=_engine_type(wanted.graph, "text/turtle"),
    )


def _engine_type(media_type: str | None, page: str = "application/sparql-results+json") -> str | None:
    """Name the format that the engine is to write for a media type: pages are made from ``page``."""
    return page if media_type in (formats.JSON, HTML) else media_type


def _description(request: Request, shared: Services[ReadableGraph]) -> Response:
    media_type = formats.choose(request, (*formats.GRAPHS, HTML))
    if media_type == HTML:
        return pages.query_form(request, shared)
    endpoint = requests.address(request)
    store = shared.graph.store
    text = describe(endpoint, store.count(None) if store.bare else None, store.sizes())
    triples = engine.parse(text.encode(), "text/turtle", endpoint)
    return formats.negotiated(engine.serialize(triples, media_type, PREFIXES), media_type)
