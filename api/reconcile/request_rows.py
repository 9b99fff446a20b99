"""Parsing of reconciliation requests, strictly and within limits: rows, conditions and data extension queries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, FailFast, Field, ValidationError

from api.http import request_parsing
from kg.config import HttpSettings
from kg.errors import BadInput, MalformedText, TooLarge
from kg.reconciliation.entity_properties import PROPERTIES, EntityProperty
from kg.reconciliation.reconciliation_index import RowCondition, RowQuery

MAX_BATCH = 100
"""Maximum number of queries in a batch, and of entities in a data extension query."""

MAX_CANDIDATES = 100
"""Maximum number of candidates for a query, whatever limit it requests."""

MAX_LENGTH = 1000
"""Maximum length of a name or value, in code points."""

MAX_BODY = 1024 * 1024
"""Maximum size of a body in bytes: it is parsed on the event loop, which takes 0.1 s for a MiB of a form at most."""

_MAX_PROPERTIES = 20
_MAX_VALUES = 50
_MAX_INTEGER = 10**9

_ABSENT = frozenset({"", "-", "–", "—", "?", "n/a", "nan", "none", "null", "unknown", "невідомо"})

T = TypeVar("T", bound=BaseModel)
T2 = TypeVar("T2")
Short = Annotated[str, Field(max_length=MAX_LENGTH)]


class Identified(BaseModel):
    """A property value that is already matched with an entity."""

    id: Short | None = None
    name: Short | None = None


PropertyValue = Short | bool | int | float | Identified | None
Values = PropertyValue | Annotated[list[PropertyValue], Field(max_length=_MAX_VALUES)]


class ExtendProperty(BaseModel):
    """A requested property of a data extension query."""

    id: Short


_MAX_COMMAS = 50_000
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class ExtendQuery(BaseModel):
    """A data extension query: the requested properties of some entities, by identifier."""

    ids: Annotated[list[Short], FailFast()]
    properties: list[ExtendProperty] = Field(max_length=_MAX_PROPERTIES)


async def read_body(request: Request, settings: HttpSettings) -> bytes:
    """Return the body of a request.

    Raises:
        TooLarge, TooSlow: see :func:`api.http.request_parsing.read_body`.
    """
    limit = min(MAX_BODY, settings.max_body_bytes)
    try:
        return await request_parsing.read_body(request, limit, settings.body_timeout)
    except TooLarge:
        raise TooLarge(f"The body exceeds the limit of {limit} bytes.", remedy="Send smaller batches.") from None


def parse(text: str, subject: str) -> Any:
    """Parse JSON; ``subject`` names it in errors ("body", "queries").

    Raises:
        MalformedText: the text is not JSON, or contains an unpaired surrogate or a constant such as ``NaN``.
        TooLarge: it has more values than any request needs; parsing them would keep other clients waiting.
    """
    if (commas := text.count(",")) > _MAX_COMMAS:
        raise TooLarge(
            f"The {subject} has {commas} commas; the limit is {_MAX_COMMAS}.", remedy="Send smaller batches."
        )
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
        text.encode()
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()  # fails for "\ud83d", half of a surrogate pair
    except json.JSONDecodeError as error:
        raise MalformedText(
            f"The {subject} is not JSON: {error.msg}.", remedy="Send JSON.", line=error.lineno, column=error.colno
        ) from None
    except (ValueError, RecursionError):
        raise MalformedText(f"The {subject} is not valid JSON.", remedy="Send JSON in UTF-8.") from None
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def validate_model(kind: type[T], values: object, subject: str) -> T:
    """Return plain values as a model; ``subject`` names them in errors.

    Raises:
        BadInput: the values do not match the model.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the value"
        raise invalid(subject, f"{where}: {first['msg']}") from None


def invalid(subject: str, reason: str) -> BadInput:
    """Return the error for values that do not match their model."""
    return BadInput(f"The {subject} is not valid: {reason}.", remedy="See /docs for the expected fields.")


def check_batch(size: int, noun: str = "queries") -> None:
    """Check the size of a batch.

    Raises:
        TooLarge: the batch exceeds the limit (413, as the draft requires).
    """
    if size > MAX_BATCH:
        raise TooLarge(f"The batch has {size} {noun}; the limit is {MAX_BATCH}.", remedy="Send smaller batches.")


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be matched, which leaves the others of its batch as they are.

    Attributes:
        message: what is wrong, and the remedy.
    """

    message: str


def each(rows: Iterable[T2], read: Callable[[T2], RowQuery]) -> list[RowQuery | RefusedRow]:
    """Read each row of a batch; one with an error has its message in place of the query."""
    found: list[RowQuery | RefusedRow] = []
    for row in rows:
        try:
            found.append(read(row))
        except BadInput as error:
            found.append(RefusedRow(f"{error.message} {error.remedy}".strip()))
    return found


def candidate_limit(limit: int | None, default: int = 10) -> int:
    """Return the number of candidates to return: the requested limit or the default, at most ``MAX_CANDIDATES``."""
    return min(default if limit is None else limit, MAX_CANDIDATES)


def value_texts(values: Values) -> tuple[str, ...]:
    """Return the values of a property as texts; a matched entity becomes its identifier, an absent value nothing."""
    listed = values if isinstance(values, list) else [values]
    texts = ((value.id or value.name if isinstance(value, Identified) else value) for value in listed)
    return tuple(str(text) for text in texts if text is not None and not is_absent(str(text)))


def find_property(name: str) -> EntityProperty:
    """Return the property of a name.

    Raises:
        BadInput: the property does not exist.
    """
    if name not in PROPERTIES:
        raise BadInput(f"The property “{name[:100]}” does not exist.", remedy=f"Use one of {', '.join(PROPERTIES)}.")
    return PROPERTIES[name]


def is_absent(text: str) -> bool:
    """Return whether a cell states nothing: it is empty, or has a mark that tables use for a missing value."""
    return text.strip().casefold() in _ABSENT


def row_condition(name: str, values: Values, *, required: bool = False, quantifier: str = "any") -> RowCondition | None:
    """Return a condition on a property; ``None`` if all of its values are absent, as in an empty cell.

    Raises:
        BadInput: the property does not exist, or rows cannot be compared by it.
    """
    if not find_property(name).compared:
        comparable = ", ".join(one.name for one in PROPERTIES.values() if one.compared)
        raise BadInput(f"Rows cannot be compared by “{name}”.", remedy=f"Use one of {comparable}.")
    texts = value_texts(values)
    return RowCondition(name, texts, required, quantifier) if texts else None


def integer_parameter(parameters: request_parsing.Parameters, name: str, default: int) -> int:
    """Return a parameter as a non-negative integer, or ``default`` if it is absent or empty.

    Raises:
        MalformedText: the value is not a sequence of ASCII digits, or is too long.
    """
    text = request_parsing.single(parameters, name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_INTEGER))):
        raise MalformedText(
            f"{name}={text[:50]} is not a whole number.", remedy="Use digits only, or omit the parameter."
        )
    return int(text)
