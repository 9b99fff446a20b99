"""The draft of the Reconciliation API 1.0: routes under one root, JSON in and out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

import kg
from api.app_context import AppContext, Shared
from api.authorization import Reading, caller
from api.http import request_parsing
from api.reconcile import request_rows, service
from api.reconcile.request_rows import ExtendQuery, Short, Values
from api.reconcile.service import Json, ReconciliationRequest
from api.rendering import openapi_helpers
from api.rendering.response_formats import HTML, JSON
from kg.errors import BadInput
from kg.knowledge_graph import ReadableGraph
from kg.reconciliation.reconciliation_index import ReconciliationIndex, RowCondition, RowMatch, RowQuery

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile/1.0", default_response_class=Response)

_ANSWERS = {
    **openapi_helpers.answers((JSON,), "As the draft of the Reconciliation API 1.0 has it."),
    **openapi_helpers.reads(400, 422),
}
_TAKES = {**_ANSWERS, **openapi_helpers.reads(400, 413, 415, 422)}
_PREFIX = [
    openapi_helpers.query("prefix", "The start of a name or identifier."),
    openapi_helpers.query("cursor", "How many to skip."),
]


class ConditionIn(BaseModel):
    """What the candidate has to be called, or have for a property."""

    kind: Literal["name", "id", "property"] = Field(alias="matchType")
    property: Short | None = Field(default=None, alias="propertyId")
    value: Values = Field(alias="propertyValue")
    required: bool = False
    quantifier: Literal["any", "all", "none"] = Field(default="any", alias="matchQuantifier")
    qualifier: Short | None = Field(default=None, alias="matchQualifier")


class QueryInV10(BaseModel):
    """One row."""

    model_config = ConfigDict(extra="forbid")

    type: Short | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    lang: Short | None = None
    dir: Short | None = None
    conditions: list[ConditionIn] = Field(min_length=1, max_length=20)

    def read(self, index: ReconciliationIndex) -> RowQuery:
        """Make it a query of ours.

        Raises:
            BadInput: there is no such type, property or qualifier, or there are several names.
        """
        return RowQuery(
            self._single("name"),
            (index.type(self.type).name,) if self.type else (),
            identifier=self._single("id"),
            conditions=tuple(_condition(one) for one in self.conditions if one.kind == "property"),
            limit=request_rows.limited(self.limit),
        )

    def _single(self, kind: str) -> str:
        found = [text for one in self.conditions if one.kind == kind for text in request_rows.texts(one.value)]
        if len(found) > 1:
            raise BadInput(f"A query has {len(found)} conditions of matchType {kind}.", remedy="Give one.")
        return found[0].strip() if found else ""


class QueryBatch(BaseModel):
    """Rows."""

    queries: list[QueryInV10]


def _condition(one: ConditionIn) -> RowCondition:
    if one.qualifier is not None:
        raise BadInput(f"There is no matchQualifier “{one.qualifier[:100]}”.", remedy="Leave it out.")
    if one.property is None:
        raise BadInput("A condition of matchType property has no propertyId.", remedy="Name the property.")
    return request_rows.condition(one.property, one.value, required=one.required, quantifier=one.quantifier)


@router.get("", summary="Reconciliation 1.0 (draft): manifest", responses=_ANSWERS)
async def manifest_10(request: Request, shared: Shared) -> Response:
    """Describe the service; no token is needed for that, whatever the rest needs."""
    caller(request, shared)
    return Response(service.dumped(_manifest(request, shared)), media_type=JSON, headers=service.HEADERS)


@router.post(
    "/match",
    summary="Reconciliation 1.0 (draft): match rows",
    responses=_TAKES,
    openapi_extra={"requestBody": openapi_helpers.takes_model(QueryBatch)},
)
async def match_10(request: Request, shared: Reading) -> Response:
    """Match a batch of rows with entities of the graph."""
    values = await _body(request, shared)
    if isinstance(values, dict) and isinstance(values.get("queries"), list):
        request_rows.check_batch(len(values["queries"]))
    batch = request_rows.model(QueryBatch, values, "batch")
    ask = await service.asked(request, shared)
    found = await service.matched(ask, [one.read(ask.index) for one in batch.queries])
    return ask.answer({"results": [{"candidates": [_candidate(ask, match) for match in row]} for row in found]})


def _candidate(ask: ReconciliationRequest, match: RowMatch) -> Json:
    tagged = match.item.named(ask.language).language
    return {**service.candidate(ask, match), **({"lang": tagged} if tagged else {})}


@router.post(
    "/extend",
    summary="Reconciliation 1.0 (draft): extend rows",
    responses=_TAKES,
    openapi_extra={"requestBody": openapi_helpers.takes_model(ExtendQuery)},
)
async def extend_10(request: Request, shared: Reading) -> Response:
    """Give the values of some properties of some entities."""
    wanted = request_rows.model(ExtendQuery, await _body(request, shared), "data extension query")
    ask = await service.asked(request, shared)
    meta, found = await service.extended(ask, wanted)
    shown = [
        {
            "id": identifier,
            "properties": [
                {"id": name, "values": [service.value(ask, one, with_language=True) for one in values]}
                for name, values in row.items()
            ],
        }
        for identifier, row in found.items()
    ]
    return ask.answer({"meta": meta, "rows": shown})


async def _body(request: Request, shared: AppContext[ReadableGraph]) -> object:
    request_parsing.content_type(request, (JSON,))
    body = await request_parsing.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    return request_rows.parse(request_parsing.decode(body, "body"), "body")


@router.get(
    "/suggest/{kind}",
    summary="Reconciliation 1.0 (draft): suggest",
    responses=_ANSWERS,
    openapi_extra={"parameters": _PREFIX},
)
async def suggest_10(kind: Literal["entity", "type", "property"], request: Request, shared: Reading) -> Response:
    """Suggest entities, types or properties whose names begin so."""
    ask = await service.asked(request, shared)
    found = await shared.in_thread(service.suggested, ask, kind, request_parsing.query_parameters(request))
    return ask.answer({"result": found})


@router.get(
    "/preview",
    summary="Reconciliation 1.0 (draft): preview an entity",
    responses={**openapi_helpers.answers((HTML,), "A small page."), **openapi_helpers.reads(400, 404)},
    openapi_extra={"parameters": [openapi_helpers.query("id", "An identifier.")]},
)
async def preview_10(request: Request, shared: Reading) -> Response:
    """Show an entity as a small page to be put into pages of others."""
    return service.preview(request, await service.asked(request, shared))


@router.get(
    "/extend/propose",
    summary="Reconciliation 1.0 (draft): propose properties",
    responses=_ANSWERS,
    openapi_extra={
        "parameters": [openapi_helpers.query("type", "A type."), openapi_helpers.query("limit", "Most properties.")]
    },
)
async def propose_10(request: Request, shared: Reading) -> Response:
    """Propose properties that rows of a type may be extended by."""
    ask = await service.asked(request, shared)
    return ask.answer(service.proposal(ask, request_parsing.query_parameters(request)))


def _manifest(request: Request, shared: AppContext[ReadableGraph]) -> Json:
    language = service.language(request)
    return {
        "versions": ["1.0-draft"],
        "name": service.NAME,
        "lang": language,
        "serviceVersion": kg.__version__,
        "view": {"url": f"{service.root(request, shared.graph.names.base)}/describe?iri={{id}}"},
        "preview": {"width": service.WIDTH, "height": service.HEIGHT},
        "suggest": {"entity": True, "property": True, "type": True},
        "extend": {"proposeProperties": True},
        "standardizedScore": True,
        "defaultTypes": [{**one, "lang": language} for one in service.default_types(language)],
        **service.manifest(request, shared),
    }
