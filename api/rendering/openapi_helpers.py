"""Small words for documenting routes whose handlers read the request themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from api.http import problem_details
from api.rendering.response_formats import JSON
from kg.document.document_model import schema_components

Json = dict[str, Any]

_NAMED = "#/components/schemas/{model}"
_CLAIMS = {"$ref": _NAMED.format(model="ClaimsDocument")}

_STATUS = {
    400: "The request cannot be read; line and column say where.",
    401: "It needs a token, or the token is wrong, revoked or expired.",
    403: "The token does not reach so far, or it is refused to everybody: a managed graph, SERVICE, LOAD.",
    404: "There is no such thing, or it is not for this caller.",
    406: "None of the accepted formats can be made.",
    409: "The name fits several things; the detail lists them.",
    413: "The body, or the nesting of its brackets, is over a limit.",
    415: "The Content-Type, or its charset, is not accepted.",
    422: "Constraints are broken and nothing was stored, each listed with its place; or the answer is over a limit.",
    429: "This client has too many queries under way.",
    503: "Too many queries are under way, or the process that was answering was ended: try again.",
    504: "The query took longer than it may, and was ended.",
}


def answers(media_types: Sequence[str] = (), description: str = "OK", status: int = 200) -> dict[int | str, Json]:
    """Describe an answer that has a body in one of some media types, or none."""
    content: Json = {"content": {name: {} for name in media_types}} if media_types else {}
    return {status: {"description": description, **content}}


def fails(*statuses: int) -> dict[int | str, Json]:
    """Describe the problems that a route may answer with."""
    return {
        **{status: _problem(_STATUS[status]) for status in statuses},
        "default": _problem("Any other problem."),
    }


def reads(*statuses: int) -> dict[int | str, Json]:
    """Describe the same for a route that reads the graph as a query does."""
    return fails(401, 403, *statuses, 429, 503, 504)


def takes_model(model: type[BaseModel]) -> Json:
    """Describe a body in JSON by the model that it is read as, whole in one place."""
    schema = model.model_json_schema()
    parts: Json = schema.pop("$defs", {})

    def whole(found: Any) -> Any:
        if isinstance(found, list):
            return [whole(one) for one in found]
        if not isinstance(found, dict):
            return found
        named = str(found.get("$ref", "")).rpartition("/")[2]
        return whole(parts[named]) if named else {key: whole(one) for key, one in found.items()}

    return {"required": True, "content": {JSON: {"schema": whole(schema)}}}


def schemas() -> Json:
    """Give the schemas that routes refer to by name."""
    document, parts = schema_components(_NAMED.format(model="Claims{model}"))
    return {
        "Problem": problem_details.Problem.model_json_schema(ref_template=_NAMED),
        "ClaimsDocument": document,
        **{f"Claims{name}": part for name, part in parts.items()},
    }


def _problem(description: str) -> Json:
    return {"description": description, "content": {problem_details.MEDIA_TYPE: {"schema": _schema()}}}


def _schema() -> Json:
    return {"$ref": _NAMED.format(model="Problem")}


def path(name: str, description: str) -> Json:
    """Describe the part of a path that may hold slashes."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def query(name: str, description: str, *, many: bool = False, example: str | None = None) -> Json:
    """Describe a parameter in the query part of the address."""
    text: Json = {"type": "string", **({"examples": [example]} if example else {})}
    schema = {"type": "array", "items": text} if many else text
    return {"name": name, "in": "query", "description": description, "required": False, "schema": schema}


def takes(*media_types: str, required: bool = True) -> Json:
    """Describe the body of a request; JSON is a claims document."""
    content = {name: {"schema": _CLAIMS if name == JSON else {"type": "string"}} for name in media_types}
    return {"required": required, "content": content}


def form(fields: dict[str, str], *, required: Sequence[str] = (), many: Sequence[str] = ()) -> Json:
    """Describe a form (``application/x-www-form-urlencoded``) by its fields."""
    properties = {
        name: {"type": "array", "items": {"type": "string"}, "description": description}
        if name in many
        else {"type": "string", "description": description}
        for name, description in fields.items()
    }
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"application/x-www-form-urlencoded": {"schema": schema}}
