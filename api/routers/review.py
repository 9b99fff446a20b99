"""Review of proposed links: the queue, the decisions of people and their undoing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.authorization import FORM, FormWriter, Reading, caller
from api.handler_services import AllServices, AppContext, Shared
from api.http import request_parsing
from api.http.request_parsing import Parameters
from api.rendering import html_templates, openapi_helpers, response_format_choice
from api.rendering.response_format_choice import HTML, JSON
from kg.errors import BadInput, InsufficientScope, MalformedText
from kg.knowledge_graph import ReadableGraph
from kg.links import outside_datasets
from kg.links.decision_log_state import DecisionLog, Judgement, LinkConflict, LogEntry, Relation
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision, sentences
from kg.reference.reference_lookup_and_backup import records

router = APIRouter(tags=["Links"], prefix="/review")

T = TypeVar("T", bound=BaseModel)

_FRESH = {"Cache-Control": "no-store", "Vary": "Accept"}
_LARGEST = 256 * 1024
_FIELDS = {
    "access_token": "A token of scope write, if the request has no Authorization header.",
    "key-N": "Subject, dataset and identifier of the Nth link, separated by spaces.",
    "judgement-N": "The judgement of the Nth link; empty to skip it.",
    "reason-N": "The reason for the judgement.",
}


class FeatureOut(BaseModel):
    """One scored piece of evidence for or against a link."""

    name: str
    value: float = Field(description="0 (against) to 1 (for).")
    weight: float = Field(description="Weight of the feature, in points of the score.")
    evidence: str


class Item(BaseModel):
    """A proposed link that awaits a decision."""

    subject: str = Field(description="IRI of the entity.")
    name: str = Field(description="Name of the entity in an article.")
    dataset: str
    identifier: str
    page: str = Field(description="Web page of the record; may be empty.")
    label: str = Field(description="Label of the record.")
    matched: str = Field(description="The name of the record that matched.")
    score: float = Field(description="0 to 100.")
    judgement: Judgement = Field(description="`none`, or `unsure` if a reviewer left it undecided.")
    reason: str
    source: str = Field(description="Reference pack and version of the record.")
    features: list[FeatureOut]
    sentences: list[str] = Field(description="Sentences that mention the entity.")


class Made(BaseModel):
    """A decision, or the undoing of a decision."""

    number: int
    subject: str
    dataset: str
    identifier: str
    judgement: Judgement
    relation: Relation
    user: str
    time: str = Field(description="UTC.")
    reason: str
    automatic: bool = Field(description="Whether the linker made the decision.")
    undoes: int | None = Field(description="Number of the decision that this one undoes.")
    contradictions: list[str] = Field(default=[], description="Accepted links that contradict this one.")


class Queue(BaseModel):
    """The review queue, the latest decisions and the contradictions between accepted links."""

    waiting: int
    items: list[Item]
    decisions: list[Made] = Field(description="Newest first.")
    contradictions: list[str]


class DecisionIn(BaseModel):
    """A reviewer's judgement of a link, which need not have been proposed."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(description="IRI of an entity, or its short form `entity/…`.", examples=["entity/putin"])
    dataset: str = Field(examples=["wikidata"])
    identifier: str = Field(examples=["Q7747"])
    judgement: Judgement
    reason: str = ""
    relation: Relation = Relation.exact


class UndoIn(BaseModel):
    """The number of the decision to undo."""

    model_config = ConfigDict(extra="forbid")

    number: int
    reason: str = ""


@router.get(
    "",
    summary="List the links that await review",
    response_model=Queue,
    responses={**openapi_helpers.response((JSON, HTML), "The queue."), **openapi_helpers.problems(401, 403, 406, 422)},
)
def get_queue(
    request: Request,
    shared: Shared,
    reading: Reading,
    limit: Annotated[
        int, Query(ge=1, le=500, description="Maximum number of items."), request_parsing.empty_as_absent(20)
    ] = 20,
    offset: Annotated[
        int, Query(ge=0, le=10**9, description="Number of items to skip."), request_parsing.empty_as_absent(0)
    ] = 0,
) -> Response:
    """Return the queue with the features of each proposal and the sentences that mention the entity.

    As a page it has a form for decisions. The queue covers all articles, so a token limited to some graphs is refused.
    """
    principal = caller(request, shared)
    if principal.graphs is not None:
        raise InsufficientScope(
            "The review queue covers all graphs, but this token is limited to some.",
            remedy="Use a token without a limit.",
            scope="read",
        )
    media_type = response_format_choice.choose(request, (JSON, HTML))
    review = _review(shared)
    log = review.log()
    queue = log.queue()
    found = Queue(
        waiting=len(queue),
        items=[_item(review, reading, log, entry) for entry in queue[offset : offset + limit]],
        decisions=[_made(entry) for entry in _newest(log)],
        contradictions=[_contradiction(conflict, review) for conflict in log.conflicts()],
    )
    if media_type == HTML:
        context = {"queue": found, "base": shared.graph.names.base, "next": offset + limit}
        answer = html_templates.render(request, shared, "review.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer
    return Response(found.model_dump_json(), media_type=JSON, headers=_FRESH)


@router.post(
    "/decisions",
    summary="Decide about links",
    status_code=201,
    response_model=list[Made],
    responses={
        303: {"description": "A form was submitted: redirect to the page."},
        **openapi_helpers.problems(400, 401, 403, 404, 415),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "oneOf": [
                            openapi_helpers.inlined(DecisionIn),
                            {"type": "array", "items": openapi_helpers.inlined(DecisionIn)},
                        ]
                    }
                },
                **openapi_helpers.form_body(_FIELDS),
            },
        }
    },
)
async def post_decisions(request: Request, shared: FormWriter) -> Response:
    """Accept, reject or mark links as unsure, all or none of them; the name of the token is recorded with each.

    A JSON body is one decision or a list of decisions.
    """
    form = _form(request)
    if form is None:
        sent = await _json(request, shared)
        wanted = [_valid(DecisionIn, row) for row in (sent if isinstance(sent, list) else [sent])]
        decisions = [
            ReviewDecision(row.subject, row.dataset, row.identifier, row.judgement, row.reason, row.relation)
            for row in wanted
        ]
    else:
        decisions = _decisions(form)
    made = await shared.in_thread(_review(shared).decide_all, decisions, caller(request, shared).name)
    if form is not None:
        return _redirect_to_page(request)
    answers = [_made(entry, [conflict.what for conflict in conflicts]) for entry, conflicts in made]
    return JSONResponse([answer.model_dump(mode="json") for answer in answers], status_code=201)


