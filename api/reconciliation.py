"""What both versions of the Reconciliation API share: reading rows, limits, and what is said of an entity.

Each version gives it in a shape of its own (:mod:`api.routers.reconcile_02`, :mod:`api.routers.reconcile_10`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from api import negotiation, pages, requests
from api.services import Services
from kg.errors import BadInput, MalformedText, NotFound, TooLarge
from kg.linking import matchable, properties
from kg.linking.matchable import Item
from kg.linking.matching import Condition, Index, Match, Query
from kg.linking.properties import PROPERTIES, Property, Reference, Value
from kg.names import CG

NAME = "Claimgraph"

BATCH = 100
"""Most queries of a batch, and most entities whose data are asked for at a time."""

MOST = 100
"""Most candidates of a query, however many it asks for."""

LONGEST = 1000
"""Longest name or value, in characters."""

PAGE = 20
"""Suggestions that are given at a time."""

WIDTH, HEIGHT = 420, 240
"""Pixels that a preview takes."""

HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept-Language"}
"""Of every answer: it depends on a header field that our own cache does not look at."""

_LANGUAGES = ("en", "uk")
_MOST_PROPERTIES = 20
_MOST_VALUES = 50
_LARGEST_CURSOR = 10**9
_PREVIEW_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *; "
    "sandbox allow-popups allow-same-origin"
)

Json = dict[str, Any]
T = TypeVar("T", bound=BaseModel)
Short = Annotated[str, Field(max_length=LONGEST)]


class Identified(BaseModel):
    """A value that was matched already."""

    id: Short
    name: str | None = None


PropertyValue = Short | bool | int | float | Identified
Values = PropertyValue | Annotated[list[PropertyValue], Field(max_length=_MOST_VALUES)]


class ExtendProperty(BaseModel):
    """A property whose values are asked for."""

    id: Short


class ExtendQuery(BaseModel):
    """Which properties of which entities are asked for."""

    ids: list[Short]
    properties: list[ExtendProperty] = Field(max_length=_MOST_PROPERTIES)


@dataclass(frozen=True)
class Asked:
    """What a request is answered from.

    Attributes:
        shared: the services, as far as the caller may see.
        index: of what the caller sees.
        language: of names and descriptions.
    """

    shared: Services
    index: Index
    language: str

    def answer(self, content: Json) -> Response:
        """Send JSON."""
        return JSONResponse(content, headers={**HEADERS, "Content-Language": self.language})


async def asked(request: Request, shared: Services) -> Asked:
    """Get the index ready; it is made anew, off the event loop, where the snapshot is another."""
    index = await shared.query_in_thread(shared.indexes.get, shared.graph.store)
    return Asked(shared, index, language(request))


def language(request: Request) -> str:
    """Choose the language of an answer by ``Accept-Language``; English where none of ours is wanted."""
    ranges = request.headers.get("accept-language", "").replace("*", "en")
    offered = ",".join(f"text/{part.strip().replace('-', ';region=', 1)}" for part in ranges.split(",") if part.strip())
    found = negotiation.best(offered, [f"text/{name}" for name in _LANGUAGES])
    return (found or "text/en").removeprefix("text/")


def root(request: Request, base: str) -> str:
    """Give the address of the application without its last slash: as it was asked, with the path of the base."""
    here = requests.address(request)
    origin = "/".join(here.split("/", 3)[:3])
    return base.rstrip("/") if base.startswith(f"{origin}/") else origin + request.scope.get("root_path", "")


# ---- reading


def parse(text: str, what: str) -> Any:
    """Read JSON.

    Raises:
        MalformedText: it does not parse, or holds half a character.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise MalformedText(
            f"The {what} is not JSON: {error.msg}.", remedy="Send JSON.", line=error.lineno, column=error.colno
        ) from None
    except (ValueError, RecursionError):
        raise MalformedText(f"The {what} is not JSON that can be read.", remedy="Send JSON in UTF-8.") from None
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def model(kind: type[T], values: object, what: str) -> T:
    """Read plain values as a model.

    Raises:
        BadInput: they do not fit.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the whole"
        raise unfit(what, f"{where}: {first['msg']}") from None


def unfit(what: str, why: str) -> BadInput:
    """Make the error for values that do not fit."""
    return BadInput(f"The {what} does not fit: {why}.", remedy="See /docs.")


def check_batch(number: int, what: str = "queries") -> None:
    """Refuse more than a batch.

    Raises:
        TooLarge: as the draft wants it (413).
    """
    if number > BATCH:
        raise TooLarge(f"There are {number} {what} in it; the limit is {BATCH}.", remedy="Send smaller batches.")


def limited(limit: int | None, default: int = 10) -> int:
    """Give how many candidates are wanted, as far as they may be."""
    return min(default if limit is None else limit, MOST)


def texts(values: Values) -> tuple[str, ...]:
    """Give the texts of the values of a property; an entity is named by its identifier."""
    listed = values if isinstance(values, list) else [values]
    return tuple(value.id if isinstance(value, Identified) else str(value) for value in listed)


def known(name: str) -> Property:
    """Look up a property.

    Raises:
        BadInput: there is none.
    """
    if name not in PROPERTIES:
        raise BadInput(f"There is no property “{name[:100]}”.", remedy=f"Use one of {', '.join(PROPERTIES)}.")
    return PROPERTIES[name]


def condition(name: str, values: Values, *, required: bool = False, quantifier: str = "any") -> Condition:
    """Make a condition.

    Raises:
        BadInput: there is no such property, or rows cannot be compared by it.
    """
    if not known(name).compared:
        able = ", ".join(one.name for one in PROPERTIES.values() if one.compared)
        raise BadInput(f"Rows cannot be compared by “{name}”.", remedy=f"Use one of {able}.")
    return Condition(name, texts(values), required, quantifier)


def entity(index: Index, identifier: str) -> Item:
    """Look up an entity.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = index.find(identifier)
    if found is None:
        raise NotFound("There is no entity of that identifier.", remedy="Take identifiers from candidates.")
    return found


