"""The Reconciliation Service API 0.2: rows as form fields at the root, as OpenRefine sends them."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

import kg
from api import openapi, reconciliation, requests, rows
from api.formats import HTML, JSON
from api.reconciliation import Asked, Json
from api.rows import ExtendQuery, Short, Values
from api.security import FORM, Reading, caller, reading
from api.services import Services, Shared
from kg.graph import ReadableGraph
from kg.linking.matching import Index, Query
from kg.names import CG

router = APIRouter(tags=["Reconciliation"], prefix="/reconcile/0.2", default_response_class=Response)

_FIELDS = {
    "queries": "A batch: a JSON object of queries by any keys.",
    "query": "One query: its text, or a JSON object.",
    "extend": "A data extension query: a JSON object with ids and properties.",
}
_ANSWERS = {**openapi.answers((JSON,), "As the Reconciliation API 0.2 has it."), **openapi.reads(400, 413, 422)}
_PREFIX = [openapi.query("prefix", "The start of a name or identifier."), openapi.query("cursor", "How many to skip.")]


class PropertyIn(BaseModel):
    """What a property of the candidate has to be."""

    pid: Short
    v: Values


class QueryIn(BaseModel):
    """One row."""

    query: Short = ""
    type: Short | list[Short] | None = None
    limit: int | None = Field(default=None, ge=1)
    properties: list[PropertyIn] = Field(default=[], max_length=20)
    type_strict: Literal["any", "should", "all"] = "any"

    @model_validator(mode="after")
    def _says_something(self) -> QueryIn:
        if not (self.query.strip() or self.properties):
            raise ValueError("neither query nor properties are given")
        return self

    def read(self, index: Index) -> Query:
        """Make it a query of ours.

        Raises:
            BadInput: there is no such type or property.
        """
        wanted = self.type if isinstance(self.type, list) else [self.type] if self.type else []
        return Query(
            self.query.strip(),
            tuple(index.type(name).name for name in wanted),
            strict=self.type_strict != "should",
            conditions=tuple(rows.condition(one.pid, one.v) for one in self.properties),
            limit=rows.limited(self.limit),
        )


@router.get(
    "",
    summary="Reconciliation 0.2: manifest, or match rows",
    responses=_ANSWERS,
    openapi_extra={"parameters": [openapi.query(name, about) for name, about in _FIELDS.items()]},
)
async def get_reconcile_02(request: Request, shared: Shared) -> Response:
    """Give the manifest; with `queries`, `query` or `extend` do what a POST does."""
    parameters = requests.query_parameters(request)
    if not any(name in _FIELDS for name, _ in parameters):
        caller(request, shared)  # the manifest is for everybody, but no wrong token passes
        return Response(
            reconciliation.dumped(_manifest(request, shared)), media_type=JSON, headers=reconciliation.HEADERS
        )
    async with reading(request, shared) as seen:
        return await _answer(request, seen, parameters)


@router.post(
    "",
    summary="Reconciliation 0.2: match rows, or extend them",
    responses={**_ANSWERS, **openapi.reads(400, 413, 415, 422)},
    openapi_extra={"requestBody": {"required": True, "content": openapi.form(_FIELDS)}},
)
async def post_reconcile_02(request: Request, shared: Reading) -> Response:
    """Match rows with entities (`queries`), or give data of entities (`extend`)."""
    requests.content_type(request, (FORM,))
    body = await requests.read_body(request, shared.config.http.max_body_bytes, shared.config.http.body_timeout)
    parameters = [*requests.query_parameters(request), *requests.parse_parameters(body, "form")]
    return await _answer(request, shared, parameters)


async def _answer(request: Request, shared: Services[ReadableGraph], parameters: requests.Parameters) -> Response:
    ask = await reconciliation.asked(request, shared)
    if (text := requests.single(parameters, "extend")) is not None:
        wanted = rows.model(ExtendQuery, rows.parse(text, "extend"), "extend")
        return await _extend(ask, wanted)
    if (text := requests.single(parameters, "queries")) is not None:
        return ask.answer(await _match(ask, _object(rows.parse(text, "queries"))))
    text = requests.single(parameters, "query") or ""
    one = rows.parse(text, "query") if text.lstrip().startswith("{") else {"query": text}
    return ask.answer((await _match(ask, {"q": one}))["q"])


def _object(values: object) -> Json:
    if not isinstance(values, dict):
        raise rows.unfit("queries", "it is no object of queries by keys")
    return values


async def _match(ask: Asked, batch: Json) -> Json:
    rows.check_batch(len(batch))
    queries = [rows.model(QueryIn, one, f"query {key[:50]}").read(ask.index) for key, one in batch.items()]
    found = await reconciliation.matched(ask, queries)
    return {
        key: {"result": [reconciliation.candidate(ask, match) for match in row]}
        for key, row in zip(batch, found, strict=True)
    }


async def _extend(ask: Asked, wanted: ExtendQuery) -> Response:
    meta, found = await reconciliation.extended(ask, wanted)
    shown = {
        identifier: {
            name: [reconciliation.value(ask, one, with_language=False) for one in values]
            for name, values in row.items()
        }
        for identifier, row in found.items()
    }
    return ask.answer({"meta": meta, "rows": shown})


@router.get(
    "/suggest/{kind}", summary="Reconciliation 0.2: suggest", responses=_ANSWERS, openapi_extra={"parameters": _PREFIX}
)
async def suggest_02(kind: Literal["entity", "type", "property"], request: Request, shared: Reading) -> Response:
    """Suggest entities, types or properties whose names begin so."""
    ask = await reconciliation.asked(request, shared)
    found = await shared.in_thread(reconciliation.suggested, ask, kind, requests.query_parameters(request))
    return ask.answer({"result": found})


@router.get(
    "/preview",
    summary="Reconciliation 0.2: preview an entity",
    responses={**openapi.answers((HTML,), "A small page."), **openapi.reads(400, 404)},
    openapi_extra={"parameters": [openapi.query("id", "An identifier.")]},
)
async def preview_02(request: Request, shared: Reading) -> Response:
    """Show an entity as a small page to be put into pages of others."""
    return reconciliation.preview(request, await reconciliation.asked(request, shared))


@router.get(
    "/extend/propose",
    summary="Reconciliation 0.2: propose properties",
    responses=_ANSWERS,
    openapi_extra={"parameters": [openapi.query("type", "A type."), openapi.query("limit", "Most properties.")]},
)
async def propose_02(request: Request, shared: Reading) -> Response:
    """Propose properties that rows of a type may be extended by."""
    ask = await reconciliation.asked(request, shared)
    return ask.answer(reconciliation.proposal(ask, requests.query_parameters(request)))


def _manifest(request: Request, shared: Services[ReadableGraph]) -> Json:
    base = reconciliation.root(request, shared.graph.names.base)
    here = f"{base}/reconcile/0.2"
    suggest: Any = {
        kind: {"service_url": here, "service_path": f"/suggest/{kind}"} for kind in ("entity", "type", "property")
    }
    return {
        "versions": ["0.2"],
        "name": reconciliation.NAME,
        "identifierSpace": shared.graph.names.entity(""),
        "schemaSpace": CG,
        "serviceVersion": kg.__version__,
        "view": {"url": f"{base}/describe?iri={{{{id}}}}"},
        "preview": {
            "url": f"{here}/preview?id={{{{id}}}}",
            "width": reconciliation.WIDTH,
            "height": reconciliation.HEIGHT,
        },
        "suggest": suggest,
        "extend": {"propose_properties": {"service_url": here, "service_path": "/extend/propose"}},
        "defaultTypes": reconciliation.default_types(reconciliation.language(request)),
        **reconciliation.manifest(request, shared),
    }
