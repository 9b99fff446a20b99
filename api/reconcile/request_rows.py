"""Rows of somebody's table and what is asked of them, read strictly and under limits, for the Reconciliation API."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from api.http import request_parsing
from kg.errors import BadInput, MalformedText, TooLarge
from kg.reconciliation.entity_properties import PROPERTIES, EntityProperty
from kg.reconciliation.reconciliation_index import RowCondition

BATCH = 100
"""Most queries of a batch, and most entities whose data are asked for at a time."""

MOST = 100
"""Most candidates of a query, however many it asks for."""

LONGEST = 1000
"""Longest name or value, in characters."""

_MOST_PROPERTIES = 20
_MOST_VALUES = 50
_LARGEST_NUMBER = 10**9

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


def known(name: str) -> EntityProperty:
    """Look up a property.

    Raises:
        BadInput: there is none.
    """
    if name not in PROPERTIES:
        raise BadInput(f"There is no property “{name[:100]}”.", remedy=f"Use one of {', '.join(PROPERTIES)}.")
    return PROPERTIES[name]


def condition(name: str, values: Values, *, required: bool = False, quantifier: str = "any") -> RowCondition:
    """Make a condition.

    Raises:
        BadInput: there is no such property, or rows cannot be compared by it.
    """
    if not known(name).compared:
        able = ", ".join(one.name for one in PROPERTIES.values() if one.compared)
        raise BadInput(f"Rows cannot be compared by “{name}”.", remedy=f"Use one of {able}.")
    return RowCondition(name, texts(values), required, quantifier)


def number(parameters: request_parsing.Parameters, name: str, default: int) -> int:
    """Read a parameter that is a whole number.

    Raises:
        MalformedText: it is none.
    """
    text = request_parsing.single(parameters, name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_NUMBER))):
        raise MalformedText(f"{name}={text[:50]} is no whole number.", remedy="Give digits, or leave it out.")
    return int(text)