# ---- answering


async def matched(ask: Asked, queries: list[Query]) -> list[list[Match]]:
    """Match rows off the event loop, within the time that a query may take."""
    return await ask.shared.query_in_thread(ask.index.match_all, queries, ask.shared.config.timeout)


def candidate(ask: Asked, match: Match) -> Json:
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


def _named_once(match: Match) -> Iterable[tuple[str, Any]]:
    """Give features identifiers that are unique, as two conditions may be about one property."""
    seen: dict[str, int] = {}
    for one in match.features:
        seen[one.name] = number = seen.get(one.name, 0) + 1
        yield one.name if number == 1 else f"{one.name}_{number}", one


def suggested(ask: Asked, kind: str, parameters: requests.Parameters) -> list[Json]:
    """Give suggestions for the start of a name.

    Raises:
        MalformedText, BadInput: a parameter is malformed, or too long.
    """
    prefix, start = requests.single(parameters, "prefix") or "", cursor(parameters)
    if len(prefix) > LONGEST:
        raise BadInput(f"The prefix is longer than {LONGEST} characters.", remedy="Send less of it.")
    if kind == "entity":
        return [_suggestion(ask, item) for item in ask.index.suggest(prefix, start, PAGE)]
    lines = _types(ask) if kind == "type" else _properties(ask.language)
    wanted = prefix.strip().casefold()
    found = [line for line, names in lines if any(name.casefold().startswith(wanted) for name in names)]
    return found[start : start + PAGE]


def cursor(parameters: requests.Parameters, name: str = "cursor", default: int = 0) -> int:
    """Read a parameter that is a whole number.

    Raises:
        MalformedText: it is none.
    """
    text = requests.single(parameters, name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_CURSOR))):
        raise MalformedText(f"{name}={text[:50]} is no whole number.", remedy="Give digits, or leave it out.")
    return int(text)


