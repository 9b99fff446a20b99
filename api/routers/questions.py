"""The questions that the graph answers: their queries and their answers now."""

from __future__ import annotations

import json
from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.app_context import AppContext
from api.authorization import Reading
from api.rendering import html_pages, openapi_helpers, response_formats
from api.rendering.response_formats import HTML, JSON
from kg.articles.competency_questions import Question, all_questions, find
from kg.knowledge_graph import ReadableGraph
from kg.rdf import media_types
from kg.rdf.query_request_and_result import QueryResult, ResultFormats

router = APIRouter(tags=["Questions"], prefix="/questions")

_QUERY = "application/sparql-query"
_OFFERS = (JSON, HTML, _QUERY, *media_types.RESULTS)
_VARY = {"Vary": "Accept"}


class QuestionEntry(BaseModel):
    """A question."""

    number: int
    name: str
    title: dict[str, str] = Field(description="By language.")
    explanation: dict[str, str] = Field(description="By language.")
    columns: list[str] = Field(description="The columns of its answer.")
    query: str = Field(description="The SPARQL query.")


class AnsweredQuestion(QuestionEntry):
    """A question with its answer."""

    answer: dict[str, object] = Field(description="What the query gives now, as SPARQL 1.1 results in JSON.")


@router.get(
    "",
    summary="List the questions",
    response_class=Response,
    responses={200: {"model": list[QuestionEntry], "content": {HTML: {}}}, **openapi_helpers.fails(406)},
)
def list_questions(request: Request, shared: Reading) -> Response:
    """List the questions that the graph answers, each with its SPARQL query."""
    questions = all_questions()
    if response_formats.choose(request, (JSON, HTML)) == HTML:
        return html_pages.render(request, shared, "questions.html", {"questions": questions})
    return JSONResponse([_entry(question) for question in questions], headers=_VARY)


@router.get(
    "/{key}",
    summary="Answer a question",
    response_class=Response,
    responses={
        200: {"model": AnsweredQuestion, "content": {name: {} for name in _OFFERS[1:]}},
        **openapi_helpers.fails(401, 404, 406, 422, 429, 503, 504),
    },
)
async def get_question(key: str, request: Request, shared: Reading) -> Response:
    """Give a question by number or name, with its answer now; with `.rq` behind the name, only the query.

    In a format of SPARQL results (such as CSV) only the answer is given.
    """
    question = find(key.removesuffix(".rq"))
    media_type = _QUERY if key.endswith(".rq") else response_formats.choose(request, _OFFERS)
    if media_type == _QUERY:
        return Response(question.text, media_type=_QUERY, headers=_VARY)
    return await _answer(request, shared, question, media_type)


async def _answer(request: Request, shared: AppContext[ReadableGraph], question: Question, media_type: str) -> Response:
    if media_type in media_types.RESULTS:
        found = await shared.query(request, question.text, ResultFormats(media_type))
        return response_formats.negotiated(found.content, media_type)
    found = await shared.query(request, question.text, ResultFormats())
    if media_type == HTML:
        return await shared.in_thread(_page, request, shared, question, found)
    return JSONResponse(_entry(question) | {"answer": json.loads(found.content)}, headers=_VARY)


def _page(request: Request, shared: AppContext[ReadableGraph], question: Question, found: QueryResult) -> Response:
    table = html_pages.shower(request, shared).table(found.content)
    context = html_pages.form_context(shared) | {"question": question, "table": table}
    return html_pages.render(request, shared, "question.html", context)


def _entry(question: Question) -> dict[str, object]:
    entry = asdict(question)
    return entry | {"query": entry.pop("text")}
