"""Builders of OpenAPI fragments for routes whose handlers read the request themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from api.http import problem_details
from api.rendering.response_format_choice import JSON
from kg.document.document_model import schema_components

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_CLAIMS = {"$ref": _REFERENCE.format(model="ClaimsDocument")}

_STATUS = {
    400: "The request is malformed; `line` and `column` locate the error where known.",
    401: "A token is required, or the token is wrong, revoked or expired.",
    403: "The token does not permit it, or nobody may do it: a managed graph, SERVICE or LOAD that is not allowed.",
    404: "The resource does not exist, or the caller may not see it.",
    406: "None of the accepted media types is available.",
    409: "The name is ambiguous; `detail` lists the matches.",
    413: "The body exceeds the size limit, or its brackets the nesting limit.",
    415: "The Content-Type or its charset is not supported.",
    422: "Constraints are violated, each listed with its place, and nothing was stored; or the result exceeds a limit.",
    429: "This client has too many queries in progress.",
    503: "Too many queries are in progress, or the reader process was terminated: retry.",
    504: "The query exceeded its time limit and was cancelled.",
}


def response(media_types: Sequence[str] = (), description: str = "OK", status: int = 200) -> dict[int | str, Json]:
    """Describe a response with a body in one of these media types; without media types it has no body."""
    content: Json = {"content": {name: {} for name in media_types}} if media_types else {}
    return {status: {"description": description, **content}}


def problems(*statuses: int) -> dict[int | str, Json]:
    """Describe the problem documents that a route may return."""
    return {
        **{status: _problem(_STATUS[status]) for status in statuses},
        "default": _problem("Any other problem."),
    }


def query_problems(*statuses: int) -> dict[int | str, Json]:
    """Describe the problem documents of a route that runs queries: these statuses and those of every query."""
    return problems(401, 403, *statuses, 429, 503, 504)


def model_body(model: type[BaseModel]) -> Json:
    """Describe a JSON body by its model; see :func:`inlined`."""
    return {"required": True, "content": {JSON: {"schema": inlined(model)}}}


def inlined(model: type[BaseModel]) -> Json:
    """Return the schema of a model with every referenced schema inlined.

    ``{"items": {"$ref": "#/$defs/RowIn"}}`` becomes ``{"items": {"type": "object", …}}``: references of a request body
    would point into the components of the whole document, where the parts of this model are not.
    """
    schema = model.model_json_schema()
    parts: Json = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(child) for child in node]
        if not isinstance(node, dict):
            return node
        beside = {key: inline(child) for key, child in node.items() if key != "$ref"}  # a default, for example
        name = str(node.get("$ref", "")).rpartition("/")[2]  # "#/$defs/RowIn" → "RowIn"
        return inline(parts[name]) | beside if name else beside

    found: Json = inline(schema)
    return found


def complete(document: Json) -> Json:
    """Return the OpenAPI document with all component schemas, each with its name as the title, and no other titles.

    Generators of clients name a class after a title, and drop a route where two schemas have the same: pydantic calls
    every property ``kind`` “Kind”.
    """
    components = document.setdefault("components", {})
    found = components.get("schemas", {}) | _schemas()
    components["schemas"] = {name: _untitled(schema) | {"title": name} for name, schema in found.items()}
    document["paths"] = _untitled(document["paths"])
    return document


def _untitled(node: Any) -> Any:
    """Return a part of the document without titles of schemas; a property named ``title`` and examples stay."""
    if isinstance(node, list):
        return [_untitled(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        key: child if key in ("examples", "example", "default") else _untitled(child)
        for key, child in node.items()
        if key != "title" or not isinstance(child, str)
    }


def _schemas() -> Json:
    """Return the component schemas that routes refer to by name."""
    document, parts = schema_components(_REFERENCE.format(model="Claims{model}"))
    return {
        "Problem": problem_details.Problem.model_json_schema(ref_template=_REFERENCE),
        "ClaimsDocument": document,
        **{f"Claims{name}": part for name, part in parts.items()},
    }


def _problem(description: str) -> Json:
    return {"description": description, "content": {problem_details.MEDIA_TYPE: {"schema": _schema()}}}


def _schema() -> Json:
    return {"$ref": _REFERENCE.format(model="Problem")}


def path_parameter(name: str, description: str) -> Json:
    """Describe a path parameter that may contain slashes."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def query_parameter(name: str, description: str, *, many: bool = False, example: str | None = None) -> Json:
    """Describe a parameter of the query string; with ``many`` it may be repeated."""
    text: Json = {"type": "string", **({"examples": [example]} if example else {})}
    schema = {"type": "array", "items": text} if many else text
    return {"name": name, "in": "query", "description": description, "required": False, "schema": schema}


def request_body(*media_types: str, required: bool = True) -> Json:
    """Describe a request body in these media types; JSON is a claims document."""
    content = {name: {"schema": _CLAIMS if name == JSON else {"type": "string"}} for name in media_types}
    return {"required": required, "content": content}


def form_body(fields: dict[str, str], *, required: Sequence[str] = (), many: Sequence[str] = ()) -> Json:
    """Describe a form (``application/x-www-form-urlencoded``) by its fields: descriptions by name."""
    properties = {
        name: {"type": "array", "items": {"type": "string"}, "description": description}
        if name in many
        else {"type": "string", "description": description}
        for name, description in fields.items()
    }
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"application/x-www-form-urlencoded": {"schema": schema}}
