"""Document model: accepted and refused claims documents, and the JSON Schema that describes them."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from kg.document.document_model import FORMAT, Article, Document, Entity, Quote, Relation, Situation, json_schema
from kg.rdf import oxigraph
from tests.cases.documents import DOCUMENTS, Content, DocumentCase
from tests.cases.graphs import SEED

SHOWN_BY_SCHEMA = {"J2"}


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    content = json_schema()
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def article(**fields: object) -> Article:
    return Article.model_validate({"id": "a", "label": {"en": "x"}, "language": "uk", "text": "x"} | fields)


def test_the_seed_meets_the_published_schema(schema: Draft202012Validator) -> None:
    assert list(schema.iter_errors(json.loads(SEED))) == []


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: f"{case.constraint}-{case.place}")
def test_the_schema_refuses_what_the_contract_refuses(case: DocumentCase, schema: Draft202012Validator) -> None:
    data, _ = case.make()
    assert schema.is_valid(json.loads(data)) == (case.constraint not in SHOWN_BY_SCHEMA)


def test_the_schema_names_itself() -> None:
    content = json_schema()
    assert content["$id"] == FORMAT
    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_json_is_readable_and_brief() -> None:
    document = Document.model_validate(Content().data)
    text = document.to_json().decode()
    assert "Під час наступу" in text
    assert text.endswith("}\n")
    assert "null" not in text
    assert "[]" not in text
    assert json.loads(text)["format"] == FORMAT


def test_python_names_and_json_names_are_both_taken() -> None:
    assert Relation.model_validate({"id": "r", "type": "during", "from": "a", "to": ["b"], "quotes": [{"exact": "x"}]})
    situation = Situation(id="s", type="Refusal", label={"en": "x"}, modality="actual", responds_to=["r"])
    assert json.loads(situation.model_dump_json(by_alias=True))["respondsTo"] == ["r"]


@pytest.mark.parametrize("identifier", ["a", "ts_8dec", "A-1.b", "x" * 100])
def test_ids(identifier: str) -> None:
    assert article(id=identifier).id == identifier


@pytest.mark.parametrize("identifier", ["", "1a", "a b", "a/b", "a#b", "a\n", "é", "x" * 101, "_a", "char=1,2"])
def test_ids_that_could_not_be_part_of_an_iri(identifier: str) -> None:
    with pytest.raises(ValidationError):
        article(id=identifier)


@pytest.mark.parametrize("url", ["https://news.example/a?b#c", "http://новини.example/стаття", "https://e.example/%20"])
def test_addresses(url: str) -> None:
    assert article(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("news.example", "ftp://e.example/", "https://", "javascript:alert(1)"),
        *(f"https://e.example/{end}" for end in ("a b", "[1]", "%zz", "\0", "#a#b", "\ue000")),
    ],
)
def test_addresses_that_are_no_iri(url: str) -> None:
    with pytest.raises(ValidationError):
        article(url=url)


@pytest.mark.parametrize("duration", ["P2D", "PT1H", "P1Y2M3DT4H5M6.7S", "PT0.5S", "P0D"])
def test_durations(duration: str) -> None:
    situation = Situation(id="s", type="Waiting", label={"en": "x"}, modality="actual", duration=duration)
    assert situation.duration == duration


@pytest.mark.parametrize("duration", ["", "P", "PT", "P1DT", "2 days", "P1H", "-P1D", "P2D\n", "P٢D", "P1.5D"])
def test_durations_that_are_none(duration: str) -> None:
    with pytest.raises(ValidationError):
        Situation(id="s", type="Waiting", label={"en": "x"}, modality="actual", duration=duration)


def test_language_tags_are_kept_in_lower_case() -> None:
    assert article(label={"uk-UA": "x", "EN": "y"}).label == {"uk-ua": "x", "en": "y"}


@pytest.mark.parametrize("language", ["u", "uk_UA", "ukrainian", "uk-", ""])
def test_language_tags_that_are_none(language: str) -> None:
    with pytest.raises(ValidationError):
        article(label={language: "x"})


@pytest.mark.parametrize(
    "quote",
    [{"exact": ""}, {"exact": "x", "start": -1}, {"exact": "x", "end": 0}, {"exact": "x", "start": "one"}, {}],
)
def test_quotes_that_are_none(quote: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Quote.model_validate(quote)


def test_numbers_keep_their_digits() -> None:
    data = Content()
    data["C44"].update(probability=0.1, extractionConfidence=1)
    claim = next(c for c in Document.model_validate(data.data).claims if c.id == "C44")
    assert (claim.probability, claim.extraction_confidence) == (Decimal("0.1"), Decimal(1))
    assert json.loads(claim.model_dump_json(by_alias=True))["probability"] == 0.1


def test_dates() -> None:
    assert article(published="2025-10-04").published == date(2025, 10, 4)
    for wrong in ("2025-02-30", "4.10.2025", "2025-10-04T12:00:00"):
        with pytest.raises(ValidationError):
            article(published=wrong)


def test_white_space_is_kept() -> None:
    assert article(text="  x\r\n ").text == "  x\r\n "


def test_a_group_has_no_size_of_zero() -> None:
    with pytest.raises(ValidationError):
        Entity(id="g", type="Group", label={"en": "x"}, size=0)


@pytest.mark.parametrize(
    "tag", ["uk", "zh-Hant-TW", "sl-rozaj-biske", "de-CH-1901", "en-a-bbb-x-a-ccc", "zh-yue", "es-419"]
)
def test_languages(tag: str) -> None:
    """What the contract takes, the store takes, too."""
    assert article(language=tag, label={tag: "x"}).language == oxigraph.Literal("x", language=tag.lower()).language


@pytest.mark.parametrize(
    "tag", ["", "u", "de-Latn-Latn", "de-419-DE", "ezr-qz-wBySGjhd-nI", "en-a", "en-", "en_GB", "x-a"]
)
def test_what_is_no_language(tag: str) -> None:
    for fields in ({"language": tag}, {"label": {tag: "x"}}):
        with pytest.raises(ValidationError):
            article(**fields)
