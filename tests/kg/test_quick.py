"""What a lane answers, and what it leaves to the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.quick import Answers, NotQuick, Terms, unquoted
from kg.tags import entity_tag
from tests.cases.readers import COUNT, snapshot

SETTINGS: dict[str, Any] = {
    "nesting": 100,
    "height": 1000,
    "rows": 5000,
    "size": 1 << 20,
    "length": 2000,
    "cache": 1 << 20,
    "store": "abc",
}
JSON = "application/sparql-results+json"
TERMS = Terms(
    start=b"GET /sparql?query=",
    head=b"Host: x\r\n\r\n",
    tail=b"",
    base="http://x/sparql",
    choice={"solutions": JSON, "boolean": JSON, "graph": None},
    types={"solutions": JSON, "boolean": JSON},
    fields=b"vary: Accept\r\n",
    asker=b"http",
    identifier="",
    client="127.0.0.1",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("quick"))


def answers(path: Path, **others: Any) -> Answers:
    made = Answers(SETTINGS | others)
    made.learn(7, str(path))
    made.open(7)
    return made


def request(value: str, head: bytes = TERMS.head) -> bytes:
    return f"GET /sparql?query={value} HTTP/1.1\r\n".encode() + head


def test_a_query_is_answered_and_kept(path: Path) -> None:
    lane = answers(path)
    found, said = lane.answer(TERMS, request(quote(COUNT)))
    assert (found.status, said) == (200, "miss")
    assert json.loads(found.body)["results"]["bindings"][0]["n"]["value"] == "1000"
    tag = entity_tag("abc", 7, b"http", f"/sparql?query={quote(COUNT)}".encode())
    assert b"etag: " + tag + b"\r\nclaimgraph-snapshot: 7\r\nvary: Accept\r\n" in found.head
    assert lane.answer(TERMS, request(quote(COUNT))) == (found, "hit")
    again = Terms(**(vars(TERMS) | {"head": b"If-None-Match: ", "tail": b"\r\nHost: x\r\n\r\n"}))
    for condition in (tag, tag, b'"other", ' + tag):
        unchanged, told = lane.answer(again, request(quote(COUNT), again.head + condition + again.tail))
        assert (unchanged.status, unchanged.body, told) == (304, b"", "not-modified")
    assert lane.answer(again, request(quote(COUNT), again.head + b'"other"' + again.tail))[0].status == 200
    for odd in (b"", b"*", b'"x"\r\nAuthorization: y', b'"x"\r\n\r\nGET', b"\xff"):
        with pytest.raises(NotQuick):
            lane.answer(again, request(quote(COUNT), again.head + odd + again.tail))


def test_another_snapshot_has_other_answers(path: Path, tmp_path: Path) -> None:
    lane = answers(path)
    lane.answer(TERMS, request(quote(COUNT)))
    lane.learn(8, str(snapshot(tmp_path, 5)))
    assert lane.knows(7)
    assert lane.knows(8)
    assert not lane.knows(9)
    lane.open(8)
    found, said = lane.answer(TERMS, request(quote(COUNT)))
    assert said == "miss"
    assert json.loads(found.body)["results"]["bindings"][0]["n"]["value"] == "5"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "%FF",
        "ASK{}&timeout=1",
        "ASK{}#x",
        "ASK {}",
        "ASK{}\x7f",
        quote("SELECT (RAND() AS ?x) {}"),
        quote("CONSTRUCT WHERE { ?s ?p ?o }"),
        quote("SELECT ?s ?t { ?s ?p ?o . ?t ?q ?r }"),
        quote("SELECT (CONCAT(" + ", ".join(["STR(?s)"] * 60) + ") AS ?x) { ?s ?p ?o }"),
        quote(f"ASK {{ {'?s ?p ?o . ' * 200} }}"),
    ],
)
def test_what_is_left_to_the_server(path: Path, value: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the lane does not care what it is
        answers(path).answer(TERMS, request(value))


def test_another_head_or_line_is_left_to_the_server(path: Path) -> None:
    asked = request(quote(COUNT))
    for other in (
        asked.replace(b"Host: x", b"Host: y"),
        asked.replace(b"GET ", b"HEAD "),
        asked.replace(b"/sparql", b"/sparql/"),
        asked.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        with pytest.raises(NotQuick):
            answers(path).answer(TERMS, other)


def test_the_room_for_answers_is_bounded(path: Path) -> None:
    lane = answers(path, cache=200_000)
    texts = [quote(f"SELECT ({n} AS ?n) {{}}") for n in range(1000)]
    for text in texts:
        lane.answer(TERMS, request(text))
    assert lane._used <= 200_000
    said = [lane.answer(TERMS, request(text))[1] for text in reversed(texts)]
    assert 50 < said.count("hit") < 200
    assert answers(path, cache=0).answer(TERMS, request(texts[0]))[1] == "miss"


@given(st.text())
def test_values_are_decoded_as_forms_are(text: str) -> None:
    for value in (quote(text), quote_plus(text), quote(text, safe="=+?/")):
        assert unquoted(value.encode()).decode() == unquote_plus(value)


@given(st.fixed_dictionaries({
    name: st.binary() if kind == "bytes" else st.text() if kind == "str" else st.dictionaries(st.text(), st.text())
    for name, kind in Terms.__annotations__.items()
}))  # fmt: skip
def test_terms_cross_to_a_lane_as_they_are(told: dict[str, Any]) -> None:
    terms = Terms(**told)
    assert Terms.unpack(json.loads(json.dumps(terms.pack()))) == terms
