"""Article routes: store claims documents through the gate, list, read and delete them."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.authorization import Reading, Writing
from api.handler_services import AppContext
from api.http import request_parsing
from api.rendering import html_templates, openapi_helpers, response_format_choice
from api.rendering.response_format_choice import HTML, JSON
from kg.knowledge_graph import WritableGraph

router = APIRouter(tags=["Articles"], prefix="/articles")

_BODY = {"requestBody": openapi_helpers.request_body(JSON)}
_STORE: dict[int | str, openapi_helpers.Json] = {
    200: {"description": "The article was replaced, or was stored already."},
    **openapi_helpers.problems(400, 401, 403, 413, 415, 422),
}


class Entry(BaseModel):
    """One entry of the list of articles."""

    id: str
    iri: str
    label: dict[str, str] = Field(description="Labels by language.")
    claims: int


class Stored(BaseModel):
    """The outcome of storing a claims document."""

    id: str
    iri: str
    outcome: Literal["created", "replaced", "unchanged"]
    warnings: list[dict[str, object]] = Field(description="Findings that a person should review.")
    infos: list[dict[str, object]] = Field(description="Optional statements that are missing.")


@router.get(
    "",
    summary="List the articles",
    response_model=list[Entry],
    responses={**openapi_helpers.response((JSON, HTML), "All articles."), **openapi_helpers.problems(406)},
)
def list_articles(request: Request, shared: Reading) -> Response | list[Entry]:
    """List every article with its label and number of claims."""
    media_type = response_format_choice.choose(request, (JSON, HTML))
    found = shared.graph.articles.entries()
    entries = [Entry(id=row.identifier, iri=row.iri, label=row.label, claims=row.claims) for row in found]
    if media_type == HTML:
        return html_templates.render(request, shared, "articles.html", {"articles": entries})
    return entries


@router.post(
    "",
    summary="Store an article",
    response_model=Stored,
    openapi_extra=_BODY,
    responses={201: {"model": Stored, "description": "The article was stored."}, **_STORE},
)
async def post_article(request: Request, response: Response, shared: Writing) -> Stored:
    """Check a claims document and store it with its closure, replacing an article with the same id.

    Sending the same document again changes nothing. A document that violates a constraint is refused as a whole, with
    every violation listed.
    """
    return await _store(request, response, shared, None)


@router.put(
    "/{identifier}",
    summary="Store an article under its id",
    response_model=Stored,
    openapi_extra=_BODY,
    responses={201: {"model": Stored, "description": "The article was stored."}, **_STORE},
)
async def put_article(identifier: str, request: Request, response: Response, shared: Writing) -> Stored:
    """Check and store a claims document as POST does, but refuse one whose article has another id."""
    return await _store(request, response, shared, identifier)


@router.get(
    "/{identifier}",
    summary="Read an article",
    response_class=Response,
    responses={
        **openapi_helpers.response(
            (JSON, *response_format_choice.GRAPHS), "The claims document, or the article graph as RDF."
        ),
        **openapi_helpers.problems(404, 406),
    },
)
def get_article(identifier: str, request: Request, shared: Reading) -> Response:
    """Return the claims document as JSON, or the article graph as RDF."""

    def write(media_type: str) -> Response:
        if media_type == JSON:
            return response_format_choice.negotiated(shared.graph.articles.document(identifier), JSON)
        return response_format_choice.rdf(shared.graph.articles.triples(identifier), media_type)

    return response_format_choice.written(request, (JSON, *response_format_choice.GRAPHS), write)


@router.delete(
    "/{identifier}",
    summary="Delete an article",
    status_code=204,
    response_class=Response,
    responses={
        **openapi_helpers.response(status=204, description="The article was deleted."),
        **openapi_helpers.problems(401, 403, 404),
    },
)
def delete_article(identifier: str, shared: Writing) -> Response:
    """Delete an article with its closure, and nothing else."""
    shared.graph.articles.remove(identifier)
    return Response(status_code=204)


async def _store(
    request: Request, response: Response, shared: AppContext[WritableGraph], identifier: str | None
) -> Stored:
    request_parsing.content_type(request, (JSON,))
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    found = (await shared.write(request, "add article", {"identifier": identifier}, body)).values
    response.headers["Location"] = request_parsing.origin_path(request, f"/articles/{found['id']}")
    response.status_code = 201 if found["outcome"] == "created" else 200
    results = found["report"]["results"]
    warnings, infos = ([row for row in results if row["severity"] == kind] for kind in ("Warning", "Info"))
    return Stored(id=found["id"], iri=found["iri"], outcome=found["outcome"], warnings=warnings, infos=infos)
