"""What both versions of the Reconciliation API share: what a request is answered from, and what is said of an entity.

Each version gives it in a shape of its own (:mod:`api.reconcile.v0_2`, :mod:`api.reconcile.v1_0`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from api.app_context import AppContext
from api.http import content_negotiation, request_parsing
from api.reconcile import request_rows
from api.rendering import html_pages
from kg.errors import BadInput, MalformedText, NotFound
from kg.iris import CG
from kg.knowledge_graph import ReadableGraph
from kg.reconciliation import entity_properties, reconcilable_entities
from kg.reconciliation.entity_properties import PROPERTIES, EntityProperty, EntityReference, Value
from kg.reconciliation.reconcilable_entities import ReconcilableEntity
from kg.reconciliation.reconciliation_index import ReconciliationIndex, RowMatch, RowQuery

NAME = "Claimgraph"

PAGE = 20
"""Suggestions that are given at a time."""

WIDTH, HEIGHT = 420, 240
"""Pixels that a preview takes."""

HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
"""Of every answer: it depends on a header field that our own cache does not look at."""

_LANGUAGES = ("en", "uk")
_PREVIEW_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *; "
    "sandbox allow-popups allow-same-origin"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class ReconciliationRequest:
    """What a request is answered from.

    Attributes:
        shared: the services, as far as the caller may see.
        index: of what the caller sees.
        language: of names and descriptions.
    """

    shared: AppContext[ReadableGraph]
    index: ReconciliationIndex
    language: str

    def answer(self, content: Json) -> Response:
        """Send JSON."""
        return JSONResponse(content, headers={**HEADERS, "Content-Language": self.language})


async def asked(request: Request, shared: AppContext[ReadableGraph]) -> ReconciliationRequest:
    """Get the index ready; it is made anew, off the event loop, where the snapshot is another."""
    index = await shared.query_in_thread(shared.indexes.get, shared.graph.store)
    return ReconciliationRequest(shared, index, language(request))


def language(request: Request) -> str:
    """Choose the language of an answer by ``Accept-Language``; English where none of ours is wanted."""
    ranges = request.headers.get("accept-language", "").replace("*", "en")
    offered = ",".join(f"text/{part.strip().replace('-', ';region=', 1)}" for part in ranges.split(",") if part.strip())
    found = content_negotiation.best(offered, [f"text/{name}" for name in _LANGUAGES])
    return (found or "text/en").removeprefix("text/")


def root(request: Request, base: str) -> str:
    """Give the address of the application without its last slash: as it was asked, with the path of the base."""
    here = request_parsing.address(request)
    origin = "/".join(here.split("/", 3)[:3])
    return base.rstrip("/") if base.startswith(f"{origin}/") else origin + request.scope.get("root_path", "")


def entity(index: ReconciliationIndex, identifier: str) -> ReconcilableEntity:
    """Look up an entity.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = index.find(identifier)
    if found is None:
        raise NotFound("There is no entity of that identifier.", remedy="Take identifiers from candidates.")
    return found


# ---- answering


async def matched(ask: ReconciliationRequest, queries: list[RowQuery]) -> list[list[RowMatch]]:
    """Match rows off the event loop, within the time that a query may take."""
    return await ask.shared.query_in_thread(ask.index.match_all, queries, ask.shared.config.queries.timeout)


def candidate(ask: ReconciliationRequest, match: RowMatch) -> Json:
    """Describe a candidate: the fields that both versions have."""
    item, index = match.item, ask.index
    return {
        "id": item.iri,
        "name": item.label(ask.language),
        "description": index.describe(item, ask.language),
        "score": match.score,
        "match": match.certain,
        "type": [{"id": index.types[name].iri, "name": index.types[name].label(ask.language)} for name in item.types],
        "features": [
            {"id": name, "name": name, "value": one.value, "weight": one.weight, "evidence": one.evidence}
            for name, one in _named_once(match)
        ],
    }


def _named_once(match: RowMatch) -> Iterable[tuple[str, Any]]:
    """Give features identifiers that are unique, as two conditions may be about one property."""
    seen: dict[str, int] = {}
    for one in match.features:
        seen[one.name] = number = seen.get(one.name, 0) + 1
        yield one.name if number == 1 else f"{one.name}_{number}", one


def suggested(ask: ReconciliationRequest, kind: str, parameters: request_parsing.Parameters) -> list[Json]:
    """Give suggestions for the start of a name.

    Raises:
        MalformedText, BadInput: a parameter is malformed, or too long.
    """
    prefix, start = request_parsing.single(parameters, "prefix") or "", request_rows.number(parameters, "cursor", 0)
    if len(prefix) > request_rows.LONGEST:
        raise BadInput(f"The prefix is longer than {request_rows.LONGEST} characters.", remedy="Send less of it.")
    if kind == "entity":
        return [_suggestion(ask, item) for item in ask.index.suggest(prefix, start, PAGE)]
    lines = _types(ask) if kind == "type" else _properties(ask.language)
    wanted = prefix.strip().casefold()
    found = [line for line, names in lines if any(name.casefold().startswith(wanted) for name in names)]
    return found[start : start + PAGE]


