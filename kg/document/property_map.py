"""Table of fields and properties of the claims document, from the annotations in :mod:`kg.document.document_model`."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from kg import iris
from kg.document.document_model import CodeValue, DocumentPart, IdReference, MappedTo, Quote, Unmapped

_NAMESPACES = {"cg": iris.CG, "rdfs": iris.RDFS, "dcterms": iris.DCTERMS, "skos": iris.SKOS}
_NOT_PROPERTIES = frozenset({"id", "type"})


@dataclass(frozen=True)
class FieldProperty:
    """One field of a part.

    Attributes:
        field: its name in Python.
        key: its name in JSON.
        property: IRI of the property; empty where the mapping treats the field by hand.
        ref: the list that its ids point into, if it holds ids.
        code: whether it holds values of a closed list.
        quote: whether it holds quotes.
        many: whether it holds a list.
        kind: the Python type of a plain value.
    """

    field: str
    key: str
    property: str
    ref: str | None
    code: bool
    quote: bool
    many: bool
    kind: type


@functools.cache
def properties_of(part: type[DocumentPart]) -> tuple[FieldProperty, ...]:
    """List the fields of a part in order."""
    hints = get_type_hints(part, include_extras=True)
    return tuple(_slot(part, name, hints[name]) for name in part.model_fields)


def _slot(part: type[DocumentPart], name: str, hint: Any) -> FieldProperty:
    markers = list(_unfold(hint))
    kinds = [m for m in markers if isinstance(m, type)]
    key = part.model_fields[name].alias or name
    # The last marker wins: it is the field's own, an earlier one came with the type.
    prop = next((m for m in reversed(markers) if isinstance(m, MappedTo)), MappedTo("cg", key))
    by_hand = any(isinstance(m, Unmapped) for m in markers) or (prop.name == key and name in _NOT_PROPERTIES)
    return FieldProperty(
        field=name,
        key=key,
        property="" if by_hand else _NAMESPACES[prop.prefix] + prop.name,
        ref=next((m.kind for m in markers if isinstance(m, IdReference)), None),
        code=any(isinstance(m, CodeValue) for m in markers),
        quote=any(issubclass(k, Quote) for k in kinds),
        many=list in kinds,
        kind=next((k for k in kinds if k not in (list, type(None))), str),
    )


def _unfold(hint: Any) -> Iterator[Any]:
    """Walk an annotation and yield its markers and types, outermost first."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *markers = get_args(hint)
        yield from markers
        yield from _unfold(inner)
    elif origin in (Union, types.UnionType):
        for argument in get_args(hint):
            yield from _unfold(argument)
    elif origin is list:
        yield list
        yield from _unfold(get_args(hint)[0])
    elif origin is dict:
        yield dict
    elif isinstance(hint, type):
        yield hint
    elif get_args(hint):  # Literal[...]
        yield type(get_args(hint)[0])


def walk(part: DocumentPart, pointer: str = "") -> Iterator[tuple[str, DocumentPart]]:
    """Yield every part below ``part`` with its JSON Pointer (RFC 6901), itself first."""
    yield pointer, part
    for slot in properties_of(type(part)):
        value = getattr(part, slot.field)
        items = (
            [(f"{pointer}/{slot.key}/{i}", v) for i, v in enumerate(value)]
            if slot.many
            else [(f"{pointer}/{slot.key}", value)]
        )
        for place, item in items:
            if isinstance(item, DocumentPart):
                yield from walk(item, place)
