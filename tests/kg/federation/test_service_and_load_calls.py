"""SERVICE calls: only allowed endpoints are called, and their results replace the call; other queries call nobody."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.config import OutgoingSettings
from kg.errors import ClaimgraphError, Forbidden, MalformedText, TooLarge, Unreachable
from kg.federation.service_and_load_calls import MAX_CALLS, FederationLimits, resolve_query, resolve_update
from kg.http_client.federation_client import FederationClient
from kg.iris import GENID
from kg.rdf import oxigraph, oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats, Retrieval
from kg.sparql import query_and_update_analysis
from kg.sparql.checked_query_evaluation import NestingLimits
from kg.sparql.rewriting import update_dataset_and_confinement
from tests.cases.peers import RESULTS, Asked, Peer, Reply, endpoint, saying, serving, solutions

BASE = "http://local.example/sparql"
REMOTE = """
@prefix : <http://example.org/> .
:anna :name "Anna", "Ганна"@uk ; :age 41 ; :knows [ :name "nobody" ] .
:boris :name "Boris" ; :age 7 ; :knows :anna .
"""
LOCAL = """
@prefix : <http://example.org/> .
:anna :said "yes" . :boris :said "no" . :carol :said "maybe" .
"""
PREFIX = "PREFIX : <http://example.org/>\n"
Row = dict[str, str]
Answer = Callable[[Asked], Reply]


class Peers:
    """Allowed peers and the client that calls them; ``a`` and ``b`` in a text stand for their addresses."""

    def __init__(self, peers: list[Peer], **limits: Any) -> None:
        self.peers = peers
        addresses = [f"{peer.address}/sparql" for peer in peers]
        documents = [f"{peer.address}/{name}" for peer in peers for name in ("d.ttl", "d", "d.rdf", "d.jsonld")]
        allowed: dict[str, Any] = {"allow_service": " ".join(addresses), "allow_load": " ".join(documents)}
        self.outgoing = FederationClient(OutgoingSettings(**allowed, **limits))

    def named(self, text: str) -> str:
        """Insert the addresses of the peers into a text."""
        for name, peer in zip("AB", self.peers, strict=False):
            text = text.replace(f"<{name}>", f"<{peer.address}/sparql>").replace(f"<{name}/", f"<{peer.address}/")
        return text

    def resolve(self, text: str, *limits: FederationLimits) -> tuple[str, tuple[Retrieval, ...]]:
        resolved = resolve_query(self.named(text), BASE, {"given": "http://example.org/"}, self.outgoing, *limits)
        return resolved.text, resolved.retrieved

    def update(self, text: str) -> str:
        return resolve_update(self.named(text), BASE, self.outgoing)

    @property
    def asked(self) -> int:
        return sum(len(peer.asked) for peer in self.peers)


@contextmanager
def peers(*answers: Answer, **limits: Any) -> Iterator[Peers]:
    with ExitStack() as stack:
        yield Peers([stack.enter_context(serving(answer)) for answer in answers], **limits)


def rows(text: str, data: str = LOCAL) -> list[Row]:
    """Run a query without calls over some data."""
    store = oxigraph.open_store(None)
    store.extend(oxigraph.parse(data.encode(), "text/turtle"))
    request = QueryDataset(base=BASE, prefixes={"given": "http://example.org/"})
    found = json.loads(oxigraph_queries.query(store, text, ResultFormats(), request).content)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in found]


def joined(text: str, *answers: Answer, **limits: Any) -> list[Row]:
    """Run a query over the local data and the results of peers; the rewritten query parses and calls nobody."""
    with peers(*(answers or (endpoint(REMOTE),)), **limits) as given:
        resolved, _ = given.resolve(text)
    parsed = query_and_update_analysis.QueryAnalysis.parse(resolved, BASE, {"given": "http://example.org/"})
    assert (parsed.malformed, parsed.services) == (None, ())
    return rows(resolved)


def refused(
    error: type[ClaimgraphError], text: str, *answers: Answer, place: tuple[int, int] | None = None, **limits: Any
) -> ClaimgraphError:
    """Return the error of a query that is refused before any peer is called."""
    with peers(*(answers or (endpoint(REMOTE), endpoint(REMOTE))), **limits) as given:
        with pytest.raises(error) as caught:
            given.resolve(text)
        assert given.asked == 0
    if place:
        assert (caught.value.line, caught.value.column) == place
    return caught.value


# ---- queries


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?s ?p ?o }",
        "SELECT * { ?s ?p 'SERVICE <A> { }' } # SERVICE <A> { ?s ?p ?o }",
        "PREFIX service: <urn:x> SELECT ?service { service:x ?service <http://service.example/> }",
        "SELECT * { ?s ?p ?o",
        "this is SERVICE <A> {}",
        "",
    ],
)
def test_who_calls_nobody_is_left_alone(text: str) -> None:
    with peers(endpoint(REMOTE)) as given:
        assert given.resolve(text) == (given.named(text), ())
        assert given.asked == 0


def test_it_is_asked_as_a_query_of_its_own_and_joined() -> None:
    with peers(endpoint(REMOTE), max_rows=50) as given:
        text, (retrieval,) = given.resolve(
            PREFIX
            + "SELECT ?s ?said ?n { ?s :said ?said SERVICE <A> { ?s :name ?n FILTER(LANG(?n) = '') } } ORDER BY ?s"
        )
        (asked,) = given.peers[0].asked
    assert rows(text) == [
        {"s": "http://example.org/anna", "said": "yes", "n": "Anna"},
        {"s": "http://example.org/boris", "said": "no", "n": "Boris"},
    ]
    query = re.sub(r"\s+", " ", asked.query)
    assert query == "SELECT * WHERE { ?s <http://example.org/name> ?n FILTER(LANG(?n) = '') } LIMIT 51"
    assert (retrieval.rows, retrieval.cached) == (3, False)
    assert abs((datetime.now(UTC) - retrieval.retrieved).total_seconds()) < 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT ?n { SERVICE <A> { :anna :name ?n } } ORDER BY ?n", ["Anna", "Ганна"]),
        ("SELECT ?n { SERVICE <A> { given:boris given:name ?n } }", ["Boris"]),
        ("BASE <http://example.org/x/> SELECT ?n { SERVICE <A> { <../boris> <../name> ?n } }", ["Boris"]),
        ("SELECT ?n { SERVICE <A> { VALUES ?p { :boris } ?p :name ?n } }", ["Boris"]),
        ("SELECT ?n { SERVICE <A> { SELECT (MAX(?a) AS ?n) { ?s :age ?a } } }", ["41"]),
        ("SELECT ?n { SERVICE <A> { ?s :age ?a BIND(?a + 1 AS ?n) FILTER(?a<9&&?a>1) } }", ["8"]),
        ("SELECT ?n { SERVICE <A> { ?s :name ?n ; :age 7 # } a comment } SERVICE <A> {\n} }", ["Boris"]),
        ("SELECT ?n { SERVICE <A> { ?s :name ?n ; :age 7 FILTER(?n != '} SERVICE <A> {') } }", ["Boris"]),
        ("SELECT ?n { SERVICE <A> { ?s :name ?n ; :age 7 }# }\n}", ["Boris"]),
        ("SELECT ?n { SERVICE#\n<A>#{\n{ ?s :name ?n ; :age 7 } }", ["Boris"]),
        ("SELECT ?n { seRVice siLENt <A>{?s :name ?n ; :age 7} }", ["Boris"]),
        ("SELECT ?n { ?x :said 'maybe' OPTIONAL { SERVICE <A> { ?s :name ?n ; :age 7 } } }", ["Boris"]),
        ("SELECT ?n { { SELECT ?n { SERVICE <A> { ?s :name ?n ; :age 7 } } } }", ["Boris"]),
        ("SELECT ?n { { ?x :said ?n FILTER(?n = 'no') } UNION { SERVICE <A> { :boris :name ?n } } }", ["no", "Boris"]),
        ("SELECT ?n { ?s :said ?n MINUS { SERVICE <A> { ?s :age ?a } } }", ["maybe"]),
        ("SELECT ?n { ?s :said ?n FILTER NOT EXISTS { SERVICE <A> { ?s :age ?a } } }", ["maybe"]),
        ("SELECT ?n { ?s :said ?n . SERVICE <A> { :nobody :age ?a } }", []),
        ("SELECT ?n { ?s :said ?n . SERVICE <A> { } } ORDER BY ?n", ["maybe", "no", "yes"]),
        ("SELECT ?n { SERVICE <A> { ?s :age 7 } SERVICE <A> { ?s :name ?n } }", ["Boris"]),
        ("SELECT ?n { SERVICE <A> { ?s :age 7 ; :knows ?k } SERVICE <B> { ?k :nick ?n } }", ["Annie"]),
        ("SELECT ?n { SERVICE <A> { ?s :age 7 ; :knows ?k SERVICE <B> { ?k :nick ?n } } }", ["Annie"]),
    ],
)
def test_what_stands_in_its_place_means_the_same(text: str, expected: list[str]) -> None:
    other = endpoint('@prefix : <http://example.org/> . :anna :nick "Annie" . :carol :nick "Caro" .')
    assert [row["n"] for row in joined(PREFIX + text, endpoint(REMOTE), other)] == expected


def test_other_forms_than_select() -> None:
    with peers(endpoint(REMOTE)) as given:
        ask, _ = given.resolve(PREFIX + "ASK { SERVICE <A> { :anna :age 41 } }")
        construct, _ = given.resolve(PREFIX + "CONSTRUCT { ?s :n ?n } WHERE { SERVICE <A> { ?s :name ?n ; :age 7 } }")
    store = oxigraph.open_store(None)
    assert json.loads(oxigraph_queries.query(store, ask, ResultFormats(), QueryDataset()).content)["boolean"] is True
    assert b'"Boris"' in oxigraph_queries.query(store, construct, ResultFormats(), QueryDataset()).content


def test_an_inner_call_is_made_from_here() -> None:
    with peers(endpoint(REMOTE), endpoint(REMOTE)) as given:
        text, retrieved = given.resolve(
            PREFIX + "SELECT * { SERVICE <A> { ?s :knows ?k SERVICE <B> { ?k :age 41 } SERVICE <B> { ?s :age 7 } } }"
        )
        outer, inner = (peer.asked for peer in given.peers)
    assert [row["k"] for row in rows(text)] == ["http://example.org/anna"]
    assert (len(outer), len(inner)) == (1, 2)
    assert not any("SERVICE" in asked.query.upper() for asked in (*outer, *inner))
    assert outer[0].query.count("VALUES") == 2
    assert [retrieval.endpoint.rpartition(":")[2] for retrieval in retrieved] == [
        f"{given.peers[number].port}/sparql" for number in (1, 1, 0)
    ]


def test_nothing_that_is_bound_outside_is_sent() -> None:
    with peers(endpoint(REMOTE)) as given:
        given.resolve(
            PREFIX + "SELECT * { ?s :said 'a secret' . VALUES ?x { 'a secret' } SERVICE <A> { ?s :name ?n } }"
        )
        (asked,) = given.peers[0].asked
    assert "secret" not in asked.query + str(asked.headers)


def test_lines_stay_where_they_were() -> None:
    with peers(endpoint(REMOTE)) as given:
        text, _ = given.resolve("SELECT * {\n SERVICE <A> {\n ?s ?p\n ?o } \n ?s ?p ?missing }\n")
    assert text.count("\n") == 5
    assert text.splitlines()[4].strip() == "?s ?p ?missing }"


def test_blank_nodes_get_names_that_are_the_same_as_long_as_the_answer_is() -> None:
    text = PREFIX + "SELECT ?b { SERVICE <A> { { ?s :knows ?b } UNION { ?b :name 'nobody' } FILTER(isBlank(?b)) } }"
    with peers(endpoint(REMOTE)) as given:
        first, (fresh,) = given.resolve(text)
        again, (kept,) = given.resolve(text)
        given.outgoing = FederationClient(given.outgoing.settings)
        other, _ = given.resolve(text)
        assert given.asked == 2
    nodes = {row["b"] for row in rows(first)}
    assert len(rows(first)) == 2
    assert len(nodes) == 1
    assert nodes.pop().startswith(GENID)
    assert rows(again) == rows(first)
    assert rows(other) != rows(first)
    assert (fresh.cached, kept.cached, kept.retrieved) == (False, True, fresh.retrieved)


def test_a_retrieval_names_the_endpoint_in_its_normal_form() -> None:
    with peers(endpoint(REMOTE)) as given:
        port = given.peers[0].port
        _, (found,) = given.resolve(f"SELECT * {{ SERVICE <HTTP://127.0.0.1:{port}/sp%61rql> {{ ?s ?p ?o }} }}")
    assert found.endpoint == f"http://127.0.0.1:{port}/sparql"


# ---- failures


FAILURES = {
    "a status": lambda _: Reply(b"", RESULTS, 500),
    "a redirect": lambda _: Reply(b"", RESULTS, 302, {"Location": "/other"}),
    "a wrong type": lambda _: Reply(b"{}", "text/html"),
    "no answer": lambda _: Reply(b"{}", RESULTS),
    "the answer to ASK": lambda _: Reply(b'{"head":{},"boolean":true}', RESULTS),
    "another variable": lambda _: solutions(["n", "said"], {"said": {"type": "literal", "value": "forged"}}),
    "too many rows": lambda _: solutions(["n"], *[{"n": {"type": "literal", "value": "x"}}] * 4),
    "too many bytes": lambda _: Reply(b" " * 5000, RESULTS),
    "no IRI": lambda _: solutions(["n"], {"n": {"type": "uri", "value": "a:b> } SERVICE <http://evil.org/> { <a:"}}),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_a_failure_is_an_error_with_a_place_and_silent_hides_it(answer: Answer) -> None:
    text = "SELECT * {\n  ?s ?p ?said . SERVICE@ <A> { ?s ?p ?n } }"
    with peers(answer, max_rows=3, max_bytes=4000) as given:
        with pytest.raises(Unreachable) as caught:
            given.resolve(text.replace("@", ""))
        assert (caught.value.line, caught.value.column) == (2, 17)
        resolved, (retrieval,) = given.resolve(text.replace("@", " SILENT"))
    assert len(rows(resolved)) == 3
    assert (retrieval.rows, retrieval.cached) == (None, False)


def test_a_failure_inside_is_hidden_from_who_is_asked_outside() -> None:
    with peers(endpoint(REMOTE), FAILURES["a status"]) as given:
        text, retrieved = given.resolve(
            PREFIX + "SELECT * { SERVICE <A> { ?s :age 7 . OPTIONAL { SERVICE SILENT <B> { ?s :nick ?n } } } }"
        )
    assert rows(text) == [{"s": "http://example.org/boris"}]
    assert [retrieval.rows for retrieval in retrieved] == [None, 1]


def test_as_many_rows_as_may_be_and_one_more() -> None:
    text = PREFIX + "SELECT * { SERVICE <A> { ?s :name ?n FILTER(isIRI(?s)) } }"
    assert len(joined(text, max_rows=3)) == 3
    with pytest.raises(Unreachable, match="more than 2 solutions"):
        joined(text, max_rows=2)


def test_all_calls_share_one_deadline() -> None:
    def slow(asked: Asked) -> Reply:
        time.sleep(0.4)
        return solutions(["a"])

    text = "SELECT * { SERVICE <A> { ?a ?a 1 } SERVICE <A> { ?a ?a 2 } SERVICE <A> { ?a ?a 3 } }"
    with peers(slow, seconds=0.7) as given, pytest.raises(Unreachable, match="in time"):
        given.resolve(text)
    assert len(given.peers[0].asked) < 3


def test_a_request_may_have_less_time_than_the_door_gives() -> None:
    def slow(_: Asked) -> Reply:
        time.sleep(1)
        return solutions(["a"])

    with peers(slow, seconds=600) as given, pytest.raises(Unreachable, match="in time"):
        given.resolve("SELECT * { SERVICE <A> { ?a ?a 1 } }", FederationLimits(seconds=0.1))


def test_a_peer_that_drips() -> None:
    def drip(connection: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    with saying(drip) as peer, pytest.raises(Unreachable, match="in time"):
        Peers([peer], seconds=0.3).resolve("SELECT * { SERVICE <A> { ?a ?b ?c } }")


# ---- what is refused, and nobody asked


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE ?where { ?s ?p ?o } }",
        "SELECT * { VALUES ?where { <A> } SERVICE ?where { ?s ?p ?o } }",
        "SELECT * { BIND(<A> AS ?where) SERVICE SILENT ?where { ?s ?p ?o } }",
        "SELECT * { SERVICE <A> { SERVICE $where { ?s ?p ?o } } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } OPTIONAL { SERVICE ?p { } } }",
    ],
)
def test_an_endpoint_that_is_a_variable(text: str) -> None:
    assert "by a variable" in refused(Forbidden, text).message


FOREIGN = "SERVICE <http://other.example/> { ?s ?p ?o }"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { @ }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } @ }",
        "SELECT * { @ SERVICE <A> { ?s ?p ?o } }",
        "SELECT * { SERVICE <A> { @ } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o OPTIONAL { GRAPH ?g { { @ } UNION { } } } } }",
        "SELECT * { ?s ?p ?o FILTER EXISTS { @ } }",
        "SELECT * { ?s ?p ?o FILTER NOT EXISTS { @ } }",
        "SELECT (EXISTS { @ } AS ?x) { }",
        "SELECT * { BIND(IF(EXISTS { @ }, 1, 2) AS ?x) }",
        "SELECT * { OPTIONAL { @ } }",
        "SELECT * { { SELECT * { @ } } }",
        "SELECT * { GRAPH ?g { @ } }",
        "SELECT * { GRAPH <urn:g> { SERVICE <A> { ?s ?p ?o } @ } }",
        "SELECT * { ?s ?p ?o MINUS { @ } }",
        "SELECT * { ?s ?p ?o } ORDER BY EXISTS { @ }",
        "SELECT ?s { ?s ?p ?o } GROUP BY ?s HAVING (EXISTS { @ })",
        "ASK { @ }",
        "DESCRIBE ?s { @ }",
        "CONSTRUCT { ?s ?p ?o } WHERE { @ }",
        "SELECT * FROM <urn:g> { @ }",
        "SELECT * { ?s ?p ?o FILTER(?s<?p&&?o> 1) @ }",
        "SELECT * { ?s ?p '}' . @ }",
        "SELECT * { # }\n @ }",
    ],
)
def test_a_foreign_endpoint_anywhere_in_a_query(text: str) -> None:
    error = refused(Forbidden, text.replace("@", FOREIGN))
    assert "<http://other.example/>" in error.message
    assert "KG_ALLOW_SERVICE" in error.remedy


def test_silent_does_not_hide_that_an_endpoint_is_refused() -> None:
    refused(Forbidden, "SELECT * {\n SERVICE SILENT <http://other.example/> { } }", place=(2, 2))


@pytest.mark.parametrize(
    "written",
    [
        "<A/x>",
        "<A/>",
        "<A?query=x>",
        "<A#x>",
        "<A/../sparql>",
        "<A/./sparql>",
        "<A2>",
        "<AA>",
        "<A%2F>",
        "<A%3Fx>",
        "<A%00>",
        "<a>",
        "<sparql>",
        "<../sparql>",
        "</sparql>",
        "<>",
    ],
)
def test_no_other_address_of_the_same_server(written: str) -> None:
    with serving(endpoint(REMOTE)) as peer:
        door = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/sparql"))
        iri = written.replace("A", f"{peer.address}/sparql") if written.startswith("<A") else written
        text = f"SELECT * {{ SERVICE {iri} {{ ?s ?p ?o }} }}"
        with pytest.raises(Forbidden):
            resolve_query(text, BASE, None, door)
    assert peer.asked == []


@pytest.mark.parametrize("silent", ["", "SILENT "])
@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/sparql/",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1/sparql",
        "http://127.0.0.1:0{port}/sparql",
        "https://127.0.0.1:{port}/sparql",
        "http://127.0.0.1.:{port}/sparql",
        "http://127.0.0.1.evil.example:{port}/sparql",
        "http://127.0.0.1:{port}.evil.example/sparql",
        "http://evil.example\\u0040127.0.0.1:{port}/sparql",
        "http://evil.example@127.0.0.1:{port}/sparql",
        "http://127.0.0.1:{port}@evil.example/sparql",
        "http://a:b@127.0.0.1:{port}/sparql",
        "http://@127.0.0.1:{port}/sparql",
        "http://2130706433:{port}/sparql",
        "http://0x7f000001:{port}/sparql",
        "http://0x7f.0.0.1:{port}/sparql",
        "http://017700000001:{port}/sparql",
        "http://0177.0.0.1:{port}/sparql",
        "http://127.1:{port}/sparql",
        "http://127.0.0.2:{port}/sparql",
        "http://0.0.0.0:{port}/sparql",
        "http://0:{port}/sparql",
        "http://[::1]:{port}/sparql",
        "http://[::]:{port}/sparql",
        "http://[::ffff:127.0.0.1]:{port}/sparql",
        "http://[::ffff:7f00:1]:{port}/sparql",
        "http://localhost:{port}/sparql",
        "http://LOCALHOST:{port}/sparql",
        "http://127.0.0.1:{port}/SPARQL",
        "http://127.0.0.1:{port}//sparql",
        "http://127.0.0.1:{port}/x/../sparql",
        "http://127.0.0.1:{port}/%2e/sparql",
        "http://127.0.0.1:{port}/%2E%2E/sparql",
        "http://127.0.0.1:{port}/sparql%23",
        "http://127.0.0.1:{port}/sparql;x",
        "http://127.0.0.1%3A{port}/sparql",
        "http://127.0.0.1:{port}/sparql?",
        "http://127.0.0.1:{port}/sparql#",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "file://127.0.0.1:{port}/sparql",
        "ftp://127.0.0.1:{port}/sparql",
        "gopher://127.0.0.1:{port}/sparql",
        "ws://127.0.0.1:{port}/sparql",
        "data:application/sparql-results+json,%7B%7D",
        "urn:x",
        "//127.0.0.1:{port}/sparql2",
    ],
)
def test_an_address_that_only_looks_like_an_allowed_one(place: str, silent: str) -> None:
    with serving(endpoint(REMOTE)) as peer:
        door = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/sparql"))
        text = f"SELECT * {{ SERVICE {silent}<{place.format(port=peer.port)}> {{ ?s ?p ?o }} }}"
        with pytest.raises((Forbidden, MalformedText)):  # some are no IRIs at all
            resolve_query(text, BASE, None, door)
    assert peer.asked == []


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/sparql",
        "HTTP://127.0.0.1:{port}/sparql",
        "http://127.0.0.1:{port}/%73parql",
        "http://127.0.0.1:{port}/sp\\u0061rql",
        "http://127.0.0.1:{port}/sp\\U00000061rql",
        "//127.0.0.1:{port}/sparql",
    ],
)
def test_the_same_address_in_other_words_leads_to_the_entry(place: str) -> None:
    with serving(endpoint(REMOTE)) as peer:
        door = FederationClient(OutgoingSettings(allow_service=f"{peer.address}/sparql"))
        text = f"SELECT * {{ SERVICE <{place.format(port=peer.port)}> {{ ?s ?p ?o }} }}"
        resolve_query(text, BASE, None, door)
    assert [(asked.path, asked.headers["Host"]) for asked in peer.asked] == [("/sparql", f"127.0.0.1:{peer.port}")]


@pytest.mark.parametrize("silent", ["", "SILENT "])
def test_an_entry_that_leads_inside_is_refused_even_silently(silent: str) -> None:
    with serving(endpoint(REMOTE)) as peer:
        place = f"http://localhost:{peer.port}/sparql"
        text = f"SELECT * {{ SERVICE {silent}<{place}> {{ ?s ?p ?o }} }}"
        with pytest.raises(Forbidden, match="not public"):
            resolve_query(text, BASE, None, FederationClient(OutgoingSettings(allow_service=place)))
        with pytest.raises(Forbidden, match="not public"):
            resolve_update(f"LOAD {silent}<{place}>", BASE, FederationClient(OutgoingSettings(allow_load=place)))
    assert peer.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <A> { ?s ?p ?o } FILTER( }",
        "SELECT * { SERVICE <A> { ?s ?p } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } } nonsense",
        "SELECT * { SERVICE <A> { ?s ?p ?o } . . }",
        "SELECT * { SERVICE <A> { ?s ?p ?o }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o",
        "SELECT * { SERVICE <A> { ?s ?p ?o } UNION { } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } } LIMIT -1",
        "SELECT * { SERVICE <A> ?s ?p ?o }",
        "SELECT * { SERVICE <A> }",
        "SELECT * { SERVICE { ?s ?p ?o } }",
        "SELECT * { SERVICE 'A' { ?s ?p ?o } }",
        "SELECT * { ?s ?p SERVICE <A> { ?s ?p ?o } }",
        "SERVICE <A> { ?s ?p ?o }",
        "SELECT (SERVICE <A> { } AS ?x) { }",
        "SELECT * { SERVICE nope:x { ?s ?p ?o } }",
        "SELECT * { SERVICEgiven:x { ?s ?p ?o } SERVICE <A> { ?s ?p ?o } }",
        "SELECT * { SERVICE SILENTgiven:x { ?s ?p ?o } SERVICE <A> { } }",
        "SELECT * { SERVICE <A> { ?s ?p <http://exa mple/> } }",
        "SELECT * { SERVICE <A> { ?s ?p <http://a/\\u003E> } }",
        "SELECT * { SERVICE <A\\u003E> { ?s ?p ?o } }",
        "SELECT * { \\u0053ERVICE <A> { ?s ?p ?o } }",
        "SELECT * { SERVICE <A> { ?s ?p ?o } } \\u0023",
        "SELECT * { SERVICE <A> { ?s ?p 'x\\u0027 } SERVICE <B> { ' } } \\u007D",
    ],
)
def test_nobody_is_asked_for_what_does_not_parse(text: str) -> None:
    """Malformed text is said to be so, or comes back as it is: then whoever runs it says so."""
    with peers(endpoint(REMOTE), endpoint(REMOTE)) as given:
        try:
            resolved, retrieved = given.resolve(text)
        except (MalformedText, Forbidden):
            pass
        else:
            assert retrieved == ()
            parsed = query_and_update_analysis.QueryAnalysis.parse(resolved, BASE, {"given": "http://example.org/"})
            assert parsed.malformed
        assert given.asked == 0


def test_an_escape_cannot_close_an_iri() -> None:
    text = "SELECT * { SERVICE <A> { ?s ?p <http://a/\\u003E\\u0020\\u007D> } }"
    with peers(endpoint(REMOTE)) as given:
        with pytest.raises(MalformedText):
            given.resolve(text)
        assert given.asked == 0


def test_too_many_calls() -> None:
    call = "SERVICE <A> { ?s ?p ?o } "
    assert f"{MAX_CALLS + 1} calls" in refused(TooLarge, f"SELECT * {{ {call * (MAX_CALLS + 1)} }}").message
    assert joined(f"SELECT * {{ {call * MAX_CALLS} }}")


def test_too_deep_or_too_long() -> None:
    deep = f"SELECT * {{ SERVICE <A> {{ {'{' * 30} ?s ?p ?o {'}' * 30} }} }}"
    long = f"SELECT * {{ SERVICE <A> {{ {'OPTIONAL { } ' * 40} }} }}"
    with peers(endpoint(REMOTE)) as given:
        for text, depth in ((deep, NestingLimits(nesting=20)), (long, NestingLimits(height=30))):
            with pytest.raises(TooLarge):
                given.resolve(text, FederationLimits(depth))
        assert given.asked == 0
        given.resolve(deep)


# ---- updates


def after(text: str, data: str = "") -> set[str]:
    """Run an update that calls nobody, and list what the store holds then."""
    parsed = query_and_update_analysis.UpdateAnalysis.parse(text, BASE)
    assert (parsed.malformed, parsed.services) == (None, ())
    assert not any(operation.kind == "LOAD" for operation in parsed.operations)
    store = oxigraph.open_store(None)
    store.extend(oxigraph.parse(data.encode(), "text/turtle"))
    oxigraph_queries.update(store, update_dataset_and_confinement.expanded(text, BASE))
    return {str(quad) for quad in store}


def turtle(text: str, media_type: str | None = "text/turtle") -> Answer:
    return lambda _: Reply(text.encode(), media_type)


TRIPLE = "<urn:s> <urn:p> 'o' ."
STORED = '<urn:s> <urn:p> "o"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LOAD <A/d.ttl>", {STORED}),
        ("load silent <A/d.ttl>", {STORED}),
        ("LOAD#\n<A/d.ttl># ;", {STORED}),
        ("LOAD <A/d.ttl> INTO GRAPH <urn:g>", {f"{STORED} <urn:g>"}),
        ("PREFIX u: <urn:> LOAD <A/d.ttl> INTO GRAPH u:g", {f"{STORED} <urn:g>"}),
        ("LOAD <A/d.ttl> INTO GRAPH <g>", {f"{STORED} <http://local.example/g>"}),
        ("BASE <urn:x:> LOAD <A/d.ttl> ; BASE <http://b.example/> LOAD <A/d.ttl> INTO GRAPH <g>",
         {STORED, f"{STORED} <http://b.example/g>"}),
        ("LOAD <A/d.ttl> ; DELETE DATA { <urn:s> <urn:p> 'o' }", set()),
        ("LOAD <A/d.ttl> ; MOVE DEFAULT TO GRAPH <urn:g> ;", {f"{STORED} <urn:g>"}),
        ("INSERT { ?s <urn:q> ?n } WHERE { SERVICE <A> { ?s <urn:p> ?n } }", {'<urn:s> <urn:q> "o"'}),
        ("INSERT DATA { <urn:s> <urn:x> 1 } ; DELETE { ?s ?p ?o } WHERE { ?s ?p ?o . SERVICE <A> { ?s <urn:p> ?n } }",
         set()),
        ("LOAD <A/d.ttl> ; INSERT { GRAPH <urn:g> { ?s ?p 1 } } WHERE { ?s ?p 'o' SERVICE SILENT <A> { ?s ?p 'o' } }",
         {STORED, '<urn:s> <urn:p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> <urn:g>'}),
    ],
)  # fmt: skip
def test_updates(text: str, expected: set[str]) -> None:
    query = endpoint(TRIPLE)

    def answer(asked: Asked) -> Reply:
        return query(asked) if asked.method == "POST" else Reply(TRIPLE.encode())

    with peers(answer) as given:
        assert after(given.update(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <urn:s> <urn:p> 'LOAD <A/d.ttl>' }",
        "CLEAR ALL # LOAD <A/d.ttl>",
        "LOAD <A/d.ttl> INTO",
        "LOAD <A/d.ttl",
        "",
    ],
)
def test_updates_that_are_left_alone(text: str) -> None:
    with peers(turtle(TRIPLE)) as given:
        assert given.update(text) == given.named(text)
        assert given.asked == 0


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("d.ttl", "text/turtle", TRIPLE),
        ("d.ttl", "text/turtle; charset=utf-8", TRIPLE),
        ("d", "application/n-triples", '<urn:s> <urn:p> "o" .'),
        ("d", "application/x-turtle", TRIPLE),
        ("d.ttl", "application/octet-stream", TRIPLE),
        ("d.ttl", None, TRIPLE),
        ("d.ttl", "application/trig", TRIPLE),
        ("d.rdf", "text/xml", '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:">'
         '<r:Description r:about="urn:s"><u:p>o</u:p></r:Description></r:RDF>'),
        ("d.jsonld", "application/ld+json", '{"@id": "urn:s", "urn:p": "o"}'),
    ],
)  # fmt: skip
def test_documents_of_any_format(name: str, media_type: str | None, content: str) -> None:
    with peers(turtle(content, media_type)) as given:
        assert after(given.update(f"LOAD <A/{name}>")) == {STORED}


def test_a_document_is_read_against_its_own_address() -> None:
    with peers(turtle("<> <#p> <x> .")) as given:
        address = given.peers[0].address
        stored = after(given.update("BASE <urn:other:> LOAD <A/d.ttl>"))
    assert stored == {f"<{address}/d.ttl> <{address}/d.ttl#p> <{address}/x>"}


def test_blank_nodes_of_two_documents_stay_apart() -> None:
    with peers(turtle("_:a <urn:p> [] . [] <urn:p> _:a .")) as given:
        assert len(after(given.update("LOAD <A/d.ttl> ; LOAD <A/d.ttl> INTO GRAPH <urn:g>; LOAD <A/d>"))) == 6
        assert given.asked == 3


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["}", "'''", '"', "\\", "\\u0022", "} ; DROP ALL ; LOAD <http://evil.example/> #", "\r\n;\n"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_no_document_breaks_out(texts: list[str]) -> None:
    literals = [oxigraph.Literal(text) for text in texts]
    triples = [oxigraph.Triple(oxigraph.NamedNode("urn:s"), oxigraph.NamedNode("urn:p"), it) for it in literals]
    content = oxigraph.serialize(triples, "application/n-triples").decode()
    with peers(turtle(content, "application/n-triples")) as given:
        text = given.update("LOAD <A/d> INTO GRAPH <urn:g>")
    assert [operation.kind for operation in query_and_update_analysis.UpdateAnalysis.parse(text, BASE).operations] == [
        "INSERT DATA"
    ]
    assert after(text) == {f"{triple} <urn:g>" for triple in triples}


BAD_DOCUMENTS = {
    "a status": lambda _: Reply(b"", status=404),
    "a redirect": lambda _: Reply(b"", status=301, headers={"Location": "http://127.0.0.1/"}),
    "does not parse": turtle("<urn:s> <urn:p>"),
    "is a page": turtle("<html></html>", "text/html"),
    "named graphs": turtle("GRAPH <urn:g> { <urn:s> <urn:p> 1 }", "application/trig"),
    "too large": turtle("# " + "x" * 5000),
    "relative context": turtle('{"@context": "c.jsonld", "@id": "urn:s"}', "application/ld+json"),
    "laughs": turtle(
        '<!DOCTYPE r [<!ENTITY e0 "ha">'
        + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 12}">' for n in range(1, 9))
        + '] ><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&e8;</r:RDF>',
        "application/rdf+xml",
    ),
    "deep": turtle("[" * 3000, "application/ld+json"),
}


@pytest.mark.parametrize("answer", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_document_that_cannot_be_loaded(answer: Answer) -> None:
    with peers(answer, max_bytes=4000) as given:
        with pytest.raises(Unreachable) as caught:
            given.update("CLEAR ALL ;\n LOAD <A/d>")
        assert (caught.value.line, caught.value.column) == (2, 2)
        assert after(given.update("LOAD SILENT <A/d> INTO GRAPH <urn:g>"), TRIPLE) == {STORED}


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/ld+json", '{{"@context": "{0}", "@id": "urn:s", "urn:p": "o"}}'),
        ("application/ld+json", '{{"@context": ["{0}", {{}}], "@id": "urn:s", "urn:p": "o"}}'),
        ("application/ld+json", '{{"@context": {{"@import": "{0}"}}, "@id": "urn:s", "urn:p": "o"}}'),
        ("application/ld+json", '{{"@context": {{"a": {{"@id": "urn:a", "@context": "{0}"}}}}, "a": {{"urn:p": 1}}}}'),
        ("application/rdf+xml", '<!DOCTYPE r SYSTEM "{0}"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'),
        ("application/rdf+xml", '<!DOCTYPE r [<!ENTITY e SYSTEM "{0}">]><r:RDF '
         'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:"><r:Description u:p="&e;"/></r:RDF>'),
        ("text/turtle", "@base <{0}> . @prefix owl: <http://www.w3.org/2002/07/owl#> . <> owl:imports <{0}>, <x> ."),
        ("text/turtle", "@base <file:///etc/> . <passwd> <urn:p> <shadow> ."),
    ],
)  # fmt: skip
def test_nothing_that_a_document_points_at_is_fetched(media_type: str, content: str) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(serving(lambda _: Reply(b"{}", "application/ld+json")))
        given = stack.enter_context(peers(turtle(content.format(f"{other.address}/x"), media_type)))
        stored = after(given.update("LOAD SILENT <A/d>"))
        assert given.asked == 1
    assert other.asked == []
    assert "root:" not in "".join(stored)


@pytest.mark.parametrize(
    "text",
    [
        "LOAD <http://other.example/>",
        "LOAD SILENT <http://other.example/>",
        "LOAD <http://169.254.169.254/> INTO GRAPH <urn:g>",
        "LOAD SILENT <HTTPS://other.example/>",
        "LOAD <file:///etc/passwd>",
        "LOAD <ftp://other.example/d.ttl>",
        "LOAD <data:text/turtle,>",
        "LOAD <A/d.ttl> ; LOAD <A/e.ttl>",
        "LOAD <A/e.ttl> ; LOAD <A/d.ttl>",
        "LOAD SILENT <urn:x> ; LOAD <A/e.ttl>",
        "LOAD <A>",
        "LOAD <sparql>",
        "BASE <http://other.example/> LOAD <d.ttl>",
        "CLEAR ALL ; BASE <http://other.example/> LOAD <d.ttl>",
        "INSERT { ?s ?p ?o } WHERE { SERVICE <http://other.example/> { ?s ?p ?o } }",
        "INSERT { ?s ?p ?o } WHERE { SERVICE <A/d.ttl> { ?s ?p ?o } }",
        "INSERT { ?s ?p ?o } WHERE { SERVICE SILENT ?x { ?s ?p ?o } }",
        "DELETE { ?s ?p ?o } WHERE { ?s ?p ?o FILTER EXISTS { SERVICE <http://other.example/> { } } }",
        "LOAD <A/d.ttl> ; INSERT { ?s ?p ?o } WHERE { { SELECT * { SERVICE <http://other.example/> { } } } }",
        "INSERT { ?s ?p ?o } WHERE { SERVICE <A> { ?s ?p ?o } } ; LOAD <A/e.ttl>",
    ],
)
def test_updates_that_are_refused(text: str) -> None:
    with peers(turtle(TRIPLE)) as given:
        with pytest.raises(Forbidden) as caught:
            given.update(text)
        assert given.asked == 0
    assert caught.value.line == 1


@pytest.mark.parametrize("place", ["somescheme://x/", "file:///etc/passwd", "FILE:/etc/passwd", "data:,", "urn:x"])
def test_load_silent_of_what_nobody_fetches_does_nothing(place: str) -> None:
    with peers(turtle(TRIPLE)) as given:
        for text in (f"LOAD SILENT <{place}>", f"LOAD SILENT <{place}> INTO GRAPH <urn:g>"):
            assert after(given.update(text), TRIPLE) == {STORED}
        with pytest.raises(Forbidden):
            given.update(f"LOAD <{place}>")
        assert given.asked == 0


def test_too_many_loads() -> None:
    with peers(turtle(TRIPLE)) as given:
        with pytest.raises(TooLarge, match=f"{MAX_CALLS + 1} calls"):
            given.update("LOAD <A/d> ; " * MAX_CALLS + "INSERT { ?s ?p ?o } WHERE { SERVICE <A> { ?s ?p ?o } }")
        assert given.asked == 0


def test_nobody_is_asked_for_an_update_that_does_not_parse() -> None:
    with peers(turtle(TRIPLE)) as given:
        for text in (
            "LOAD <A/d.ttl> ; INSERT DATA { ?s ?p ?o }",
            "LOAD <A/d.ttl> ; INSERT { ?s ?p ?o } WHERE { FILTER( }",
            "INSERT { ?s ?p ?o } WHERE { SERVICE <A> { ?s ?p } }",
            "LOAD <A/d.ttl> INTO GRAPH ?g",
            "LOADgiven:x ; LOAD <A/d.ttl>",
            "LOAD SILENTgiven:x",
            "\\u004COAD <A/d.ttl>",
        ):
            try:
                resolved = given.update(text)
            except MalformedText:
                continue
            assert query_and_update_analysis.UpdateAnalysis.parse(resolved, BASE).malformed
        assert given.asked == 0


def test_names_in_the_file_system_are_never_opened(tmp_path: Path) -> None:
    """FROM names graphs; whatever the address looks like, nothing is read or fetched."""
    secret = tmp_path / "secret.ttl"
    secret.write_text(TRIPLE, "utf-8")
    with peers(turtle(TRIPLE)) as given:
        for place in (secret.as_uri(), f"{given.peers[0].address}/d.ttl"):
            for clause in (f"FROM <{place}>", f"FROM NAMED <{place}>"):
                text, _ = given.resolve(f"SELECT * {clause} {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?g {{ ?s ?p ?o }} }} }}")
                assert rows(text) == []
        assert given.asked == 0
