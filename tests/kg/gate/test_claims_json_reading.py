"""Reading of claims documents: what is repaired, what is refused, and where a problem points."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kg.document.document_model import Document
from kg.document.document_rdf_conversion import from_graph, to_graph
from kg.gate import claims_json_reading
from kg.gate.gate import shared_gate
from kg.gate.validation_report import ValidationResult
from kg.rdf import oxigraph, oxigraph_queries, rdflib_conversion
from tests.cases import version_1
from tests.cases.documents import DOCUMENTS, Content
from tests.cases.graphs import NAMES, SEED

Change = Callable[[Content], object]


def changed(*changes: Change) -> bytes:
    content = Content()
    for change in changes:
        change(content)
    return json.dumps(content.data).encode()


def accepted(data: bytes) -> tuple[Document, list[ValidationResult]]:
    document, problems = claims_json_reading.read(data)
    assert document is not None, problems
    return document, problems


def found(problems: list[ValidationResult]) -> list[tuple[str, str, str | None]]:
    return [(problem.constraint, problem.severity, problem.pointer) for problem in problems]


def pointer(place: str) -> str:
    return Content().pointer(place)


def resolve(data: Any, place: str) -> Any:
    """Resolve a JSON Pointer (RFC 6901, clause 4)."""
    for step in place.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        data = data[int(key)] if isinstance(data, list) else data[key]
    return data


# ---- white space


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["ts_8dec"].update(edtf="2024-12-08 "),
        lambda d: d["ts_8dec"].update(precision=" day\n", notBefore=" 2024-12-08"),
        lambda d: d["assad"].update(id=" assad\t", label={"en": "\u00a0" + d["assad"]["label"]["en"] + "\u2003"}),
        lambda d: d["C22"].update(
            originatesIn=d["C22"]["originatesIn"] + " ", extractedBy=d["C22"]["extractedBy"] + " "
        ),
        lambda d: d["article"].update(language="uk "),
    ],
)
def test_white_space_at_the_ends_is_removed(change: Change) -> None:
    before = Content()
    if "\u00a0" in str(changed(change)):
        before["assad"]["label"] = {"en": before["assad"]["label"]["en"]}
    document, problems = accepted(changed(change))
    assert problems == []
    expected, _ = accepted(changed(lambda d: d["assad"].update(label={"en": d["assad"]["label"]["en"]})))
    unchanged, _ = accepted(changed())
    assert document in (expected, unchanged)


def test_the_words_of_the_article_keep_theirs() -> None:
    text = " Олена перемогла. "
    content = {
        "article": {"id": "a", "label": {"en": "a"}, "language": "uk", "text": text},
        "entities": [
            {
                "id": "o",
                "type": "Person",
                "label": {"en": "O"},
                "mentions": [{"exact": " Олена ", "start": 0, "end": 7}],
            }
        ],
    }
    document, problems = accepted(json.dumps(content).encode())
    assert problems == []
    assert (document.article.text, document.entities[0].mentions[0].exact) == (text, " Олена ")


# ---- names and languages given twice


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"language":', '"language": "ru", "language":', "/article/language"),
        ('"article":', '"article": {}, "article":', "/article"),
        ('"affirms":', '"affirms": "x", "affirms":', "/claims/0/affirms"),
        ('"label": {', '"label": {"a~b/c": 1, "a~b/c": 2, ', "/article/label/a~0b~1c"),
    ],
)
def test_a_field_given_twice(old: str, new: str, place: str) -> None:
    data = json.dumps(Content().data).replace(old, new, 1)
    _, problems = claims_json_reading.read(data.encode())
    assert ("J9", "Violation", place) in found(problems)
    resolve(json.loads(data), place)
    report = shared_gate().check_document(data.encode(), NAMES).report
    assert not report.conforms


def test_many_fields_given_twice_take_linear_time() -> None:
    data = b"{" + b",".join(b'"a%d": 1' % (i % 50_000) for i in range(100_000)) + b"}"
    _, problems = claims_json_reading.read(data)
    assert sum(problem.constraint == "J9" for problem in problems) == 50_000


@pytest.mark.parametrize("part", ["article", "assad", "calls"])
def test_a_language_given_twice(part: str) -> None:
    _, problems = claims_json_reading.read(changed(lambda d: d[part].update(label={"uk": "а", "en": "a", "EN": "b"})))
    assert found(problems) == [("J9", "Violation", pointer(f"{part}/label/EN"))]
    assert problems[0].message == "EN and en are the same language."
    assert accepted(changed(lambda d: d[part].update(label={"en": "a", "en-GB": "b"})))[1] == []


# ---- characters


@pytest.mark.parametrize("character", ["\0", "\x0b", "\x0c", "\x1f", "\ufffe", "\uffff"])
@pytest.mark.parametrize(
    "place", ["article/text", "assad/label/en", "C22/note", "C22/quotes/0/exact", "calls/topicText"]
)
def test_characters_that_xml_cannot_represent(character: str, place: str) -> None:
    def change(content: Content) -> None:
        part, _, rest = place.partition("/")
        steps = [int(s) if s.isdigit() else s for s in rest.split("/")]
        target: Any = content[part]
        for step in steps[:-1]:
            target = target[step]
        target[steps[-1]] = f"a {character}b"

    report = shared_gate().check_document(changed(change), NAMES).report
    (result,) = [result for result in report.results if result.constraint == "J8"]
    assert (result.severity, result.pointer, result.value) == ("Violation", pointer(place), "a \ufffdb")
    assert f"U+{ord(character):04X} at 2" in result.message
    report.to_rdf("application/rdf+xml")


def test_other_characters_are_kept() -> None:
    odd = "a\tb\nc\rd\x7f\x85\u2028\U0001fffe🔥"
    document, problems = accepted(changed(lambda d: d["C22"].update(note=odd)))
    assert problems == []
    assert next(claim.note for claim in document.claims if claim.id == "C22") == odd


# ---- numbers


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        ("0.0014285714285714286", "0.001428571428571429"),
        ('"0.1234567890123456785000001"', "0.123456789012345679"),
        ("1e-19", "0"),
        ('"0.9999999999999999999"', "1"),
    ],
)
def test_long_fractions_are_rounded_with_a_warning(number: str, stored: str) -> None:
    data = changed(lambda d: d["C22"].update(extractionConfidence=7777)).replace(b"7777", number.encode())
    document, problems = accepted(data)
    assert found(problems) == [("J10", "Warning", pointer("C22/extractionConfidence"))]
    assert problems[0].message.endswith(f"is stored as {stored}.")
    store = oxigraph.open_store(None)
    graph = to_graph(document, NAMES).graph
    store.extend(oxigraph.Quad(*triple) for triple in rdflib_conversion.from_rdflib(graph))
    (row,) = oxigraph_queries.rows(
        store, f"SELECT (AVG(?n) AS ?mean) {{ ?s <{rdflib_conversion.cg('extractionConfidence')}> ?n }}"
    )
    assert row


@pytest.mark.parametrize("number", ["0.1", "1", "0", "1e-18", '"0.123456789012345678"', '"0.1000000000000000000000"'])
def test_other_numbers_are_kept(number: str) -> None:
    data = changed(lambda d: d["C22"].update(extractionConfidence=7777)).replace(b"7777", number.encode())
    assert accepted(data)[1] == []


# ---- places and messages


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: f"{case.constraint}-{case.place}")
def test_every_pointer_points(case: Any) -> None:
    data, _ = case.make()
    report = shared_gate().check_document(data, NAMES).report
    for result in report.results:
        assert result.pointer is not None
        resolve(json.loads(data), result.pointer)


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (lambda d: d["assad"].update(id="Башар"), "assad/id", "Write a Latin letter, then"),
        (lambda d: d["C22"].update(affirms="two words"), "C22/affirms", "Write a Latin letter, then"),
        (lambda d: d["article"].update(language="українська"), "article/language", "such as uk, en"),
        (lambda d: d["assad"]["label"].update(en_GB="x"), "assad/label/en_GB", "such as uk, en"),
        (lambda d: d["assad"]["label"].update({"": "x"}), "assad/label/", "such as uk, en"),
        (lambda d: d["article"].update(sha256="abc"), "article/sha256", "64 digits"),
        (lambda d: d["article"].update(url="news.example"), "article/url", "begins with https://"),
        (lambda d: d["article"].update(published="8.12.2024"), "article/published", "like 2024-12-08"),
        (lambda d: d["assad"].update(label={"en": ""}), "assad/label/en", "The text is empty"),
        (lambda d: d["C22"].pop("certainty"), "C22", "The field certainty is missing"),
        (lambda d: d["C22"].update({"a/b~c": 1}), "C22/a~1b~0c", "There is no field a/b~c here"),
        (lambda d: d["meeting"].update(duration="an hour"), "meeting/duration", "P2D"),
    ],
)
def test_messages_say_what_to_write(change: Change, place: str, said: str) -> None:
    data = changed(change)
    document, problems = claims_json_reading.read(data)
    assert document is None
    assert [problem.pointer for problem in problems] == [pointer(place)]
    assert said in problems[0].message
    assert "pattern" not in problems[0].message and "^" not in problems[0].message
    resolve(json.loads(data), pointer(place))


# ---- what is stored already

_WINTER = {"edtf": "2024-24", "notBefore": "2024-12-01", "notAfter": "2024-12-31", "precision": "season"}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        (lambda d: d["assad"]["label"].update(en=" "), "J12"),
        (lambda d: d["assad"]["label"].update(en="a\x0bb"), "J8"),
        (lambda d: d["C22"].update(extractionConfidence=1 / 700), "J10"),
        (lambda d: d["rebels"].update(size=2**70, sizeUnstated=None), "J11"),
        (lambda d: d["calls"].update(topic=["calls"]), "C8"),
        (lambda d: d["ts_8dec"].update(_WINTER), "F5"),
    ],
)
def test_what_is_stored_is_repaired_or_kept_with_a_warning(change: Change, constraint: str) -> None:
    data = changed(change)
    new = shared_gate().check_document(data, NAMES)
    assert constraint == "J10" or not new.report.conforms
    kept = shared_gate().check_document(data, NAMES, stored=True)
    assert kept.report.conforms, kept.report.violations
    assert constraint in {result.constraint for result in kept.report.warnings}
    assert kept.document is not None and kept.mapped is not None
    again = from_graph(kept.mapped.graph, kept.document.article.id, NAMES)  # whatever is kept can be read back
    assert again.article.id == kept.document.article.id


def test_the_articles_of_version_1_are_kept(tmp_path: Path) -> None:
    data, _ = version_1.unpack(tmp_path)
    for name in ("seed", *version_1.DOCUMENTS):
        document = version_1.kg(data, "export", name, "--format", "claims").encode()
        report = shared_gate().check_document(document, NAMES, stored=True).report
        assert report.conforms, report.violations
        assert not {result.constraint for result in report.warnings} & {"C8", "F5", "J8", "J9", "J10", "J11", "J12"}


def test_the_seed_is_unchanged() -> None:
    document, problems = accepted(SEED)
    assert problems == []
    assert document == Document.model_validate_json(SEED)
