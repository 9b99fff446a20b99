"""Reading of a claims document: JSON to the model, with the repairs and refusals that JSON Schema cannot express.

White space around texts is removed, and numbers are rounded to what the store computes with. Names and languages that
are given twice and characters that XML cannot represent are refused. The words of the article itself (its text and the
exact words of quotes) are never changed.

A document that an earlier version has stored is never refused for these reasons: see ``stored`` in :func:`read`.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from rdflib import XSD

from kg.document import document_model
from kg.document.document_model import Document
from kg.errors import MalformedText
from kg.gate import python_check_messages
from kg.gate.validation_report import ValidationResult
from kg.rdf.literal_limits import FRACTION_DIGITS, out_of_range
from kg.rdf.xml_output_checks import UNREPRESENTABLE

_WORDS_OF_THE_ARTICLE = ("text", "exact")
"""Fields with words of the article, in which white space counts: offsets and hashes refer to it."""
_INVISIBLE = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
_NUMBERS = ("probability", "extraction_confidence")
_UNIT = Decimal(1).scaleb(-FRACTION_DIGITS)
_LONGEST_SHOWN = 60
_KEPT = ("C8", "J8", "J9", "J11", "J12")
"""Constraints that only warn of what is stored already."""

Step = str | int


def read(data: bytes, *, stored: bool = False) -> tuple[Document | None, list[ValidationResult]]:
    """Parse a claims document.

    Args:
        data: the document as UTF-8 JSON.
        stored: whether an earlier version has stored it. What it could store and this one refuses is then kept, with a
            warning that names it.

    Returns:
        The document, or ``None`` if its form is wrong; and the problems of its form.

    Raises:
        MalformedText: not UTF-8, or not JSON.
    """
    text = _decoded(data)
    try:
        from_json(text)  # stricter than the other parser, and with a limit of nesting
    except ValueError as error:
        return None, [_not_json(str(error))]
    content = json.loads(text, object_pairs_hook=_Members)
    problems = list(_clean(content))
    if stored:
        problems = kept(problems)
    try:
        document = Document.model_validate(content)
    except ValidationError as error:
        found = [_form_problem(content, item) for item in error.errors(include_url=False)]
        return None, [*problems, *found]
    return document, [*problems, *_rounded(document), *_too_large(document, stored=stored)]


def kept(problems: Iterable[ValidationResult]) -> list[ValidationResult]:
    """Return the problems of a stored document, of which those that it is kept with are warnings."""
    return [
        problem.model_copy(update={"severity": "Warning"}) if problem.constraint in _KEPT else problem
        for problem in problems
    ]


def _decoded(data: bytes) -> str:
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise MalformedText(
            f"The document is not UTF-8: byte {error.start} cannot be decoded.", remedy="Save it as UTF-8."
        ) from None


def _not_json(message: str) -> ValidationResult:
    """Return the result for JSON that is nested too deeply.

    Raises:
        MalformedText: it is not JSON.
    """
    if "recursion" in message:
        return python_check_messages.result("J5", pointer="")
    found = re.search(r"line (\d+) column (\d+)", message)
    line, column = (int(found[1]), int(found[2])) if found else (None, None)
    raise MalformedText(f"Invalid JSON: {message}", remedy="Send well-formed JSON.", line=line, column=column)


class _Members(dict[str, Any]):
    """A JSON object that remembers which names it was given twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = [name for name, count in counts.items() if count > 1]


def _clean(content: Any) -> Iterator[ValidationResult]:
    """Remove white space around the texts of JSON data, in place, and yield the problems of its names and characters.

    Lists and objects are visited without recursion.
    """
    todo: list[tuple[str, Any]] = [("", content)]
    while todo:
        pointer, found = todo.pop()
        if isinstance(found, _Members):
            yield from _names(pointer, found)
            items: Iterable[tuple[Step, Any]] = list(found.items())
        else:
            items = enumerate(found) if isinstance(found, list) else ()
        for step, item in items:
            place = f"{pointer}/{escaped(step)}"
            if isinstance(item, str):
                yield from _clean_text(place, found, step, item)
            elif isinstance(item, list | dict):
                todo.append((place, item))


def _clean_text(pointer: str, parent: Any, step: Step, text: str) -> Iterator[ValidationResult]:
    """Remove white space around one text of a list or object, and yield its problems."""
    if character := UNREPRESENTABLE.search(text):
        code = f"U+{ord(character.group()):04X}"
        yield python_check_messages.result(
            "J8", pointer=pointer, value=_printable(text), code=code, place=character.start()
        )
    if step in _WORDS_OF_THE_ARTICLE:
        return
    if text and all(unicodedata.category(c) in _INVISIBLE for c in text):
        yield python_check_messages.result("J12", pointer=pointer)
    else:
        parent[step] = text.strip()


