"""Competency questions: the list, each query, and its current result."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.authorization import Reading
from api.handler_services import AppContext
from api.rendering import html_templates, openapi_helpers, response_format_choice
from api.rendering.response_format_choice import HTML, JSON
from kg.articles.competency_question_files import Question, all_questions, find
from kg.errors import Unwritable
from kg.knowledge_graph import ReadableGraph
from kg.rdf import media_types, spreadsheet_and_page_results
from kg.rdf.query_request_and_result import QueryResult, ResultFormats

router = APIRouter(tags=["Questions"], prefix="/questions")

_QUERY = "application/sparql-query"
_RESULTS = (JSON, HTML, *media_types.RESULTS)
_OFFERS = (JSON, HTML, _QUERY, *media_types.RESULTS)
_VARY = {"Vary": "Accept"}


class QuestionEntry(BaseModel):
    """A competency question with its query."""

    number: int
    name: str
    title: dict[str, str] = Field(description="The question by language.")
    explanation: dict[str, str] = Field(description="Explanation by language.")
    columns: list[str] = Field(description="The columns of the result.")
    query: str = Field(description="The SPARQL query.")


class AnsweredQuestion(QuestionEntry):
    """A competency question with its current result."""

    answer: dict[str, object] = Field(description="The current result of the query, in the SPARQL 1.1 JSON format.")


@router.get(
    "",
    summary="List the questions",
    response_class=Response,
    responses={200: {"model": list[QuestionEntry], "content": {HTML: {}}}, **openapi_helpers.problems(406)},
)
def list_questions(request: Request, shared: Reading) -> Response:
    """List the competency questions, each with its SPARQL query."""
    questions = all_questions()
    if response_format_choice.choose(request, (JSON, HTML)) == HTML:
        return html_templates.render(request, shared, "questions.html", {"questions": questions})
    return JSONResponse([_entry(question) for question in questions], headers=_VARY)


@router.get(
    "/{key}",
    summary="Answer a question",
    response_class=Response,
    responses={
        200: {"model": AnsweredQuestion, "content": {name: {} for name in _OFFERS[1:]}},
        **openapi_helpers.problems(401, 404, 406, 422, 429, 503, 504),
    },
)
async def get_question(key: str, request: Request, shared: Reading) -> Response:
    """Return a question by number or name with its current result; with the suffix `.rq`, only the query.

    In a SPARQL result format (such as CSV), only the result is returned.
    """
    question = find(key.removesuffix(".rq"))
    media_type = _QUERY if key.endswith(".rq") else response_format_choice.choose(request, _OFFERS)
    if media_type == _QUERY:
        return Response(question.text, media_type=_QUERY, headers=_VARY)
    return await _answer(request, shared, question, media_type)


async def _answer(request: Request, shared: AppContext[ReadableGraph], question: Question, media_type: str) -> Response:
    if media_type in media_types.RESULTS:
        try:
            found = await shared.query(request, question.text, ResultFormats(media_type))
        except Unwritable as error:
            other = response_format_choice.other_than_xml(request, _RESULTS, error)
            return await _answer(request, shared, question, other)
        return response_format_choice.negotiated(found.content, media_type)
    if media_type == HTML:
        found = await shared.query(request, question.text, ResultFormats(spreadsheet_and_page_results.FIRST_ROWS))
        return await shared.in_thread(_page, request, shared, question, found)
    found = await shared.query(request, question.text, ResultFormats())
    # The answer may be large: it becomes a part of the text as it is.
    entry = JSONResponse(_entry(question) | {"answer": {}}).body
    content = bytes(entry).removesuffix(b"{}}") + found.content + b"}"
    return Response(content, media_type=JSON, headers=_VARY)


def _page(request: Request, shared: AppContext[ReadableGraph], question: Question, found: QueryResult) -> Response:
    table = html_templates.term_renderer(request, shared).table(found.content)
    context = html_templates.form_context(shared) | {"question": question, "table": table}
    return html_templates.render(request, shared, "question.html", context)


def _entry(question: Question) -> dict[str, object]:
    entry = asdict(question)
    return entry | {"query": entry.pop("text")}
