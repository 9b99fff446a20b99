"""Code shared by both versions of the Reconciliation API: index, candidates, suggestions, data extension, previews.

Each version wraps the results in its own JSON structure (:mod:`api.reconcile.v0_2`, :mod:`api.reconcile.v1_0`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from api.handler_services import AppContext
from api.http import content_negotiation, request_parsing
from api.reconcile import request_rows
from api.reconcile.request_rows import RefusedRow
from api.rendering import html_templates
from kg.errors import BadInput, MalformedText, NotFound
from kg.iris import CG
from kg.knowledge_graph import ReadableGraph
from kg.reconciliation import entity_properties, reconcilable_entities
from kg.reconciliation.entity_properties import PROPERTIES, EntityProperty, EntityReference, Value
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reconciliation.reconciliation_index import ReconciliationIndex, RowMatch, RowQuery

NAME = "Claimgraph"

PAGE_SIZE = 20
"""Suggestions in one response."""

WIDTH, HEIGHT = 420, 240
"""Size of a preview, in CSS pixels."""

HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
"""Headers of every response; ``no-cache``, as the response cache does not take ``Accept-Language`` into account."""

_LANGUAGES = ("en", "uk")
_PREVIEW_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *; "
    "sandbox allow-popups allow-same-origin"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class ReconciliationContext:
    """The index and language of one request.

    Attributes:
        shared: the services, restricted to the graphs that the caller may read.
        index: the index of the entities that the caller may see.
        language: the language of names and descriptions, ``en`` or ``uk``.
    """

    shared: AppContext[ReadableGraph]
    index: ReconciliationIndex
    language: str

    def response(self, content: Json) -> Response:
        """Return a JSON response with the headers of the service."""
        return JSONResponse(content, headers={**HEADERS, "Content-Language": self.language})


async def prepare(request: Request, shared: AppContext[ReadableGraph]) -> ReconciliationContext:
    """Return the context of a request; its index is rebuilt, off the event loop, if the snapshot has changed."""
    index = await shared.query_in_thread(shared.indexes.get, shared.graph.store)
    return ReconciliationContext(shared, index, language(request))


def language(request: Request) -> str:
    """Return the response language by ``Accept-Language``; English if neither English nor Ukrainian is accepted.

    The negotiation of media types is reused: ``uk-UA, en;q=0.5`` becomes ``text/uk;region=UA,text/en;q=0.5``.
    """
    # A region is only a preference within its language, hence the parameter; "*" means any, so English is as good.
    ranges = request.headers.get("accept-language", "").replace("*", "en")
    offered = ",".join(f"text/{part.strip().replace('-', ';region=', 1)}" for part in ranges.split(",") if part.strip())
    found = content_negotiation.best(offered, [f"text/{name}" for name in _LANGUAGES])
    return (found or "text/en").removeprefix("text/")


def base_url(request: Request, base: str) -> str:
    """Return the URL of the application without a trailing slash, on the host that the request was sent to.

    ``base`` itself is returned if it is on that host; otherwise the origin of the request with the mount path.
    """
    here = request_parsing.address(request)
    origin = "/".join(here.split("/", 3)[:3])
    return base.rstrip("/") if base.startswith(f"{origin}/") else origin + request.scope.get("root_path", "")


def entity(index: ReconciliationIndex, identifier: str) -> ReconcilableEntity:
    """Return the entity of an identifier.

    Raises:
        NotFound: it does not exist, or the caller may not see it.
    """
    found = index.find(identifier)
    if found is None:
        raise NotFound("No entity has this identifier.", remedy="Use the identifier of a candidate.")
    return found


# ---- results


async def match_rows(
    context: ReconciliationContext, queries: list[RowQuery | RefusedRow]
) -> list[list[RowMatch] | RefusedRow]:
    """Match rows off the event loop, within the time limit of queries; those that were refused stay as they are."""
    timeout = context.shared.config.queries.timeout
    usable = [query for query in queries if isinstance(query, RowQuery)]
    found = iter(await context.shared.query_in_thread(context.index.match_all, usable, timeout))
    return [next(found) if isinstance(query, RowQuery) else query for query in queries]


def candidate(context: ReconciliationContext, match: RowMatch) -> Json:
    """Return the fields of a candidate that both versions have."""
    item, index = match.item, context.index
    return {
        "id": item.iri,
        "name": item.label(context.language),
        "description": index.describe(item, context.language),
        "score": match.score,
        "match": match.certain,
        "type": [
            {"id": index.types[name].iri, "name": index.types[name].label(context.language)} for name in item.types
        ],
        "features": [
            {"id": name, "name": name, "value": one.value, "weight": one.weight, "evidence": one.evidence}
            for name, one in _unique_names(match)
        ],
    }


def _unique_names(match: RowMatch) -> Iterable[tuple[str, Any]]:
    """Yield each feature with a unique name: two conditions on ``country`` become ``country`` and ``country_2``."""
    seen: dict[str, int] = {}
    for one in match.features:
        seen[one.name] = number = seen.get(one.name, 0) + 1
        yield one.name if number == 1 else f"{one.name}_{number}", one


def suggestions(context: ReconciliationContext, kind: str, parameters: request_parsing.Parameters) -> list[Json]:
    """Return suggestions of a kind (entity, type or property) for the prefix of a name.

    Raises:
        MalformedText, BadInput: a parameter is malformed or too long.
    """
    prefix, start = (
        request_parsing.single(parameters, "prefix") or "",
        request_rows.integer_parameter(parameters, "cursor", 0),
    )
    if len(prefix) > request_rows.MAX_LENGTH:
        raise BadInput(
            f"The prefix is longer than {request_rows.MAX_LENGTH} characters.", remedy="Send a shorter prefix."
        )
    if kind == "entity":
        return [_suggestion(context, item) for item in context.index.suggest(prefix, start, PAGE_SIZE)]
    lines = _types(context) if kind == "type" else _properties(context.language)
    wanted = prefix.strip().casefold()
    found = [line for line, names in lines if any(name.casefold().startswith(wanted) for name in names)]
    return found[start : start + PAGE_SIZE]


def _suggestion(context: ReconciliationContext, item: ReconcilableEntity) -> Json:
    index = context.index
    notable = [
        {"id": index.types[name].iri, "name": index.types[name].label(context.language)} for name in item.types[:1]
    ]
    described = index.describe(item, context.language)
    return {"id": item.iri, "name": item.label(context.language), "description": described, "notable": notable}


def _types(context: ReconciliationContext) -> list[tuple[Json, tuple[str, ...]]]:
    types = context.index.types
    return [
        (
            {
                "id": one.iri,
                "name": one.label(context.language),
                "broader": [{"id": types[up].iri, "name": types[up].label(context.language)} for up in one.broader],
            },
            (*one.labels.values(), one.name, f"cg:{one.name}", one.iri),
        )
        for one in types.values()
    ]


def _properties(name: str) -> list[tuple[Json, tuple[str, ...]]]:
    return [(described(one, name), (one.name, *one.title.values())) for one in PROPERTIES.values() if one.compared]


def described(one: EntityProperty, name: str) -> Json:
    """Return the id, name and description of a property in a language."""
    return {"id": one.name, "name": one.label(name), "description": one.description(name)}


def proposed_properties(context: ReconciliationContext, parameters: request_parsing.Parameters) -> Json:
    """Return properties by which rows of a type can be extended."""
    wanted, limit = (
        request_parsing.single(parameters, "type"),
        request_rows.integer_parameter(parameters, "limit", len(PROPERTIES)),
    )
    kind = context.index.type(wanted).name if wanted else None
    found = [described(one, context.language) for one in entity_properties.proposed(kind)]
    return {"properties": found[:limit], "limit": limit, **({"type": wanted} if wanted else {})}


async def extend_entities(
    context: ReconciliationContext, query: request_rows.ExtendQuery
) -> tuple[list[Json], dict[str, dict[str, list[Value]]]]:
    """Return the requested properties, and the values of each by identifier and name of the property.

    An unknown identifier has no values.

    Raises:
        TooLarge: the query has too many entities.
        BadInput: a property does not exist.
    """
    request_rows.check_batch(len(query.ids), "entities")
    wanted = [request_rows.find_property(one.id) for one in query.properties]
    items = {identifier: context.index.find(identifier) for identifier in query.ids}
    counts: dict[str, int] = {}
    if any(one.counted for one in wanted):
        iris = [item.iri for item in items.values() if item]
        counts = await context.shared.query_in_thread(reconcilable_entities.claims, context.shared.graph.store, iris)

    def values(item: ReconcilableEntity | None, one: EntityProperty) -> list[Value]:
        if item is None:
            return []
        return [counts.get(item.iri, 0)] if one.counted else one.read(item, context.index.items)

    found = {identifier: {one.name: values(item, one) for one in wanted} for identifier, item in items.items()}
    return [{"id": one.name, "name": one.label(context.language)} for one in wanted], found


def value(context: ReconciliationContext, found: Value, *, with_language: bool) -> Json:
    """Return one value in the JSON form of data extension."""
    if isinstance(found, int):
        return {"int": found}
    if isinstance(found, EntityReference):
        item = context.index.items.get(found.iri)
        return {"id": found.iri, "name": item.label(context.language) if item else found.iri}
    tagged = {"lang": found.language} if with_language and found.language else {}
    return {"str": found.text, **tagged}


def preview(request: Request, context: ReconciliationContext) -> Response:
    """Render an entity as a small page that other sites may embed in a frame.

    Raises:
        MalformedText: the parameter ``id`` is missing.
        NotFound: see :func:`entity`.
    """
    identifier = request_parsing.single(request_parsing.query_parameters(request), "id")
    if identifier is None:
        raise MalformedText("The parameter “id” is missing.", remedy="Add ?id= with an identifier.")
    item = entity(context.index, identifier)
    variables = {
        "item": item,
        "name": item.label(context.language),
        "about": context.index.describe(item, context.language),
        "labels": item.entity.labels,
        "forms": [form.exact for form in item.entity.forms[:6]],
        "language": context.language,
    }
    answer = html_templates.render(request, context.shared, "preview.html", variables)
    answer.headers.update({**HEADERS, "Content-Language": context.language, "Content-Security-Policy": _PREVIEW_POLICY})
    return answer


_DEFAULT = (("Person", "Особа"), ("Organization", "Організація"), ("Place", "Місце"), ("Country", "Країна"))


def default_types(name: str) -> list[Json]:
    """Return the most frequent types of rows. They are constants, so that they reveal nothing about the graph."""
    return [{"id": CG + english, "name": ukrainian if name == "uk" else english} for english, ukrainian in _DEFAULT]


def to_json(content: Json) -> str:
    """Return JSON text without escapes of non-ASCII characters."""
    return json.dumps(content, ensure_ascii=False)


def manifest(request: Request, shared: AppContext[ReadableGraph]) -> Json:
    """Return the fields of the manifest that both versions have."""
    needs_token = shared.config.access.public_graphs.strip() == "none"
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Bearer, followed by a token"}
    return {
        "documentation": f"{base_url(request, shared.graph.names.base)}/docs",
        "batchSize": request_rows.MAX_BATCH,
        "decisions": {"url": f"{base_url(request, shared.graph.names.base)}/reconcile/decisions"},
        **({"authentication": scheme} if needs_token else {}),
    }