def _names(pointer: str, members: _Members) -> Iterator[ValidationResult]:
    """Yield a problem for each name, and each language of a label, that an object has twice (J9)."""
    for name in members.repeated:
        place = f"{pointer}/{escaped(name)}"
        yield python_check_messages.result("J9-name", pointer=place, value=_printable(name), name=_printable(name))
    if not pointer.endswith("/label"):
        return
    seen: dict[str, str] = {}
    for name in members:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            yield python_check_messages.result(
                "J9-language", pointer=f"{pointer}/{escaped(name)}", value=name, language=name, first=first
            )


def escaped(step: Step) -> str:
    """Return one step of a JSON Pointer (RFC 6901, clause 3)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def _printable(text: str) -> str:
    """Return a text without characters that a report in XML could not represent."""
    return UNREPRESENTABLE.sub("\ufffd", text)


def _existing(content: Any, steps: Iterable[Step]) -> str:
    """Return the JSON Pointer of the innermost existing value on a path, such as the object that lacks a field."""
    pointer, found = "", content
    for step in steps:
        if isinstance(found, dict) and step in found:
            found = found[str(step)]
        elif isinstance(found, list) and isinstance(step, int) and step < len(found):
            found = found[step]
        else:
            break
        pointer += f"/{escaped(step)}"
    return pointer


def _form_problem(content: Any, item: Any) -> ValidationResult:
    """Return an error of pydantic as a result, with what to write instead."""
    kind, pointer, field = item["type"], _existing(content, item["loc"]), str(item["loc"][-1]) if item["loc"] else ""
    value = item.get("input")
    shown = value if isinstance(value, str | int | float) else None
    if isinstance(shown, str):
        shown = _printable(shown)
    if kind == "missing":
        return python_check_messages.result("J2-missing", pointer=pointer, field=field)
    if kind == "extra_forbidden":
        return python_check_messages.result("J2-unknown", pointer=pointer, value=shown, field=_printable(field))
    if kind == "string_too_short":
        return python_check_messages.result("J2-empty", pointer=pointer)
    if kind.startswith("date_"):
        return python_check_messages.result("J2-date", pointer=pointer, value=shown)
    if kind == "string_pattern_mismatch":
        return _pattern_problem(item["ctx"]["pattern"], pointer, shown)
    reason = str(item["msg"]).removeprefix("Value error, ")
    return python_check_messages.result("J2", pointer=pointer, value=shown, reason=reason)


def _pattern_problem(pattern: str, pointer: str, shown: object) -> ValidationResult:
    """Return the result for a text that does not match a pattern of the model, in words."""
    if pattern == document_model.IDENTIFIER:
        return python_check_messages.result("J2-identifier", pointer=pointer, value=shown)
    if pattern == document_model.LANGUAGE_TAG:
        return python_check_messages.result("J2-language", pointer=pointer, value=shown)
    if pattern == document_model.SHA256:
        return python_check_messages.result("J2-hash", pointer=pointer, value=shown)
    return python_check_messages.result("J2-iri", pointer=pointer, value=shown)


def _rounded(document: Document) -> Iterator[ValidationResult]:
    """Round the numbers that have more digits than the store computes with (J10)."""
    for i, claim in enumerate(document.claims):
        for name in _NUMBERS:
            number = getattr(claim, name)
            if number is None or not out_of_range(f"{number:f}", str(XSD.decimal)):
                continue
            with localcontext(prec=FRACTION_DIGITS + 10):
                fewer = number.quantize(_UNIT, ROUND_HALF_EVEN).normalize() + 0
            setattr(claim, name, fewer)
            key = document_model.Claim.model_fields[name].alias or name
            yield python_check_messages.result(
                "J10", pointer=f"/claims/{i}/{key}", value=f"{number:f}", number=f"{number:f}"[:_LONGEST_SHOWN],
                rounded=f"{fewer:f}",
            )  # fmt: skip


def _too_large(document: Document, *, stored: bool) -> Iterator[ValidationResult]:
    """Yield a problem for each size and duration that the store cannot compute with (J11)."""
    found = [
        python_check_messages.result("J11-size", pointer=f"/entities/{i}/size", value=entity.size)
        for i, entity in enumerate(document.entities)
        if entity.size is not None and entity.size >= 2**63
    ]
    for i, situation in enumerate(document.situations):
        duration = situation.duration or ""
        if out_of_range(duration, str(XSD.duration)):
            short = duration[:_LONGEST_SHOWN]
            place = f"/situations/{i}/duration"
            found.append(python_check_messages.result("J11-literal", pointer=place, value=duration, number=short))
    yield from kept(found) if stored else found
