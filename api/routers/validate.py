"""Validation route: a dry run of the gate on a document or a graph; nothing is stored."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.authorization import Reading
from api.handler_services import AppContext
from api.http import request_parsing
from api.rendering import openapi_helpers, response_format_choice
from api.rendering.response_format_choice import JSON
from kg.errors import Unwritable
from kg.knowledge_graph import ReadableGraph

router = APIRouter(tags=["Validation"])

_REPORT = {
    "type": "object",
    "required": ["conforms", "counts", "results"],
    "properties": {
        "conforms": {"type": "boolean", "description": "True if there is no violation."},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["constraint", "severity", "message"],
                "properties": {
                    "constraint": {"type": "string", "description": "Id of the constraint."},
                    "severity": {"enum": ["Violation", "Warning", "Info"]},
                    "message": {"type": "string"},
                    "messages": {"type": "object", "additionalProperties": {"type": "string"}},
                    "focus": {"type": "string", "description": "The resource that violates the constraint."},
                    "pointer": {"type": "string", "description": "JSON Pointer into the claims document."},
                    "value": {"type": "string"},
                    "remedy": {"type": "string"},
                },
            },
        },
    },
}
_ANSWER = {
    "description": "The validation report, whether the input conforms or not.",
    "content": {JSON: {"schema": _REPORT}, **{name: {} for name in response_format_choice.GRAPHS}},
}

_OFFERS = (JSON, *response_format_choice.GRAPHS)


@router.post(
    "/validate",
    summary="Check a claims document or an article graph",
    response_class=Response,
    responses={200: _ANSWER, **openapi_helpers.problems(400, 406, 413, 415, 422)},
    openapi_extra={"requestBody": openapi_helpers.request_body(JSON, *response_format_choice.READABLE)},
)
async def validate(request: Request, shared: Reading) -> Response:
    """Check a claims document (JSON) or an article graph (RDF) without storing it.

    The report is JSON or, if the client prefers RDF, a SHACL validation report.
    """
    kind = request_parsing.content_type(request, (JSON, *response_format_choice.READABLE))
    response_format_choice.choose(request, _OFFERS)  # before the body is read
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    try:
        return await _report(request, shared, kind.name, body, response_format_choice.choose(request, _OFFERS))
    except Unwritable as error:
        other = response_format_choice.other_than_xml(request, _OFFERS, error)
        return await _report(request, shared, kind.name, body, other)


async def _report(
    request: Request, shared: AppContext[ReadableGraph], kind: str, body: bytes, media_type: str
) -> Response:
    """Check the body and return the report in a media type."""
    found = await shared.task(request, "check", {"media_type": kind, "report_type": media_type}, body)
    return response_format_choice.negotiated(found.content, media_type)