def _suggestion(ask: Asked, item: Item) -> Json:
    index = ask.index
    notable = [{"id": index.types[name].iri, "name": index.types[name].label(ask.language)} for name in item.types[:1]]
    described = index.describe(item, ask.language)
    return {"id": item.iri, "name": item.label(ask.language), "description": described, "notable": notable}


def _types(ask: Asked) -> list[tuple[Json, tuple[str, ...]]]:
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


def described(one: Property, name: str) -> Json:
    """Describe a property in a language."""
    return {"id": one.name, "name": one.label(name), "description": one.description(name)}


def proposal(ask: Asked, parameters: requests.Parameters) -> Json:
    """Propose properties to add to rows of a type."""
    wanted, limit = requests.single(parameters, "type"), cursor(parameters, "limit", len(PROPERTIES))
    kind = ask.index.type(wanted).name if wanted else None
    found = [described(one, ask.language) for one in properties.proposed(kind)]
    return {"properties": found[:limit], "limit": limit, **({"type": wanted} if wanted else {})}


async def extended(ask: Asked, query: ExtendQuery) -> tuple[list[Json], dict[str, dict[str, list[Value]]]]:
    """Give what is asked for: the descriptions of the properties, and for each identifier the values of each.

    Raises:
        TooLarge: too many entities.
        BadInput: there is no such property.
    """
    check_batch(len(query.ids), "entities")
    wanted = [known(one.id) for one in query.properties]
    items = {identifier: ask.index.find(identifier) for identifier in query.ids}
    counts: dict[str, int] = {}
    if any(one.counted for one in wanted):
        iris = [item.iri for item in items.values() if item]
        counts = await ask.shared.query_in_thread(matchable.claims, ask.shared.graph.store, iris)
    rows: dict[str, dict[str, list[Value]]] = {identifier: {one.name: [] for one in wanted} for identifier in items}
    for identifier, item in items.items():
        for one in wanted if item else ():
            assert item is not None
            rows[identifier][one.name] = [counts.get(item.iri, 0)] if one.counted else one.read(item, ask.index.items)
    return [{"id": one.name, "name": one.label(ask.language)} for one in wanted], rows


def value(ask: Asked, found: Value, *, with_language: bool) -> Json:
    """Write one value as data extension has it."""
    if isinstance(found, int):
        return {"int": found}
    if isinstance(found, Reference):
        item = ask.index.items.get(found.iri)
        return {"id": found.iri, "name": item.label(ask.language) if item else found.iri}
    tagged = {"lang": found.language} if with_language and found.language else {}
    return {"str": found.text, **tagged}


def preview(request: Request, ask: Asked) -> Response:
    """Show an entity as a small page that may be put into pages of others.

    Raises:
        NotFound, MalformedText: see :func:`entity`.
    """
    identifier = requests.single(requests.query_parameters(request), "id")
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
    answer = pages.render(request, ask.shared, "preview.html", context)
    answer.headers.update({**HEADERS, "Content-Language": ask.language, "Content-Security-Policy": _PREVIEW_POLICY})
    return answer


_DEFAULT = (("Person", "Особа"), ("Organization", "Організація"), ("Place", "Місце"), ("Country", "Країна"))


def default_types(name: str) -> list[Json]:
    """List the types that most rows are of. They are the vocabulary’s, so that nothing of the graph is told by them."""
    return [{"id": CG + english, "name": ukrainian if name == "uk" else english} for english, ukrainian in _DEFAULT]


def dumped(content: Json) -> str:
    """Write JSON."""
    return json.dumps(content, ensure_ascii=False)


def manifest(request: Request, shared: Services) -> Json:
    """Describe the service: the fields that both versions have."""
    needs_token = shared.config.public_graphs.strip() == "none"
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header", "description": "Bearer and a token"}
    return {
        "documentation": f"{root(request, shared.graph.names.base)}/docs",
        "batchSize": BATCH,
        "decisions": {"url": f"{root(request, shared.graph.names.base)}/reconcile/decisions"},
        **({"authentication": scheme} if needs_token else {}),
    }
