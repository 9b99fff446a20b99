"""What somebody decides about rows and entities, sent back: reconciliation that is not lost with the table."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.app_context import AllServices, Shared
from api.authorization import Writer, caller
from api.http import request_parsing
from api.reconcile import request_rows
from api.reconcile.request_rows import Short
from api.rendering import openapi_helpers
from api.rendering.response_formats import JSON
from kg.links.decision_log import Judgement
from kg.links.link_review import ReviewDecision
from kg.reference.records import Record, RecordKind, RecordName

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile", default_response_class=Response)


class RowIn(BaseModel):
    """What somebody says of one row and one entity."""

    model_config = ConfigDict(extra="forbid")

    entity: Short = Field(description="The identifier that was given with the candidate.")
    identifier: Annotated[str, Field(min_length=1, max_length=500)] = Field(description="The key of the row.")
    judgement: Judgement = Field(description="positive: it is this; negative: it is not; unsure; none: not decided.")
    name: Short = Field(default="", description="What the row calls it.")
    reason: Annotated[str, Field(max_length=2000)] = ""


class DecisionsIn(BaseModel):
    """What somebody says of the rows of one table."""

    model_config = ConfigDict(extra="forbid")

    dataset: Annotated[str, Field(max_length=64)] = Field(
        description="A name for the table: small letters, digits, and - _ . between them.", examples=["my-table"]
    )
    decisions: list[RowIn] = Field(min_length=1)


@router.post(
    "/decisions",
    summary="Send accepted and rejected matches back",
    dependencies=[Writer],
    responses={
        **openapi_helpers.answers((JSON,), "What was noted, with contradictions."),
        **openapi_helpers.fails(400, 401, 403, 404, 413, 415, 422),
    },
    openapi_extra={"requestBody": openapi_helpers.takes_model(DecisionsIn)},
)
async def post_row_decisions(request: Request, shared: Shared) -> Response:
    """Note which rows are which entities, and which are not: all of them, or none.

    What is accepted becomes a link of the graph to the row, as a review makes one; it can be taken back there.
    """
    request_parsing.content_type(request, (JSON,))
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    values = request_rows.parse(request_parsing.decode(body, "body"), "body")
    wanted = request_rows.model(DecisionsIn, values, "body")
    request_rows.check_batch(len(wanted.decisions), "decisions")
    noted = await shared.query_in_thread(_decide, shared, wanted, caller(request, shared).name)
    return JSONResponse({"decisions": noted})


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
