"""Document checks: any input yields a list of all its errors."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.document.document_model import Document, Quote
from kg.document.property_map import walk
from kg.errors import MalformedText
from kg.gate import claims_json_reading, document_checks
from kg.gate.gate import Gate, shared_gate
from kg.gate.validation_report import ValidationResult
from tests.cases.documents import Content
from tests.cases.graphs import NAMES, SEED, small_document
from tests.cases.strategies import documents, texts

Change = Callable[[Content], object]


@pytest.fixture(scope="module")
def gate() -> Gate:
    return shared_gate()


def changed(*changes: Change) -> bytes:
    content = Content()
    for change in changes:
        change(content)
    return json.dumps(content.data).encode()


def resolved(*changes: Change) -> tuple[Document, list[ValidationResult]]:
    document, problems = claims_json_reading.read(changed(*changes))
    assert document is not None, problems
    return document_checks.resolve(document)


def found(problems: list[ValidationResult]) -> list[tuple[str, str | None]]:
    return [(problem.constraint, problem.pointer) for problem in problems]


def pointer(place: str) -> str:
    return Content().pointer(place)


def requote(words: str, **more: object) -> Change:
    return lambda d: d["C44"].update(quotes=[{"exact": words, **more}])


# ---- reading


def test_the_seed_is_read_and_resolved_without_a_problem() -> None:
    document, problems = claims_json_reading.read(SEED)
    assert document is not None
    assert problems == []
    again, problems = document_checks.resolve(document)
    assert (again, problems) == (document, [])


@pytest.mark.parametrize(
    "data", [b'{"a": "\xff"}', SEED[:2000].decode("utf-8", "ignore").encode("cp1251"), SEED.decode().encode("utf-16")]
)
def test_what_is_not_utf8_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedText, match=r"not UTF-8: byte \d+") as caught:
        claims_json_reading.read(data)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"", 1, 0),
        (b"text", 1, 2),
        (b'{\n "a": 1,\n}', 3, 1),
        (b'{"a": 1} 2', 1, 10),
        (b'{"a": "\\ud800"}', 1, 14),
        (b'{"a": "\\udc00x"}', 1, 13),
        (b'{"a": "\x01"}', 1, 8),
        (b'{"a": ' + b"1" * 5000 + b"}", 1, 4308),
    ],
)
def test_what_is_not_json_is_malformed(data: bytes, line: int, column: int) -> None:
    with pytest.raises(MalformedText, match="Invalid JSON") as caught:
        claims_json_reading.read(data)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.remedy == "Send well-formed JSON."


@pytest.mark.parametrize(
    "data", [b"[" * 5_000_000, b'{"a":' * 2_000_000, b'{"claims":' + b"[" * 10_000_000, b'[{"a":' * 1_000_000]
)
def test_nesting_is_refused_at_once(data: bytes, gate: Gate) -> None:
    before = time.process_time()
    (result,) = gate.check_document(data, NAMES).report.results
    assert time.process_time() - before < 60
    assert (result.constraint, result.severity, result.pointer) == ("J5", "Violation", "")


@pytest.mark.parametrize("data", [b"[]", b"null", b"1", b'"text"', b"{}", b'{"article": 1}'])
def test_json_that_is_no_claims_document(data: bytes) -> None:
    document, problems = claims_json_reading.read(data)
    assert document is None
    assert {problem.constraint for problem in problems} == {"J2"}


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-0.1", "1.1", "true", '"high"', "null", "[]"]
)
def test_numbers_that_are_none(number: str) -> None:
    data = changed(lambda d: d["C44"].update(extractionConfidence=7777)).replace(b"7777", number.encode())
    assert found(claims_json_reading.read(data)[1]) == [("J2", pointer("C44/extractionConfidence"))]


def test_huge_numbers() -> None:
    document, problems = resolved(requote("Асад", start=10**30, end=10**30 + 4), lambda d: d["S20"].update(end=10**30))
    assert [p.constraint for p in problems] == ["A4", "A3"]
    assert document.claims[9].quotes[0].start is None


def test_pointers_escape_what_has_to_be_escaped() -> None:
    (problem,) = claims_json_reading.read(changed(lambda d: d["C44"].update({"a/b~c": 1})))[1]
    assert problem.pointer == pointer("C44/a~1b~0c")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["death"].update(type="Murder"), "death/type"),
        (lambda d: d["assad"].update(type="Death"), "assad/type"),
        (lambda d: d["assad"].update(id="башар"), "assad/id"),
        (lambda d: d["assad"].update(label={}), "assad/label"),
        (lambda d: d["assad"].update(label={"en": ""}), "assad/label/en"),
        (lambda d: d["assad"].update(mentions=[{"exact": ""}]), "assad/mentions/0/exact"),
        (lambda d: d["rebels"].update(size=0), "rebels/size"),
        (lambda d: d["rebels"].update(sizeUnstated=False), "rebels/sizeUnstated"),
        (lambda d: d["ts_8dec"].update(notBefore="2024-02-30"), "ts_8dec/notBefore"),
        (lambda d: d["meeting"].update(duration="an hour"), "meeting/duration"),
        (lambda d: d["article"].update(language="ukrainian"), "article/language"),
        (lambda d: d["article"].update(url="https://news.example/[1]"), "article/url"),
        (lambda d: d["article"].update(sha256="ABC"), "article/sha256"),
        (lambda d: d["article"].update(text=""), "article/text"),
        (lambda d: d["C44"].update(quotes=[]), "C44/quotes"),
        (lambda d: d["C44"].update(reviewStatus="maybe"), "C44/reviewStatus"),
    ],
)
def test_form(change: Change, place: str) -> None:
    document, problems = claims_json_reading.read(changed(change))
    assert document is None
    assert found(problems) == [("J2", pointer(place))]


# ---- resolving


def test_a_wrong_hash() -> None:
    _, (problem,) = resolved(lambda d: d["article"].update(sha256="0" * 64))
    assert (problem.constraint, problem.pointer, problem.value) == ("A2", "/article/sha256", "0" * 64)
    assert "7b61e6f0c142728427c39001f99ca5618130dbdc8f8914079d0d7dbecacd5f59" in problem.message


def test_a_quote_that_is_not_in_the_text() -> None:
    document, (problem,) = resolved(requote("дрони атакували російське місто"))
    assert (problem.constraint, problem.pointer) == ("A3", pointer("C44/quotes/0"))
    assert "is not in the text. The nearest words are “тники атакували російське місто”" in problem.message
    assert problem.message.endswith("with “т” U+0442 where the quote has “д” U+0434.")
    assert problem.messages["uk"].startswith("У тексті немає «дрони атакували російське місто». Найближчі слова: «")
    assert problem.messages["uk"].endswith("у тексті «т» U+0442, а в цитаті «д» U+0434.")
    assert problem.value == "дрони атакували російське місто"
    assert problem.remedy.startswith("Copy the words exactly from the text")
    assert document.claims[9].quotes[0].start is None


def test_a_quote_that_stands_in_several_places() -> None:
    _, (problem,) = resolved(requote("Башара Асада"))
    places = re.findall(r"(\d+)–(\d+)", problem.message)
    text = small_document().article.text
    assert [text[int(start) : int(end)] for start, end in places] == ["Башара Асада"] * 4
    assert "occurs 4 times" in problem.message
    assert problem.messages["uk"].startswith("«Башара Асада» стоїть у тексті в кількох місцях (4): ")


def test_of_many_places_five_are_listed() -> None:
    _, (problem,) = resolved(requote("а"))
    assert re.fullmatch(r"“а” occurs \d+ times in the text \(at (\d+–\d+(, |…)){5}\)\.", problem.message)


def test_words_that_resemble_nothing_in_the_text() -> None:
    _, (problem,) = resolved(requote("xyz"))
    assert problem.messages == {"en": "“xyz” is not in the text.", "uk": "У тексті немає «xyz»."}


def test_a_quote_that_stands_elsewhere() -> None:
    _, (problem,) = resolved(requote("Асада", start=61, end=66))
    assert problem.message == "The words at 61–66 are “сада ”, not “Асада”."
    assert problem.messages["uk"] == "На місці 61–66 стоїть «сада », а не «Асада»."


def test_a_segment_or_offsets_settle_which_place_is_meant() -> None:
    document, problems = resolved(requote("Башара Асада", segment="S13"))
    assert problems == []
    assert (document.claims[9].quotes[0].start, document.claims[9].quotes[0].end) == (1250, 1262)
    assert resolved(requote("Башара Асада", start=180, end=192))[1] == []


def test_typography_of_the_text_wins() -> None:
    document, problems = resolved(requote("Про це в інтерв'ю", start=None))
    assert problems == []
    assert document.claims[9].quotes[0].exact == "Про це в інтерв’ю"


def test_a_segment_outside_the_text() -> None:
    assert found(resolved(lambda d: d["S20"].update(end=2374))[1]) == [("A4", pointer("S20"))]
    assert found(resolved(lambda d: d["S20"].update(start=2373, end=2373))[1]) == [("A4", pointer("S20"))]


def test_bounds_are_taken_from_edtf() -> None:
    document, problems = resolved(lambda d: d["ts_fewdays"].update(notBefore=None, notAfter=None))
    assert problems == []
    time_span = next(t for t in document.times if t.id == "ts_fewdays")
    assert (str(time_span.not_before), str(time_span.not_after)) == ("2024-12-01", "2024-12-06")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d["C22"].update(affirms="nothing"), "C22/affirms"),
        (lambda d: d["C22"].update(affirms="putin"), "C22/affirms"),
        (lambda d: d["C22"].update(conflictsWith=["C16", "C99"]), "C22/conflictsWith/1"),
        (lambda d: d["death"].update(time=["C22"]), "death/time/0"),
        (lambda d: d["death"].update(causedBy=["nothing"]), "death/causedBy/0"),
        (lambda d: d["sochi"].update(within=["nowhere"]), "sochi/within/0"),
        (lambda d: d["ts_fewdays"].update(relativeTo="never"), "ts_fewdays/relativeTo"),
        (lambda d: d["R27"].update(to=["nothing"]), "R27/to/0"),
        (lambda d: d["Q15"].update(quantifies=["nothing"]), "Q15/quantifies/0"),
        (lambda d: d["C44"]["quotes"][0].update(segment="S99"), "C44/quotes/0/segment"),
    ],
)
def test_a_reference_that_leads_nowhere(change: Change, place: str, gate: Gate) -> None:
    problems = gate.check_document(changed(change), NAMES).report.violations
    assert found([p for p in problems if p.constraint != "C1"]) == [("J3", pointer(place))]


def test_ids_that_are_taken() -> None:
    assert found(resolved(lambda d: d["iran"].update(id="putin"))[1])[0][0] == "J4"
    assert ("J4", pointer("C22/id")) in found(resolved(lambda d: d["C22"].update(id="C21"))[1])
    assert ("J4", pointer("C22/id")) in found(resolved(lambda d: d["C22"].update(id="death"))[1])


def test_entities_and_the_rest_have_ids_of_their_own() -> None:
    assert resolved(lambda d: d["C22"].update(id="putin"))[1] == []


def test_all_problems_are_listed_at_once(gate: Gate) -> None:
    data = changed(
        lambda d: d["article"].update(sha256="0" * 64),
        requote("дрони атакували Сочі"),
        lambda d: d["refusal_ir"].update(respondsTo=[]),
        lambda d: d["interview"].update(relays=["interview"]),
        lambda d: d["death"].update(affected=["nobody"]),
        lambda d: d["ts_8dec"].update(edtf="8 грудня"),
        lambda d: d["C22"].update(denies="calls"),
        lambda d: d["rebels"].update(size=3),
    )
    results = gate.check_document(data, NAMES).report.violations
    assert sorted({r.constraint for r in results}) == ["A2", "A3", "B2", "B9", "C2", "D1", "F4", "G0", "J3"]
    assert all(result.pointer for result in results)
    data = changed(lambda d: d["C22"].update(certainty="sure"), lambda d: d["death"].pop("label"), requote(""))
    results = gate.check_document(data, NAMES).report.violations
    assert [(r.constraint, r.pointer) for r in results] == [
        ("J2", pointer("C22/certainty")),
        ("J2", pointer("C44/quotes/0/exact")),
        ("J2", pointer("death")),
    ]


@settings(deadline=None, max_examples=40)
@given(document=documents())
def test_located_quotes_are_true(document: Document) -> None:
    """Take the offsets away from every quote; what can be located again says the truth."""
    text = document.article.text
    for _, part in walk(document):
        if isinstance(part, Quote):
            part.start = part.end = None
    again, problems = document_checks.resolve(document)
    missing = {problem.pointer for problem in problems if problem.constraint == "A3"}
    for (place, part), (_, asked) in zip(walk(again), walk(document), strict=True):
        if isinstance(part, Quote) and isinstance(asked, Quote):
            assert (part.start is None) == (part.end is None) == (place in missing)
            if part.start is not None:
                assert text[part.start : part.end] == part.exact == asked.exact


def anything() -> st.SearchStrategy[object]:
    keys = st.sampled_from(["article", "claims", "id", "quotes"]) | st.text()
    leaves = st.none() | st.booleans() | st.floats() | st.text()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner))


@settings(deadline=None, max_examples=60)
@given(
    data=st.binary(max_size=200) | texts().map(str.encode) | anything().map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_refused_politely(data: bytes) -> None:
    with contextlib.suppress(MalformedText):
        document, problems = claims_json_reading.read(data)
        assert document is None
        assert problems


def test_any_field_may_hold_anything() -> None:
    """Put odd values in the place of every value of the small document, one after another."""
    odd: list[Any] = [None, "", "\0", "x" * 300, 0, -1, 1.5, [], {}, [None], {"": ""}]
    content = Content().data
    for name in ("segments", "entities", "times", "situations", "claims", "relations", "quantities"):
        item = content[name][0]
        for key in list(item):
            for value in odd:
                document, problems = claims_json_reading.read(
                    json.dumps({**content, name: [{**item, key: value}]}).encode()
                )
                assert document is not None or problems
                if document is not None:
                    document_checks.resolve(document)


# ---- places


def test_a_start_alone_is_enough() -> None:
    words = "8 грудня Асад остаточно покинув Сирію"
    document, problems = resolved(lambda d: d["C21"].update(quotes=[{"exact": words, "start": 743}]))
    quote = next(claim for claim in document.claims if claim.id == "C21").quotes[0]
    assert (problems, quote.start, quote.end) == ([], 743, 780)


def test_a_name_lies_inside_its_mention() -> None:
    def named(**name: object) -> Change:
        return lambda d: d["lallican"]["mentions"][0].update(name=name)

    document, problems = resolved(named(exact="Антоні Лаллікан"))
    mention = next(entity for entity in document.entities if entity.id == "lallican").mentions[0]
    assert mention.name is not None
    assert (problems, mention.name.start, mention.name.end) == ([], 2286, 2301)
    for outside in ({"exact": "Асад"}, {"exact": "Асад", "start": 399, "end": 403}):
        _, problems = resolved(named(**outside))
        assert [problem.constraint for problem in problems] == ["A3"]
        assert str(problems[0].pointer).endswith("/mentions/0/name")


def test_segments_do_not_overlap() -> None:
    _, problems = resolved(lambda d: d.data["segments"][3].update(start=200))
    assert found(problems) == [("A4", "/segments/3")]


def test_lists_are_bounded() -> None:
    start = time.process_time()
    document, problems = claims_json_reading.read(changed(lambda d: d.data.update(situations=[{}] * 200_000)))
    assert document is None
    assert ("J2", "/situations") in found(problems)
    assert time.process_time() - start < 60


def test_a_byte_order_mark_is_no_part_of_the_document() -> None:
    document, problems = claims_json_reading.read(b"\xef\xbb\xbf" + SEED)
    assert (problems, document) == ([], claims_json_reading.read(SEED)[0])


def test_words_outside_their_segment_are_found_elsewhere() -> None:
    _, (problem,) = resolved(requote("8 грудня Асад остаточно покинув Сирію", segment="S01"))
    assert "must be between 0 and 78, but it is at 743–780." in problem.message


def test_words_outside_their_segment_may_be_nowhere() -> None:
    _, (problem,) = resolved(requote("xyz", segment="S01"))
    assert problem.message == "“xyz” must be between 0 and 78, but it is not there. “xyz” is not in the text."
    assert problem.messages["uk"] == "«xyz» має бути між 0 і 78, але цих слів там немає. У тексті немає «xyz»."


def test_letters_that_look_alike_are_told_apart() -> None:
    _, (problem,) = resolved(requote("Aсад остаточно покинув Сирію"))
    assert "with “А” U+0410 where the quote has “A” U+0041" in problem.message
