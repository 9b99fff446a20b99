"""Reconciliation Service API 0.2: rows as form fields at the root, as OpenRefine sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

import kg
from api.authorization import FORM, Reading, caller, reading
from api.handler_services import AppContext, Shared
from api.http import request_parsing
from api.reconcile import request_rows, shared_operations
from api.reconcile.request_rows import ExtendQuery, RefusedRow, Short, Values
from api.reconcile.shared_operations import Json, ReconciliationContext
from api.rendering import openapi_helpers
from api.rendering.response_format_choice import HTML, JSON
from kg.iris import CG
from kg.knowledge_graph import ReadableGraph
from kg.reconciliation.reconciliation_index import ReconciliationIndex, RowMatch, RowQuery

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile/0.2", default_response_class=Response)

_FIELDS = {
    "queries": "A batch: a JSON object of queries by arbitrary keys.",
    "query": "One query: a text or a JSON object.",
    "extend": "A data extension query: a JSON object with ids and properties.",
}
_ANSWERS = {
    **openapi_helpers.response((JSON,), "The response of the Reconciliation API 0.2."),
    **openapi_helpers.query_problems(400, 413, 422),
}
_PREFIX = [
    openapi_helpers.query_parameter("prefix", "Prefix of a name or identifier."),
    openapi_helpers.query_parameter("cursor", "Number of suggestions to skip."),
]


class PropertyIn(BaseModel):
    """A required value of a property of the candidate."""

    pid: Short
    v: Values


class QueryInV02(BaseModel):
    """The query for one row."""

    query: Short = ""
    type: Short | list[Short] | None = None
    limit: int | None = Field(default=None, ge=1)
    properties: list[PropertyIn] = Field(default=[], max_length=20)
    type_strict: Literal["any", "should", "all"] = "any"

    @model_validator(mode="after")
    def _has_condition(self) -> QueryInV02:
        if not (self.query.strip() or self.properties):
            raise ValueError("it has neither query nor properties")
        return self

    def read(self, index: ReconciliationIndex) -> RowQuery:
        """Return the query in the form of the index.

        Raises:
            BadInput: a type or property does not exist.
        """
        wanted = self.type if isinstance(self.type, list) else [self.type] if self.type else []
        return RowQuery(
            self.query.strip(),
            tuple(index.type(name).name for name in wanted if name),
            strict=self.type_strict != "should",
            conditions=tuple(
                found for one in self.properties if (found := request_rows.row_condition(one.pid, one.v)) is not None
            ),
            limit=request_rows.candidate_limit(self.limit),
        )


@router.get(
    "",
    summary="Reconciliation 0.2: manifest, or match rows",
    responses=_ANSWERS,
    openapi_extra={"parameters": [openapi_helpers.query_parameter(name, about) for name, about in _FIELDS.items()]},
)
async def get_reconcile_02(request: Request, shared: Shared) -> Response:
    """Return the manifest; with `queries`, `query` or `extend` do the same as POST."""
    parameters = request_parsing.query_parameters(request)
    if not any(request_parsing.values(parameters, name) for name in _FIELDS):
        caller(request, shared)  # the manifest is public, but a wrong token is refused
        return Response(
            shared_operations.to_json(_manifest(request, shared)), media_type=JSON, headers=shared_operations.HEADERS
        )
    async with reading(request, shared) as seen:
        return await _answer(request, seen, parameters)


@router.post(
    "",
    summary="Reconciliation 0.2: match rows, or extend them",
    responses={**_ANSWERS, **openapi_helpers.query_problems(400, 413, 415, 422)},
    openapi_extra={"requestBody": {"required": True, "content": openapi_helpers.form_body(_FIELDS)}},
)
async def post_reconcile_02(request: Request, shared: Reading) -> Response:
    """Match rows with entities (`queries`), or return data of entities (`extend`)."""
    request_parsing.content_type(request, (FORM,))
    body = await request_rows.read_body(request, shared.config.http)
    parameters = [*request_parsing.query_parameters(request), *request_parsing.parse_parameters(body, "form")]
    return await _answer(request, shared, parameters)


async def _answer(
    request: Request, shared: AppContext[ReadableGraph], parameters: request_parsing.Parameters
) -> Response:
    context = await shared_operations.prepare(request, shared)
    if (text := request_parsing.single(parameters, "extend")) is not None:
        wanted = request_rows.validate_model(ExtendQuery, request_rows.parse(text, "extend"), "extend")
        return await _extend(context, wanted)
    if (text := request_parsing.single(parameters, "queries")) is not None:
        batch = _object(request_rows.parse(text, "queries"))
        request_rows.check_batch(len(batch))
        return context.response(await _match(context, _rows(context, batch)))
    text = request_parsing.single(parameters, "query") or ""
    one = request_rows.parse(text, "query") if text.lstrip().startswith("{") else {"query": text}
    row = request_rows.validate_model(QueryInV02, one, "query").read(context.index)
    return context.response((await _match(context, {"q": row}))["q"])


def _object(values: object) -> Json:
    if not isinstance(values, dict):
        raise request_rows.invalid("queries", "not an object of queries by key")
    return values


def _rows(context: ReconciliationContext, batch: Json) -> dict[str, RowQuery | RefusedRow]:
    """Return the queries of a batch by key."""

    def read(row: tuple[str, Any]) -> RowQuery:
        key, one = row
        return request_rows.validate_model(QueryInV02, one, f"query {key[:50]}").read(context.index)

    return dict(zip(batch, request_rows.each(batch.items(), read), strict=True))


async def _match(context: ReconciliationContext, batch: Mapping[str, RowQuery | RefusedRow]) -> Json:
    found = await shared_operations.match_rows(context, [*batch.values()])
    return {key: _result(context, row) for key, row in zip(batch, found, strict=True)}


def _result(context: ReconciliationContext, row: list[RowMatch] | RefusedRow) -> Json:
    if isinstance(row, RefusedRow):
        return {"result": [], "message": row.message}
    return {"result": [shared_operations.candidate(context, match) for match in row]}


async def _extend(context: ReconciliationContext, wanted: ExtendQuery) -> Response:
    meta, found = await shared_operations.extend_entities(context, wanted)
    shown = {
        identifier: {
            name: [shared_operations.value(context, one, with_language=False) for one in values]
            for name, values in row.items()
        }
        for identifier, row in found.items()
    }
    return context.response({"meta": meta, "rows": shown})


@router.get(
    "/suggest/{kind}", summary="Reconciliation 0.2: suggest", responses=_ANSWERS, openapi_extra={"parameters": _PREFIX}
)
async def suggest_02(kind: Literal["entity", "type", "property"], request: Request, shared: Reading) -> Response:
    """Suggest entities, types or properties whose names start with a prefix."""
    context = await shared_operations.prepare(request, shared)
    found = await shared.in_thread(
        shared_operations.suggestions, context, kind, request_parsing.query_parameters(request)
    )
    return context.response({"result": found})


@router.get(
    "/preview",
    summary="Reconciliation 0.2: preview an entity",
    responses={**openapi_helpers.response((HTML,), "A small HTML page."), **openapi_helpers.query_problems(400, 404)},
    openapi_extra={"parameters": [openapi_helpers.query_parameter("id", "Identifier of an entity.")]},
)
async def preview_02(request: Request, shared: Reading) -> Response:
    """Return an entity as a small page that other sites may embed."""
    return shared_operations.preview(request, await shared_operations.prepare(request, shared))


@router.get(
    "/extend/propose",
    summary="Reconciliation 0.2: propose properties",
    responses=_ANSWERS,
    openapi_extra={
        "parameters": [
            openapi_helpers.query_parameter("type", "Id of a type."),
            openapi_helpers.query_parameter("limit", "Maximum number of properties."),
        ]
    },
)
async def propose_02(request: Request, shared: Reading) -> Response:
    """Propose properties by which rows of a type can be extended."""
    context = await shared_operations.prepare(request, shared)
    return context.response(shared_operations.proposed_properties(context, request_parsing.query_parameters(request)))


def _manifest(request: Request, shared: AppContext[ReadableGraph]) -> Json:
    base = shared_operations.base_url(request, shared.graph.names.base)
    here = f"{base}/reconcile/0.2"
    suggest: Any = {
        kind: {"service_url": here, "service_path": f"/suggest/{kind}"} for kind in ("entity", "type", "property")
    }
    return {
        "versions": ["0.2"],
        "name": shared_operations.NAME,
        "identifierSpace": shared.graph.names.entity(""),
        "schemaSpace": CG,
        "serviceVersion": kg.__version__,
        "view": {"url": f"{base}/describe?iri={{{{id}}}}"},
        "preview": {
            "url": f"{here}/preview?id={{{{id}}}}",
            "width": shared_operations.WIDTH,
            "height": shared_operations.HEIGHT,
        },
        "suggest": suggest,
        "extend": {"propose_properties": {"service_url": here, "service_path": "/extend/propose"}},
        "defaultTypes": shared_operations.default_types(shared_operations.language(request)),
        **shared_operations.manifest(request, shared),
    }
