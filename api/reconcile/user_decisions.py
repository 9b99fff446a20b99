"""Route that stores the matching decisions of users, so that they outlive the table they were made in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.authorization import Writer, caller
from api.handler_services import AllServices, Shared
from api.http import request_parsing
from api.reconcile import request_rows
from api.reconcile.request_rows import Short
from api.rendering import openapi_helpers
from api.rendering.response_format_choice import JSON
from kg.links.decision_log_state import Judgement
from kg.links.link_review_and_proposals import ReviewDecision
from kg.reference.records import Record, RecordKind, RecordName

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile", default_response_class=Response)


class RowIn(BaseModel):
    """A user's judgement of one row and one entity."""

    model_config = ConfigDict(extra="forbid")

    entity: Short = Field(description="The identifier of the candidate.")
    identifier: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="The key of the row.")
    judgement: Judgement = Field(description="positive: a match; negative: no match; unsure; none: not decided.")
    name: Short = Field(default="", description="Name of the entity in the row.")
    reason: Annotated[str, Field(max_length=2000)] = ""


class DecisionsIn(BaseModel):
    """A user's judgements of the rows of one table."""

    model_config = ConfigDict(extra="forbid")

    dataset: Annotated[str, Field(max_length=64)] = Field(
        description="A name for the table: lower-case letters and digits, with - _ . between them.",
        examples=["my-table"],
    )
    decisions: list[RowIn] = Field(min_length=1)


@router.post(
    "/decisions",
    summary="Submit accepted and rejected matches",
    dependencies=[Writer],
    responses={
        **openapi_helpers.response((JSON,), "The recorded decisions, with contradictions."),
        **openapi_helpers.problems(400, 401, 403, 404, 413, 415, 422),
    },
    openapi_extra={"requestBody": openapi_helpers.model_body(DecisionsIn)},
)
async def post_row_decisions(request: Request, shared: Shared) -> Response:
    """Record matches of rows with entities as accepted or rejected, all or none of them.

    An accepted match becomes a link from the entity to the row, as in the review, where it can be undone.
    """
    request_parsing.content_type(request, (JSON,))
    body = await request_rows.read_body(request, shared.config.http)
    values = request_rows.parse(request_parsing.decode(body, "body"), "body")
    wanted = request_rows.validate_model(DecisionsIn, values, "body")
    request_rows.check_batch(len(wanted.decisions), "decisions")
    recorded = await shared.query_in_thread(_decide, shared, wanted, caller(request, shared).name)
    return JSONResponse({"decisions": recorded})


def _decide(shared: AllServices, wanted: DecisionsIn, user: str) -> list[dict[str, object]]:
    records = {
        row.identifier: Record(
            wanted.dataset, row.identifier, RecordKind.other, (RecordName(row.name or row.identifier, "", True),)
        )
        for row in wanted.decisions
    }
    review = shared.graph.review(
        lambda dataset, identifier: records.get(identifier) if dataset == wanted.dataset else None
    )
    decisions = [
        ReviewDecision(row.entity, wanted.dataset, row.identifier, row.judgement, row.reason)
        for row in wanted.decisions
    ]
    return [
        {
            "number": entry.number,
            "entity": entry.key.subject,
            "dataset": entry.key.dataset,
            "identifier": entry.key.identifier,
            "judgement": entry.judgement,
            "contradictions": [conflict.what for conflict in conflicts],
        }
        for entry, conflicts in review.decide_all(decisions, user)
    ]