def _suggestion(ask: ReconciliationRequest, item: ReconcilableEntity) -> Json:
    index = ask.index
    notable = [{"id": index.types[name].iri, "name": index.types[name].label(ask.language)} for name in item.types[:1]]
    described = index.describe(item, ask.language)
    return {"id": item.iri, "name": item.label(ask.language), "description": described, "notable": notable}


def _types(ask: ReconciliationRequest) -> list[tuple[Json, tuple[str, ...]]]:
    types = ask.index.types
    return [
        (
            {
                "id": one.iri,
                "name": one.label(ask.language),
                "broader": [{"id": types[up].iri, "name": types[up].label(ask.language)} for up in one.broader],
            },
            (*one.labels.values(), one.name, f"cg:{one.name}", one.iri),
        )
        for one in types.values()
    ]


def _properties(name: str) -> list[tuple[Json, tuple[str, ...]]]:
    return [(described(one, name), (one.name, *one.title.values())) for one in PROPERTIES.values() if one.compared]


def described(one: EntityProperty, name: str) -> Json:
    """Describe a property in a language."""
    return {"id": one.name, "name": one.label(name), "description": one.description(name)}


def proposal(ask: ReconciliationRequest, parameters: request_parsing.Parameters) -> Json:
    """Propose properties to add to rows of a type."""
    wanted, limit = (
        request_parsing.single(parameters, "type"),
        request_rows.number(parameters, "limit", len(PROPERTIES)),
    )
    kind = ask.index.type(wanted).name if wanted else None
    found = [described(one, ask.language) for one in entity_properties.proposed(kind)]
    return {"properties": found[:limit], "limit": limit, **({"type": wanted} if wanted else {})}


async def extended(
    ask: ReconciliationRequest, query: request_rows.ExtendQuery
) -> tuple[list[Json], dict[str, dict[str, list[Value]]]]:
    """Give what is asked for: the descriptions of the properties, and for each identifier the values of each.

    Raises:
        TooLarge: too many entities.
        BadInput: there is no such property.
    """
    request_rows.check_batch(len(query.ids), "entities")
    wanted = [request_rows.known(one.id) for one in query.properties]
    items = {identifier: ask.index.find(identifier) for identifier in query.ids}
    counts: dict[str, int] = {}
    if any(one.counted for one in wanted):
        iris = [item.iri for item in items.values() if item]
        counts = await ask.shared.query_in_thread(reconcilable_entities.claims, ask.shared.graph.store, iris)
    found: dict[str, dict[str, list[Value]]] = {identifier: {one.name: [] for one in wanted} for identifier in items}
    for identifier, item in items.items():
        for one in wanted if item else ():
            assert item is not None
            found[identifier][one.name] = [counts.get(item.iri, 0)] if one.counted else one.read(item, ask.index.items)
    return [{"id": one.name, "name": one.label(ask.language)} for one in wanted], found


def value(ask: ReconciliationRequest, found: Value, *, with_language: bool) -> Json:
    """Write one value as data extension has it."""
    if isinstance(found, int):
        return {"int": found}
    if isinstance(found, EntityReference):
        item = ask.index.items.get(found.iri)
        return {"id": found.iri, "name": item.label(ask.language) if item else found.iri}
    tagged = {"lang": found.language} if with_language and found.language else {}
    return {"str": found.text, **tagged}


def preview(request: Request, ask: ReconciliationRequest) -> Response:
    """Show an entity as a small page that may be put into pages of others.

    Raises:
        NotFound, MalformedText: see :func:`entity`.
    """
    identifier = request_parsing.single(request_parsing.query_parameters(request), "id")
    if identifier is None:
        raise MalformedText("The parameter “id” is missing.", remedy="Add ?id= and an identifier.")
    item = entity(ask.index, identifier)
    context = {
        "item": item,
        "name": item.label(ask.language),
        "about": ask.index.describe(item, ask.language),
        "labels": item.entity.labels,
        "forms": [form.exact for form in item.entity.forms[:6]],
        "language": ask.language,
    }
    answer = html_pages.render(request, ask.shared, "preview.html", context)
    answer.headers.update({**HEADERS, "Content-Language": ask.language, "Content-Security-Policy": _PREVIEW_POLICY})
    return answer


_DEFAULT = (("Person", "Особа"), ("Organization", "Організація"), ("Place", "Місце"), ("Country", "Країна"))


def default_types(name: str) -> list[Json]:
    """List the types that most rows are of. They are the vocabulary’s, so that nothing of the graph is told by them."""
    return [{"id": CG + english, "name": ukrainian if name == "uk" else english} for english, ukrainian in _DEFAULT]


def dumped(content: Json) -> str:
    """Write JSON."""
    return json.dumps(content, ensure_ascii=False)


def manifest(request: Request, shared: AppContext[ReadableGraph]) -> Json:
    """Describe the service: the fields that both versions have."""
    needs_token = shared.config.access.public_graphs.strip() == "none"
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Bearer and a token"}
    return {
        "documentation": f"{root(request, shared.graph.names.base)}/docs",
        "batchSize": request_rows.BATCH,
        "decisions": {"url": f"{root(request, shared.graph.names.base)}/reconcile/decisions"},
        **({"authentication": scheme} if needs_token else {}),
    }
