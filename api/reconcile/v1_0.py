"""Reconciliation Service API 1.0 (draft): one route for each operation, JSON in and out."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

import kg
from api.authorization import Reading, caller
from api.handler_services import AppContext, Shared
from api.http import request_parsing
from api.reconcile import request_rows, shared_operations
from api.reconcile.request_rows import ExtendQuery, RefusedRow, Short, Values
from api.reconcile.shared_operations import Json, ReconciliationContext
from api.rendering import openapi_helpers
from api.rendering.response_format_choice import HTML, JSON
from kg.errors import BadInput
from kg.knowledge_graph import ReadableGraph
from kg.reconciliation.reconciliation_index import ReconciliationIndex, RowCondition, RowMatch, RowQuery

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile/1.0", default_response_class=Response)

_ANSWERS = {
    **openapi_helpers.response((JSON,), "The response of the draft Reconciliation API 1.0."),
    **openapi_helpers.query_problems(400, 422),
}
_BODY_ANSWERS = {**_ANSWERS, **openapi_helpers.query_problems(400, 413, 415, 422)}
_PREFIX = [
    openapi_helpers.query_parameter("prefix", "Prefix of a name or identifier."),
    openapi_helpers.query_parameter("cursor", "Number of suggestions to skip."),
]


class ConditionIn(BaseModel):
    """A condition on the name, the identifier or a property of the candidate."""

    kind: Literal["name", "id", "property"] = Field(alias="matchType")
    property: Short | None = Field(default=None, alias="propertyId")
    value: Values = Field(alias="propertyValue")
    required: bool = False
    quantifier: Literal["any", "all", "none"] = Field(default="any", alias="matchQuantifier")
    qualifier: Short | None = Field(default=None, alias="matchQualifier")


class QueryInV10(BaseModel):
    """The query for one row."""

    model_config = ConfigDict(extra="forbid")

    type: Short | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    lang: Short | None = None
    dir: Short | None = None
    conditions: list[ConditionIn] = Field(min_length=1, max_length=20)

    def read(self, index: ReconciliationIndex) -> RowQuery:
        """Return the query in the form of the index.

        Raises:
            BadInput: a type, property or qualifier does not exist, or there are several names or identifiers.
        """
        return RowQuery(
            self._single("name"),
            (index.type(self.type).name,) if self.type else (),
            identifier=self._single("id"),
            conditions=tuple(
                found for one in self.conditions if one.kind == "property" and (found := _condition(one)) is not None
            ),
            limit=request_rows.candidate_limit(self.limit),
        )

    def _single(self, kind: str) -> str:
        """Return the only value of the conditions of a matchType, or an empty string without one."""
        found = [text for one in self.conditions if one.kind == kind for text in request_rows.value_texts(one.value)]
        if len(found) > 1:
            raise BadInput(f"A query has {len(found)} conditions of matchType {kind}.", remedy="Send one.")
        return found[0].strip() if found else ""


class QueryBatch(BaseModel):
    """A batch of rows."""

    queries: list[QueryInV10]


class _UncheckedBatch(BaseModel):
    """A batch whose rows are validated one by one, so that a bad one does not refuse the others."""

    queries: list[object]


def _condition(one: ConditionIn) -> RowCondition | None:
    if one.qualifier is not None:
        raise BadInput(f"The matchQualifier “{one.qualifier[:100]}” is not supported.", remedy="Omit it.")
    if one.property is None:
        raise BadInput("A condition of matchType property has no propertyId.", remedy="Add the propertyId.")
    return request_rows.row_condition(one.property, one.value, required=one.required, quantifier=one.quantifier)


@router.get("", summary="Reconciliation 1.0 (draft): manifest", responses=_ANSWERS)
async def manifest_10(request: Request, shared: Shared) -> Response:
    """Return the manifest; it needs no token, even where the other operations do."""
    caller(request, shared)
    return Response(
        shared_operations.to_json(_manifest(request, shared)), media_type=JSON, headers=shared_operations.HEADERS
    )


@router.post(
    "/match",
    summary="Reconciliation 1.0 (draft): match rows",
    responses=_BODY_ANSWERS,
    openapi_extra={"requestBody": openapi_helpers.model_body(QueryBatch)},
)
async def match_10(request: Request, shared: Reading) -> Response:
    """Match a batch of rows with entities of the graph."""
    values = await _body(request, shared)
    if isinstance(values, dict) and isinstance(values.get("queries"), list):
        request_rows.check_batch(len(values["queries"]))
    batch = request_rows.validate_model(_UncheckedBatch, values, "batch")
    context = await shared_operations.prepare(request, shared)

    def read(row: object) -> RowQuery:
        return request_rows.validate_model(QueryInV10, row, "query").read(context.index)

    found = await shared_operations.match_rows(context, request_rows.each(batch.queries, read))
    return context.response({"results": [_result(context, row) for row in found]})


def _result(context: ReconciliationContext, row: list[RowMatch] | RefusedRow) -> Json:
    if isinstance(row, RefusedRow):
        return {"candidates": [], "message": row.message}
    return {"candidates": [_candidate(context, match) for match in row]}


def _candidate(context: ReconciliationContext, match: RowMatch) -> Json:
    tagged = match.item.named(context.language).language
    return {**shared_operations.candidate(context, match), **({"lang": tagged} if tagged else {})}


@router.post(
    "/extend",
    summary="Reconciliation 1.0 (draft): extend rows",
    responses=_BODY_ANSWERS,
    openapi_extra={"requestBody": openapi_helpers.model_body(ExtendQuery)},
)
async def extend_10(request: Request, shared: Reading) -> Response:
    """Return the values of some properties of some entities."""
    wanted = request_rows.validate_model(ExtendQuery, await _body(request, shared), "data extension query")
    context = await shared_operations.prepare(request, shared)
    meta, found = await shared_operations.extend_entities(context, wanted)
    shown = [
        {
            "id": identifier,
            "properties": [
                {"id": name, "values": [shared_operations.value(context, one, with_language=True) for one in values]}
                for name, values in row.items()
            ],
        }
        for identifier, row in found.items()
    ]
    return context.response({"meta": meta, "rows": shown})


async def _body(request: Request, shared: AppContext[ReadableGraph]) -> object:
    request_parsing.content_type(request, (JSON,))
    body = await request_rows.read_body(request, shared.config.http)
    return request_rows.parse(request_parsing.decode(body, "body"), "body")


@router.get(
    "/suggest/{kind}",
    summary="Reconciliation 1.0 (draft): suggest",
    responses=_ANSWERS,
    openapi_extra={"parameters": _PREFIX},
)
async def suggest_10(kind: Literal["entity", "type", "property"], request: Request, shared: Reading) -> Response:
    """Suggest entities, types or properties whose names start with a prefix."""
    context = await shared_operations.prepare(request, shared)
    found = await shared.in_thread(
        shared_operations.suggestions, context, kind, request_parsing.query_parameters(request)
    )
    return context.response({"result": found})


@router.get(
    "/preview",
    summary="Reconciliation 1.0 (draft): preview an entity",
    responses={**openapi_helpers.response((HTML,), "A small HTML page."), **openapi_helpers.query_problems(400, 404)},
    openapi_extra={"parameters": [openapi_helpers.query_parameter("id", "Identifier of an entity.")]},
)
async def preview_10(request: Request, shared: Reading) -> Response:
    """Return an entity as a small page that other sites may embed."""
    return shared_operations.preview(request, await shared_operations.prepare(request, shared))


@router.get(
    "/extend/propose",
    summary="Reconciliation 1.0 (draft): propose properties",
    responses=_ANSWERS,
    openapi_extra={
        "parameters": [
            openapi_helpers.query_parameter("type", "Id of a type."),
            openapi_helpers.query_parameter("limit", "Maximum number of properties."),
        ]
    },
)
async def propose_10(request: Request, shared: Reading) -> Response:
    """Propose properties by which rows of a type can be extended."""
    context = await shared_operations.prepare(request, shared)
    return context.response(shared_operations.proposed_properties(context, request_parsing.query_parameters(request)))


def _manifest(request: Request, shared: AppContext[ReadableGraph]) -> Json:
    language = shared_operations.language(request)
    return {
        "versions": ["1.0-draft"],
        "name": shared_operations.NAME,
        "lang": language,
        "serviceVersion": kg.__version__,
        "view": {"url": f"{shared_operations.base_url(request, shared.graph.names.base)}/describe?iri={{id}}"},
        "preview": {"width": shared_operations.WIDTH, "height": shared_operations.HEIGHT},
        "suggest": {"entity": True, "property": True, "type": True},
        "extend": {"proposeProperties": True},
        "standardizedScore": True,
        "defaultTypes": [{**one, "lang": language} for one in shared_operations.default_types(language)],
        **shared_operations.manifest(request, shared),
    }
