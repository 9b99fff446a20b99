"""Provenance routes: explanations of claims and statements."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.authorization import Reading
from api.rendering import openapi_helpers
from api.rendering.response_format_choice import JSON
from kg.articles.explanation_records import Explanation, StatementExplanation

router = APIRouter(tags=["Provenance"])


@router.get(
    "/claims/{claim:path}/why",
    summary="Explain a claim",
    response_class=Response,
    responses={200: {"model": Explanation}, **openapi_helpers.problems(404, 409)},
)
def why_claim(claim: str, shared: Reading) -> Response:
    """Return a claim's exact words and their position, its sources and reporters, and what follows from it.

    `claim` is `article/claim`, the percent-encoded IRI of the claim, or its local id if only one article has it.
    """
    return Response(shared.graph.why(claim).model_dump_json(by_alias=True), media_type=JSON)


@router.get(
    "/why",
    summary="Explain a statement",
    response_class=Response,
    responses={200: {"model": StatementExplanation}, **openapi_helpers.problems(404, 409, 422)},
)
def why_statement(
    subject: Annotated[str, Query(description="An IRI or a prefixed name.")],
    predicate: Annotated[str, Query(description="An IRI or a prefixed name, such as cg:attributedTo.")],
    obj: Annotated[str, Query(alias="object", description="An IRI, a prefixed name, or the text of a literal.")],
    shared: Reading,
) -> Response:
    """Return the quotes behind an asserted statement, or the rule and the premises of an inferred one."""
    return Response(shared.graph.why_statement(subject, predicate, obj).model_dump_json(by_alias=True), media_type=JSON)