@router.post(
    "/undo",
    summary="Undo a decision",
    status_code=201,
    response_model=Made,
    responses={
        303: {"description": "A form was submitted: redirect to the page."},
        **openapi_helpers.problems(400, 401, 403, 404, 415),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": openapi_helpers.inlined(UndoIn)},
                **openapi_helpers.form_body(
                    {
                        "access_token": _FIELDS["access_token"],
                        "number": "Number of the decision.",
                        "reason": "The reason.",
                    }
                ),
            },
        }
    },
)
async def post_undo(request: Request, shared: FormWriter) -> Response:
    """Undo a decision of a person or of the linker; the state before it is restored."""
    form = _form(request)
    if form is None:
        wanted = _valid(UndoIn, await _json(request, shared))
    else:
        row = {name: request_parsing.single(form, name) or "" for name in ("number", "reason")}
        wanted = _valid(UndoIn, row)
    undo = _review(shared).undo
    made = await shared.in_thread(undo, wanted.number, caller(request, shared).name, wanted.reason)
    if form is not None:
        return _redirect_to_page(request)
    return JSONResponse(_made(made).model_dump(mode="json"), status_code=201)


def _review(shared: AllServices) -> LinkReview:
    return shared.graph.review(records(shared.graph.store.directory))


def _redirect_to_page(request: Request) -> Response:
    return Response(status_code=303, headers={"Location": request_parsing.origin_path(request, "/review")})


# ---- request bodies


def _form(request: Request) -> Parameters | None:
    found: Parameters | None = getattr(request.state, "form", None)
    return found


async def _json(request: Request, shared: AllServices) -> Any:
    request_parsing.content_type(request, (JSON, FORM))
    limits = shared.config.http
    body = await request_parsing.read_body(request, min(_LARGEST, limits.max_body_bytes), limits.body_timeout)
    try:
        return json.loads(request_parsing.decode(body, "body"))
    except (ValueError, RecursionError) as error:
        raise MalformedText("The body is not JSON.", line=getattr(error, "lineno", None)) from None


def _valid(model: type[T], row: object) -> T:
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "The body"
        raise BadInput(f"{where}: {first['msg']}.", remedy="See /docs for the expected fields.") from None


def _decisions(form: Parameters) -> list[ReviewDecision]:
    """Return the decisions in the fields of the page's form; rows with an empty judgement are skipped.

    ``judgement-2=close`` with ``key-2=<IRI> wikidata Q7747`` accepts the second link as a close match.
    """
    found = []
    for name, value in form:
        kind, _, number = name.partition("-")
        if kind != "judgement" or not value:
            continue
        key = (request_parsing.single(form, f"key-{number}") or "").split(" ")
        relation = Relation.close if value == "close" else Relation.exact
        judgement = "positive" if value == "close" else value
        row = dict(zip(("subject", "dataset", "identifier"), key, strict=False))
        checked = _valid(DecisionIn, {**row, "judgement": judgement})
        reason = request_parsing.single(form, f"reason-{number}") or ""
        found.append(
            ReviewDecision(checked.subject, checked.dataset, checked.identifier, checked.judgement, reason, relation)
        )
    return found


# ---- responses


def _item(review: LinkReview, reading: AppContext[ReadableGraph], log: DecisionLog, entry: LogEntry) -> Item:
    row = entry.proposal
    dataset = outside_datasets.find(row.dataset, review.names, log.datasets())
    return Item(
        subject=row.subject,
        name=row.name,
        dataset=row.dataset,
        identifier=row.identifier,
        page=outside_datasets.page(dataset, row.identifier),
        label=row.label,
        matched=row.matched,
        score=row.score,
        judgement=entry.judgement,
        reason=entry.reason or row.reason,
        source=row.source,
        features=[FeatureOut(name=f.name, value=f.value, weight=f.weight, evidence=f.evidence) for f in row.features],
        sentences=[found.text for found in sentences(reading.graph.store, row.subject)],
    )


def _newest(log: DecisionLog) -> list[LogEntry]:
    made = (entry for entry in log.entries.values() if not entry.automatic or entry.judgement is Judgement.positive)
    return [*made][-50:][::-1]


def _made(entry: LogEntry, contradictions: Sequence[str] = ()) -> Made:
    subject, dataset, identifier = entry.key
    return Made(
        number=entry.number,
        subject=subject,
        dataset=dataset,
        identifier=identifier,
        judgement=entry.judgement,
        relation=entry.relation,
        user=entry.user,
        time=entry.time,
        reason=entry.reason,
        automatic=entry.automatic,
        undoes=entry.undoes,
        contradictions=list(contradictions),
    )


def _contradiction(conflict: LinkConflict, review: LinkReview) -> str:
    base = review.names.base
    who = ", ".join(dict.fromkeys(place.subject.removeprefix(base) for place in conflict.keys))
    return f"{who}: {conflict.what}"
