"""Table of the fields of the claims document and their RDF properties.

It is computed from the annotations in :mod:`kg.document.document_model`.
"""

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
"""Fields that are mapped to the IRI and the class of the resource, not to a property."""


@dataclass(frozen=True)
class FieldProperty:
    """One field of a part of the document and its RDF property.

    Attributes:
        field: name of the field in Python (``responds_to``).
        key: name of the field in JSON (``respondsTo``).
        property: IRI of the property; empty where the mapping has code of its own for the field.
        ref: name of the list that contains the parts the field refers to; ``None`` if it does not hold ids.
        code: whether the field holds values of a closed list.
        quote: whether the field holds quotes.
        many: whether the field holds a list.
        kind: the Python type of a single value.
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
    """Return the fields of a part, in the order of the model."""
    hints = get_type_hints(part, include_extras=True)
    return tuple(_field_property(part, name, hints[name]) for name in part.model_fields)


def _field_property(part: type[DocumentPart], name: str, hint: Any) -> FieldProperty:
    markers = list(_markers_and_types(hint))
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


def _markers_and_types(hint: Any) -> Iterator[Any]:
    """Yield the markers and types of an annotation, outermost first.

    Example: ``Annotated[list[SituationRef], MappedTo("cg", "x")] | None`` yields ``MappedTo``, ``list``, then the
    markers of ``SituationRef`` (``IdReference`` among them), ``str`` and ``NoneType``.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *markers = get_args(hint)
        yield from markers
        yield from _markers_and_types(inner)
    elif origin in (Union, types.UnionType):
        for argument in get_args(hint):
            yield from _markers_and_types(argument)
    elif origin is list:
        yield list
        yield from _markers_and_types(get_args(hint)[0])
    elif origin is dict:
        yield dict
    elif isinstance(hint, type):
        yield hint
    elif get_args(hint):  # Literal[...]
        yield type(get_args(hint)[0])


def walk(part: DocumentPart, pointer: str = "") -> Iterator[tuple[str, DocumentPart]]:
    """Yield ``part`` and every part below it, each with its JSON Pointer (RFC 6901)."""
    yield pointer, part
    for field_property in properties_of(type(part)):
        value = getattr(part, field_property.field)
        items = (
            [(f"{pointer}/{field_property.key}/{i}", v) for i, v in enumerate(value)]
            if field_property.many
            else [(f"{pointer}/{field_property.key}", value)]
        )
        for place, item in items:
            if isinstance(item, DocumentPart):
                yield from walk(item, place)
