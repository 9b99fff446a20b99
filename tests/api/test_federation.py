"""SERVICE and LOAD over HTTP, with peers on loopback: only allowed addresses, within limits."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.server.connection_limit_settings import ConnectionLimits
from kg.access.api_tokens import TokenFile, TokenGrant
from kg.iris import GENID
from kg.knowledge_graph import KnowledgeGraph
from tests.cases.peers import RESULTS, Asked, Peer, Reply, endpoint, saying, serving, solutions
from tests.configs import configured
from tests.processes import wait_until
from tests.serving import serving as serving_app

TOKEN = "a token for tests"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
BASE = "http://testserver/"
REMOTE = f"""
@prefix : <http://example.org/> .
<{BASE}entity/putin> :born 1952 ; :in [ :name "Leningrad" ] .
<{BASE}entity/nobody> :born 1900 .
"""
PREFIX = "PREFIX : <http://example.org/> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>\n"
JOIN = (
    PREFIX
    + "SELECT ?label ?year {{ ?e rdfs:label ?label SERVICE{} <{}> {{ ?e :born ?year }} FILTER(LANG(?label) = 'en') }}"
)
TRIPLE = "<urn:s> <urn:p> 'loaded' ."
ROWS, BYTES, SECONDS, CALLS = 20, 20_000, 1.0, 8
pytestmark = pytest.mark.process  # its application has readers
GUARD = 60.0
"""Seconds within which what is bounded in time ends, however busy the machine."""

Answer = httpx2.Response


def _literals(count: int, size: int = 1) -> Reply:
    return solutions(["x"], *({"x": {"type": "literal", "value": str(n).zfill(size)}} for n in range(count)))


class Elsewhere:
    """A server with an endpoint and documents by path, valid and invalid ones."""

    def __init__(self) -> None:
        query = endpoint(REMOTE)
        self.peer: Peer | None = None
        self.over = threading.Event()
        self.answers: dict[str, Callable[[Asked], Reply]] = {
            "/sparql": query,
            "/other": endpoint("@prefix : <http://example.org/> . [] :of 1952 ; :event 'a flood' ."),
            "/slow": self._slow,
            "/tardy": self._slow,
            "/broken": lambda _: Reply(b"", RESULTS, 503),
            "/moved": lambda _: Reply(b"", RESULTS, 307, {"Location": "/sparql"}),
            "/page": lambda _: Reply(b"<html>", "text/html"),
            "/xml": lambda _: Reply(b"<sparql/>", "application/sparql-results+xml"),
            "/nonsense": lambda _: Reply(b"[]", RESULTS),
            "/rows": lambda _: _literals(ROWS),
            "/more-rows": lambda _: _literals(ROWS + 1),
            "/bytes": lambda _: _literals(2, BYTES),
            "/d.ttl": lambda _: Reply(TRIPLE.encode()),
            "/page.ttl": lambda _: Reply(b"<html></html>", "text/html"),
            "/large.ttl": lambda _: Reply(b"#" * (BYTES + 1)),
            "/moved.ttl": lambda _: Reply(b"", "text/turtle", 301, {"Location": "/d.ttl"}),
            "/context.jsonld": lambda _: Reply(
                b'{"@context": "/c.jsonld", "@id": "urn:s", "urn:p": 1}', "application/ld+json"
            ),
        }

    def _slow(self, _: Asked) -> Reply:
        self.over.wait(3 * GUARD)
        return solutions([])

    def __call__(self, asked: Asked) -> Reply:
        answer = self.answers.get(asked.path)
        return answer(asked) if answer else Reply(b"{}", "application/ld+json")

    def at(self, path: str) -> str:
        assert self.peer is not None
        return self.peer.address + path


@dataclass
class Here:
    """The server under test and the peer that it may call."""

    client: TestClient
    elsewhere: Elsewhere

    @property
    def asked(self) -> list[str]:
        """The paths requested from the peer since the test began."""
        assert self.elsewhere.peer is not None
        return [asked.path for asked in self.elsewhere.peer.asked]

    def query(self, text: str, **parameters: str) -> Answer:
        return self.client.get("/sparql", params={"query": text, **parameters}, headers={"Accept": RESULTS})

    def update(self, text: str, headers: dict[str, str] = AUTH) -> Answer:
        return self.client.post(
            "/update", content=text, headers={"Content-Type": "application/sparql-update", **headers}
        )

    def rows(self, text: str) -> list[dict[str, str]]:
        answer = self.query(text)
        assert answer.status_code == 200, answer.text
        return [{n: t["value"] for n, t in row.items()} for row in answer.json()["results"]["bindings"]]

    def holds(self, pattern: str) -> bool:
        found: bool = self.query(f"ASK {{ {pattern} }}").json()["boolean"]
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """A server with a store on disk, readers and the seed article, which may call one peer."""
    elsewhere = Elsewhere()
    with serving(elsewhere) as elsewhere.peer:
        paths = list(elsewhere.answers)
        config = configured(
            token=TOKEN,
            data_dir=tmp_path_factory.mktemp("data"),
            base_iri=BASE,
            readers=1,
            allow_service=" ".join(elsewhere.at(path) for path in paths if "." not in path),
            allow_load=" ".join(elsewhere.at(path) for path in paths if "." in path),
            outgoing_seconds=SECONDS,
            outgoing_max_bytes=BYTES,
            outgoing_max_rows=ROWS,
        )
        with TestClient(create_app(KnowledgeGraph.open(config), config)) as client:
            yield Here(client, elsewhere)
            elsewhere.over.set()


@pytest.fixture
def here(both: Here) -> Here:
    assert both.elsewhere.peer is not None
    both.elsewhere.peer.asked.clear()
    both.elsewhere.over.clear()
    return both


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """Read a problem document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


# ---- what is allowed


def test_local_facts_are_joined_with_solutions_from_elsewhere(here: Here) -> None:
    place = here.elsewhere.at("/sparql")
    assert here.rows(JOIN.format("", place)) == [{"label": "Vladimir Putin", "year": "1952"}]
    post = here.client.post(
        "/sparql",
        content=JOIN.format("", place),
        headers={"Content-Type": "application/sparql-query", "Accept": "text/csv"},
    )
    assert post.text.split() == ["label,year", "Vladimir", "Putin,1952"]


def test_an_answer_tells_where_and_when_and_is_kept_by_nobody_else(here: Here) -> None:
    call = f"SERVICE <{here.elsewhere.at('/sparql')}> {{ ?e :born ?year FILTER(?year < 1901) }}"
    text = PREFIX + f"SELECT ?year {{ {call} }}"
    first, second = here.query(text), here.query(text)
    place = re.escape(here.elsewhere.at("/sparql"))
    pattern = rf"<{place}>; retrieved=(2\d{{3}}-\d\d-\d\dT\d\d:\d\d:\d\dZ); rows=1(; cached)?"
    found = [re.fullmatch(pattern, answer.headers["Claimgraph-Sources"]) for answer in (first, second)]
    assert found[0] is not None
    assert found[1] is not None
    assert [match[2] for match in found if match] == [None, "; cached"]
    assert found[0][1] == found[1][1]
    assert first.content == second.content
    for answer in (first, second):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
    assert here.asked == ["/sparql"]
    assert "Claimgraph-Sources" not in here.query("SELECT * { } # SERVICE").headers


def test_sources_are_told_one_by_one(here: Here) -> None:
    sparql, broken = here.elsewhere.at("/sparql"), here.elsewhere.at("/broken")
    answer = here.query(
        PREFIX + f"ASK {{ SERVICE <{sparql}> {{ ?e :born 1952 }} SERVICE SILENT <{broken}> {{ ?e :born ?year }} }}"
    )
    assert answer.json()["boolean"] is True
    one, other = answer.headers["Claimgraph-Sources"].split(", ")
    assert one.startswith(f"<{sparql}>; ") and one.endswith("rows=1")
    assert other.startswith(f"<{broken}>; ") and other.endswith("; failed")


def test_a_page_shows_the_answer_too(here: Here) -> None:
    text = JOIN.format("", here.elsewhere.at("/sparql"))
    answer = here.client.get("/sparql", params={"query": text}, headers={"Accept": "text/html"})
    assert "Vladimir Putin" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_silent_keeps_local_facts_when_the_other_server_fails(here: Here) -> None:
    text = JOIN.format(" SILENT", here.elsewhere.at("/broken"))
    assert {"label": "Vladimir Putin"} in here.rows(text)
    assert "status 503" in problem(here.query(text.replace(" SILENT", "")), 502)["detail"]


def test_a_call_in_a_call_is_made_from_here(here: Here) -> None:
    text = (
        PREFIX + "SELECT ?event {{ SERVICE <{}> {{ ?e :born ?year SERVICE <{}> {{ [] :of ?year ; :event ?event }} }} }}"
    )
    places = here.elsewhere.at("/sparql"), here.elsewhere.at("/other")
    assert here.rows(text.format(*places)) == [{"event": "a flood"}]
    assert here.asked == ["/other", "/sparql"]
    assert here.elsewhere.peer is not None
    sent = here.elsewhere.peer.asked[1].query
    assert "VALUES" in sent and "SERVICE" not in sent


def test_values_inside_are_sent_and_those_outside_are_not(here: Here) -> None:
    place = here.elsewhere.at("/sparql")
    text = (
        PREFIX
        + f"SELECT ?year {{ VALUES ?e {{ <{BASE}entity/putin> }} "
        + f"SERVICE <{place}> {{ VALUES ?year {{ 1952 }} ?e :born ?year }} }}"
    )
    assert here.rows(text) == [{"year": "1952"}]
    assert here.elsewhere.peer is not None
    (asked,) = here.elsewhere.peer.asked
    assert "1952" in asked.query
    assert "putin" not in asked.query


def test_blank_nodes_come_as_iris(here: Here) -> None:
    place = here.elsewhere.at("/sparql")
    text = (
        PREFIX + f"SELECT ?b ?c {{ SERVICE <{place}> {{ ?e :in ?b }} SERVICE <{place}> {{ ?e :in ?b . ?b :name ?c }} }}"
    )
    # Two answers: what has no name in common in them is not taken for the same.
    assert here.rows(text) == []
    (row,) = here.rows(PREFIX + f"SELECT ?b ?c {{ SERVICE <{place}> {{ ?e :in ?b . ?b :name ?c }} }}")
    assert row["b"].startswith(GENID)
    assert row["c"] == "Leningrad"


def test_documents_are_loaded_into_users_graphs(here: Here) -> None:
    for clause, graph in (("", f"{BASE}graph/default"), ("INTO GRAPH <urn:mine>", "urn:mine")):
        assert here.update(f"LOAD <{here.elsewhere.at('/d.ttl')}> {clause}").status_code == 204
        assert here.holds("<urn:s> <urn:p> 'loaded'")
        assert here.rows("SELECT ?g { GRAPH ?g { <urn:s> <urn:p> 'loaded' } }") == [{"g": graph}]
        assert here.update(f"DROP GRAPH <{graph}>").status_code == 204
        assert not here.holds("<urn:s> ?p ?o")
    assert here.asked == ["/d.ttl", "/d.ttl"]


def test_an_update_may_ask_elsewhere(here: Here) -> None:
    where = f"SERVICE <{here.elsewhere.at('/sparql')}> {{ ?e :born ?y }}"
    text = f"INSERT {{ GRAPH <urn:years> {{ ?e :year ?y }} }} WHERE {{ {where} }}"
    assert here.update(PREFIX + text).status_code == 204
    assert here.holds(f"GRAPH <urn:years> {{ <{BASE}entity/putin> <http://example.org/year> 1952 }}")
    assert here.update("DROP GRAPH <urn:years>").status_code == 204


# ---- limits


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/broken", "status 503"),
        ("/moved", "redirects"),
        ("/page", "text/html"),
        ("/xml", RESULTS),
        ("/nonsense", "not a result of SELECT"),
        ("/more-rows", f"more than {ROWS} solutions"),
        ("/bytes", f"more than {BYTES} bytes"),
        ("/slow", "in time"),
    ],
)
def test_an_answer_that_cannot_be_used(here: Here, path: str, words: str) -> None:
    text = f"SELECT * {{\n  SERVICE@ <{here.elsewhere.at(path)}> {{ ?x ?y ?z }} }}"
    begun = time.monotonic()
    found = problem(here.query(text.replace("@", "")), 502)
    assert words in found["detail"]
    assert (found["type"], found["line"], found["column"]) == ("/docs#unreachable", 2, 3)
    assert here.rows(text.replace("@", " SILENT")) == [{}]
    assert here.asked == [path] * 2
    assert time.monotonic() - begun < GUARD


def test_as_many_rows_as_may_be(here: Here) -> None:
    assert len(here.rows(f"SELECT * {{ SERVICE <{here.elsewhere.at('/rows')}> {{ ?x ?x ?x }} }}")) == ROWS


def test_a_peer_that_drips(tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 10_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    with saying(drip) as peer, alone(f"{peer.address}/", outgoing_seconds=0.5) as client:
        begun = time.monotonic()
        answer = client.get("/sparql", params={"query": f"SELECT * {{ SERVICE <{peer.address}/> {{ }} }}"})
        assert "in time" in problem(answer, 502)["detail"]
        assert time.monotonic() - begun < GUARD


def test_a_request_can_only_wait_for_less(here: Here) -> None:
    """The time that a query may take holds for what it asks elsewhere too."""
    with alone(here.elsewhere.at("/slow"), outgoing_seconds=GUARD * 3) as client:
        text = f"SELECT * {{ SERVICE <{here.elsewhere.at('/slow')}> {{ ?a ?b ?c }} }}"
        begun = time.monotonic()
        assert "in time" in problem(client.get("/sparql", params={"query": text, "timeout": "0.3"}), 502)["detail"]
        assert time.monotonic() - begun < GUARD


def test_too_many_calls_ask_nobody(here: Here) -> None:
    call = f"SERVICE <{here.elsewhere.at('/sparql')}> {{ ?a ?b ?c }} "
    assert f"limit is {CALLS}" in problem(here.query(f"ASK {{ {call * (CALLS + 1)} }}"), 413)["detail"]
    load = f"LOAD <{here.elsewhere.at('/d.ttl')}> ; "
    assert f"limit is {CALLS}" in problem(here.update(load * (CALLS + 1)), 413)["detail"]
    assert here.asked == []


def test_slow_peers_do_not_hold_up_the_server(here: Here, tmp_path: Path) -> None:
    """Only so many requests may wait for others at a time; one more is told to come back, all others are answered."""
    places = [here.elsewhere.at(path) for path in ("/slow", "/tardy")] * 4
    allowed = " ".join(places[:2])
    options = {"allow_service": allowed, "outgoing_seconds": 60}
    config = configured(token=TOKEN, data_dir=tmp_path, bare=True, readers=1, **options)
    app = create_app(KnowledgeGraph.open(config), config)
    statuses: list[int] = []
    with (
        serving_app(app, ConnectionLimits()) as address,
        httpx2.Client(base_url=f"http://127.0.0.1:{address[1]}") as client,
    ):

        def ask(pattern: str) -> Answer:
            return client.get("/sparql", params={"query": f"ASK {{ {pattern} }}"}, timeout=GUARD)

        def wait(number: int, place: str) -> None:
            statuses.append(ask(f"SERVICE <{place}> {{ ?a ?b {number} }}").status_code)

        waiting = [threading.Thread(target=wait, args=each) for each in enumerate(places)]
        for thread in waiting:
            thread.start()
        try:
            # The number of requests that arrived there shows that all threads wait, whatever the speed of the machine.
            wait_until(lambda: len(here.asked) == 8, "eight requests wait for the other server")
            refused = ask(f"SERVICE <{places[0]}> {{ ?a ?b 8 }}")
            assert problem(refused, 503)["type"] == "/docs#busy"
            assert refused.headers["Retry-After"] == "1"
            headers = {**AUTH, "Content-Type": "application/sparql-update"}
            update = client.post("/update", content="INSERT DATA { <urn:a> <urn:b> 1 }", headers=headers, timeout=GUARD)
            assert update.status_code == 204
            assert ask("<urn:a> <urn:b> 1 FILTER('SERVICE' != 'LOAD')").json()["boolean"] is True
            assert statuses == []
        finally:
            here.elsewhere.over.set()
            for thread in waiting:
                thread.join()
        assert statuses == [200] * 8
        assert ask(f"SERVICE <{places[0]}> {{ ?a ?b 9 }}").status_code == 200


def test_answers_are_asked_for_anew_where_none_are_kept(here: Here) -> None:
    place = here.elsewhere.at("/sparql")
    with alone(place, outgoing_cache_seconds=0) as client:
        for _ in range(2):
            answer = client.get("/sparql", params={"query": f"ASK {{ SERVICE <{place}> {{ ?a ?b ?c }} }}"})
            assert not answer.headers["Claimgraph-Sources"].endswith("cached")
    assert here.asked == ["/sparql"] * 2


@pytest.mark.parametrize("path", ["/page.ttl", "/large.ttl", "/moved.ttl", "/context.jsonld"])
def test_a_document_that_cannot_be_used(here: Here, path: str) -> None:
    update = f"INSERT DATA {{ <urn:never> <urn:p> 1 }} ;\nLOAD@ <{here.elsewhere.at(path)}> INTO GRAPH <urn:g>"
    if path == "/page.ttl":  # named as Turtle, and sent as something that is none
        here.elsewhere.answers["/page.ttl"] = lambda _: Reply(b"<html></html>", "text/html")
    found = problem(here.update(update.replace("@", "")), 502)
    assert (found["line"], found["column"]) == (2, 1)
    assert not here.holds("<urn:never> ?p ?o")
    assert here.update(f"LOAD SILENT <{here.elsewhere.at(path)}> INTO GRAPH <urn:g>").status_code == 204
    assert not here.holds("GRAPH <urn:g> { ?s ?p ?o }")
    assert here.asked == [path] * 2


# ---- the attacker's list: every one is refused, and nothing is sent


AROUND = ["FILTER EXISTS {{ {} }}", "OPTIONAL {{ {} }}", "{{ SELECT * {{ {} }} }}", "GRAPH ?g {{ {} }}", "{}"]


@pytest.fixture(params=AROUND)
def around(request: pytest.FixtureRequest) -> str:
    """A place in a query that can contain a SERVICE call."""
    found: str = request.param
    return found


LOOKALIKES = [
    "http://{host}:{port}/sparql2",
    "http://{host}:{port}/sparql/",
    "http://{host}:{port}/spar%6C%2f",
    "http://{host}:{port}/SPARQL",
    "http://{host}:{port}/x/../sparql",
    "http://{host}:{port}/./sparql",
    "http://{host}:{port}/%2e%2e/sparql",
    "http://{host}:{port}//sparql",
    "http://{host}:{port}/sparql?x",
    "http://{host}:{port}/sparql#x",
    "http://{host}/sparql",
    "https://{host}:{port}/sparql",
    "http://{host}.evil.example:{port}/sparql",
    "http://evil.example@{host}:{port}/sparql",
    "http://u:p@{host}:{port}/sparql",
    "http://{host}:{port}@evil.example/sparql",
    "http://2130706433:{port}/sparql",
    "http://0x7f.1:{port}/sparql",
    "http://0177.0.0.1:{port}/sparql",
    "http://127.1:{port}/sparql",
    "http://0:{port}/sparql",
    "http://0.0.0.0:{port}/sparql",
    "http://localhost:{port}/sparql",
    "http://localhost.:{port}/sparql",
    "http://[::1]:{port}/sparql",
    "http://[::ffff:127.0.0.1]:{port}/sparql",
    "http://[::ffff:7f00:1]:{port}/sparql",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "ftp://{host}:{port}/sparql",
    "data:text/turtle,%3Ca%3E",
]


@pytest.mark.parametrize("place", LOOKALIKES)
def test_no_address_but_the_listed_one(here: Here, place: str) -> None:
    port = here.elsewhere.at("").rpartition(":")[2]
    place = place.format(host="127.0.0.1", port=port)
    for silent in ("", "SILENT "):
        answer = here.query(f"SELECT * {{ SERVICE {silent}<{place}> {{ ?s ?p ?o }} }}")
        assert "KG_ALLOW_SERVICE" in problem(answer, 403)["remedy"]
        answer = here.update(f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE {silent}<{place}> {{ ?s ?p ?o }} }}")
        problem(answer, 403)
    problem(here.update(f"LOAD <{place}>"), 403)
    silent_load = here.update(f"LOAD SILENT <{place}> INTO GRAPH <urn:g>")
    # An address of another scheme can only fail, which SILENT hides: nothing is opened, nothing stored.
    assert silent_load.status_code == (403 if place.startswith("http") else 204)
    assert not here.holds("GRAPH <urn:g> { ?s ?p ?o }")
    assert here.asked == []


def test_a_foreign_endpoint_hides_nowhere(here: Here, around: str) -> None:
    allowed = f"SERVICE <{here.elsewhere.at('/sparql')}> {{ ?s ?p ?o }}"
    foreign = f"SERVICE <{here.elsewhere.at('/nowhere')}> {{ ?s ?p ?o }}"
    hidden = [
        around.format(foreign),
        f"{allowed} {around.format(foreign)}",
        allowed.replace("?o }", f"?o {around.format(foreign)} }}"),
        around.format(foreign.replace("SERVICE", "sErViCe\n#\n")),
        around.format(foreign.replace("SERVICE", "SERVICE SILENT")),
        around.format(foreign.replace(here.elsewhere.at("/nowhere"), here.elsewhere.at("/nowh\\u0065re"))),
        around.format("SERVICE ?where { ?s ?p ?o }"),
        f"VALUES ?where {{ <{here.elsewhere.at('/sparql')}> }} {around.format('SERVICE ?where { ?s ?p ?o }')}",
    ]
    for pattern in hidden:
        problem(here.query(f"SELECT * {{ ?s ?p ?o {pattern} }} LIMIT 1"), 403)
        problem(here.update(f"INSERT {{ <urn:a> <urn:b> ?o }} WHERE {{ ?s ?p ?o {pattern} }}"), 403)
    assert here.asked == []


def test_text_that_hides_a_call_is_refused(here: Here) -> None:
    allowed, foreign = here.elsewhere.at("/sparql"), here.elsewhere.at("/nowhere")
    for text, status in {
        f"SELECT * {{ \\u0053ERVICE <{foreign}> {{ ?s ?p ?o }} }}": 400,
        f"SELECT * {{ SERVICE <{allowed}> {{ ?s ?p 'x\\u0027 }} SERVICE <{foreign}> {{ ' }} }}": 200,
        f"PREFIX e: <{foreign}> SELECT * {{ SERVICEe: {{ ?s ?p ?o }} }}": 400,
        f"PREFIX e: <{foreign}> SELECT * {{ SERVICE SILENTe: {{ ?s ?p ?o }} }}": 403,
        f"PREFIX e: <{foreign}> SELECT * {{ SERVICE e: {{ ?s ?p ?o }} }}": 403,
        f"BASE <{foreign}> SELECT * {{ SERVICE <> {{ ?s ?p ?o }} }}": 403,
        f"SELECT * {{ SERVICE <{allowed}\\u003E\\u007B> {{ ?s ?p ?o }} }}": 400,
        f"SELECT * {{ SERVICE <{allowed}> {{ ?s ?p <a:\\u003E\\u007D> }} }}": 400,
        f"SELECT * {{ ?s ?p '#' . SERVICE <{foreign}> {{ ?s ?p ?o }} }}": 403,
        f"SELECT * {{ ?s ?p ?o FILTER(?s<?p&&?o>?p) SERVICE <{foreign}> {{ ?s ?p ?o }} }}": 403,
        f"SELECT * {{ ?s ?p ?o # \r SERVICE <{foreign}> {{ ?s ?p ?o }} \n }}": 403,
    }.items():
        answer = here.query(text)
        assert answer.status_code in (status, 400), (text, answer.text)
    assert set(here.asked) <= {"/sparql"}


def test_load_is_refused_wherever_it_stands(here: Here) -> None:
    good, bad = here.elsewhere.at("/d.ttl"), here.elsewhere.at("/e.ttl")
    managed = [f"{BASE}graph/article/seed", f"{BASE}graph/ontology", f"{BASE}graph/inferred/seed"]
    call = f"SERVICE <{here.elsewhere.at('/sparql')}> {{ ?s ?p ?o }}"
    updates = [
        f"LOAD <{bad}>",
        f"LOAD SILENT <{bad}>",
        f"LOAD <{good}> ; LOAD <{bad}>",
        f"LOAD <{good}>; LOAD SILENT <{bad}> INTO GRAPH <urn:g>",
        f"PREFIX e: <{bad}> LOAD e:",
        f"LOAD#\n<{bad}>",
        f"LOAD <{here.elsewhere.at('/sparql')}>",
        f"INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{good}> {{ ?s ?p ?o }} }}",
        *(f"LOAD <{good}> INTO GRAPH <{graph}>" for graph in managed),
        *(f"LOAD SILENT <{good}> INTO GRAPH <{graph}>" for graph in managed),
        *(f"LOAD SILENT <urn:x> INTO GRAPH <{graph}>" for graph in managed),
        f"LOAD <{good}> ; DROP ALL",
        f"INSERT {{ GRAPH <{managed[0]}> {{ ?s ?p ?o }} }} WHERE {{ {call} }}",
    ]
    for update in updates:
        problem(here.update(update), 403)
    assert here.update(f"\\u004COAD <{good}>").status_code == 400
    assert not here.holds("<urn:s> <urn:p> ?o")
    assert here.asked == []


def test_nobody_is_asked_for_who_may_not_write(here: Here, tmp_path: Path) -> None:
    place, document = here.elsewhere.at("/sparql"), here.elsewhere.at("/d.ttl")
    update = f"LOAD <{document}> ; INSERT {{ ?s ?p ?o }} WHERE {{ SERVICE <{place}> {{ ?s ?p ?o }} }}"
    assert here.update(update, {}).status_code == 401
    config = configured(token=TOKEN, data_dir=tmp_path, base_iri=BASE, allow_service=place, allow_load=document)
    tokens = TokenFile(tmp_path)
    for grant in (TokenGrant("read"), TokenGrant("write", ("urn:mine",))):
        token = tokens.create(f"a-{grant.scope}", grant)
        with TestClient(create_app(KnowledgeGraph.open(config, in_memory=True), config)) as client:
            headers = {"Content-Type": "application/sparql-update", "Authorization": f"Bearer {token}"}
            problem(client.post("/update", content=update, headers=headers), 403)
    assert here.asked == []


def test_from_names_graphs_and_fetches_nothing(here: Here, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ttl"
    secret.write_text(TRIPLE, "utf-8")
    for place in (here.elsewhere.at("/d.ttl"), here.elsewhere.at("/sparql"), secret.as_uri(), str(secret)):
        for clause in (f"FROM <{place}>", f"FROM NAMED <{place}>"):
            answer = here.query(f"SELECT * {clause} {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?g {{ ?s ?p ?o }} }} }}")
            assert answer.json()["results"]["bindings"] == []
        if ":" in place:
            for name in ("default-graph-uri", "named-graph-uri"):
                assert here.query("SELECT * { ?s ?p ?o }", **{name: place}).json()["results"]["bindings"] == []
        update = f"INSERT {{ <urn:got> ?p ?o }} USING <{place}> WHERE {{ ?s ?p ?o }}"
        assert here.update(update).status_code == 204
    assert not here.holds("<urn:got> ?p ?o")
    assert here.asked == []


RDF = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:"'
REFERRING = [
    ("application/ld+json", '{{"@context": "{0}", "@id": "urn:s", "urn:p": 1}}'),
    ("application/ld+json", '{{"@context": [{{}}, "{0}"], "@id": "urn:s", "urn:p": 1}}'),
    ("application/ld+json", '{{"@context": {{"@import": "{0}"}}, "@id": "urn:s", "urn:p": 1}}'),
    (
        "application/rdf+xml",
        f'<!DOCTYPE r SYSTEM "{{0}}"><r:RDF {RDF}><r:Bag u:p="&e;"/></r:RDF>',
    ),
    (
        "application/rdf+xml",
        f'<!DOCTYPE r [<!ENTITY e SYSTEM "{{0}}">]><r:RDF {RDF}><r:Bag u:p="&e;"/></r:RDF>',
    ),
    (
        "application/rdf+xml",
        f'<!DOCTYPE r [<!ENTITY % e SYSTEM "{{0}}"> %e;]><r:RDF {RDF}><r:Bag u:p="&x;"/></r:RDF>',
    ),
]


@pytest.mark.parametrize(("media_type", "content"), REFERRING)
def test_nothing_that_a_body_points_at_is_fetched(here: Here, tmp_path: Path, media_type: str, content: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret", "utf-8")
    headers = {**AUTH, "Content-Type": media_type}
    for place in (here.elsewhere.at("/d.ttl"), here.elsewhere.at("/c.jsonld"), secret.as_uri()):
        body = content.format(place)
        for method, path in (("PUT", "/graphs?graph=urn:g"), ("POST", "/graphs?graph=urn:g"), ("POST", "/validate")):
            answer = here.client.request(method, path, content=body, headers=headers)
            assert answer.status_code in (400, 413, 422), answer.text
            assert "the secret" not in answer.text
        assert here.client.put("/articles/x", content=body, headers=headers).status_code == 415
        files = {"file": ("data", body, media_type)}
        assert here.client.post("/graphs?graph=urn:g", files=files, headers=AUTH).status_code in (400, 413, 422)
    assert not here.holds("GRAPH <urn:g> { ?s ?p ?o }")
    assert here.asked == []


def test_a_claims_document_fetches_no_context(here: Here) -> None:
    place = here.elsewhere.at("/c.jsonld")
    for body in (
        {"@context": place},
        {"format": place},
        {"@context": place, "format": "https://w3id.org/claimgraph/claims/1"},
    ):
        for method, path in (("POST", "/articles"), ("PUT", "/articles/x"), ("POST", "/validate")):
            headers = {**AUTH, "Content-Type": "application/json"}
            answer = here.client.request(method, path, content=json.dumps(body), headers=headers)
            assert answer.status_code in (200, 422), answer.text
            assert path == "/validate" or answer.status_code == 422
    assert here.asked == []


def test_entities_that_grow_are_refused(here: Here) -> None:
    rows = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    body = f'<!DOCTYPE r [<!ENTITY e0 "ha">{rows}]><r:RDF {RDF}><r:Description r:about="urn:s" u:p="&e11;"/></r:RDF>'
    headers = {**AUTH, "Content-Type": "application/rdf+xml"}
    begun = time.monotonic()
    for method, path in (("PUT", "/graphs?graph=urn:g"), ("POST", "/graphs?graph=urn:g"), ("POST", "/validate")):
        assert "entities" in problem(here.client.request(method, path, content=body, headers=headers), 413)["detail"]
    assert time.monotonic() - begun < GUARD


def test_turtle_base_is_only_a_name(here: Here) -> None:
    imports = "<http://www.w3.org/2002/07/owl#imports>"
    body = f"@base <{here.elsewhere.at('/')}> . <> {imports} <d.ttl>, <file:///etc/passwd> ."
    headers = {**AUTH, "Content-Type": "text/turtle"}
    assert here.client.put("/graphs?graph=urn:g", content=body, headers=headers).status_code in (201, 204)
    assert here.client.post("/validate", content=body, headers=headers).status_code in (200, 422)
    assert here.holds(f"GRAPH <urn:g> {{ ?s ?p <{here.elsewhere.at('/d.ttl')}> }}")
    assert here.client.delete("/graphs?graph=urn:g", headers=AUTH).status_code in (200, 204)
    assert here.asked == []


# ---- names that lead inside


def alone(service: str, load: str = "", **options: Any) -> TestClient:
    """A separate application over an empty store in memory."""
    settings = configured(token=TOKEN, bare=True, base_iri=BASE, allow_service=service, allow_load=load, **options)
    return TestClient(create_app(KnowledgeGraph.open(settings, in_memory=True), settings))


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Scripted results of look-ups under ``.example``, and the recorded addresses of connections."""
    answers: dict[str, list[list[str]]] = {"connected": []}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *args, **options)
        return [(0, 0, 0, "", (address, port)) for address in answers[str(host)].pop(0)]

    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if not str(address[0]).startswith("127."):
            answers["connected"].append([address[0]])
            raise ConnectionRefusedError(111, "Connection refused")
        real_connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return answers


INSIDE = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "93.184.216.34 127.0.0.1"]


@pytest.mark.parametrize("addresses", [text.split() for text in INSIDE])
def test_a_name_that_leads_inside(here: Here, resolver: dict[str, list[list[str]]], addresses: list[str]) -> None:
    place = here.elsewhere.at("/sparql").replace("127.0.0.1", "inside.example")
    with alone(place, place) as client:
        for silent in ("", "SILENT "):
            resolver["inside.example"] = [addresses, addresses]
            text = f"SELECT * {{ SERVICE {silent}<{place}> {{ ?s ?p ?o }} }}"
            found = problem(client.get("/sparql", params={"query": text}), 403)
            assert not any(address in json.dumps(found) for address in addresses)
            headers = {**AUTH, "Content-Type": "application/sparql-update"}
            problem(client.post("/update", content=f"LOAD {silent}<{place}>", headers=headers), 403)
    assert resolver["connected"] == []
    assert here.asked == []


def test_a_name_that_changes_its_mind(here: Here, resolver: dict[str, list[list[str]]]) -> None:
    """It is looked up once, and what was checked is what is connected to."""
    place = here.elsewhere.at("/sparql").replace("127.0.0.1", "moving.example")
    resolver["moving.example"] = [["93.184.216.34"], ["127.0.0.1"]]
    with alone(place) as client:
        text = f"SELECT * {{ SERVICE <{place}> {{ ?s ?p ?o }} }}"
        assert "refused" in problem(client.get("/sparql", params={"query": text}), 502)["detail"]
        assert resolver["connected"] == [["93.184.216.34"]]
        assert resolver["moving.example"] == [["127.0.0.1"]]
        problem(client.get("/sparql", params={"query": text}), 403)
    assert here.asked == []


def test_closed_unless_the_operator_opens_it(here: Here) -> None:
    with alone("") as client:
        text = f"SELECT * {{ SERVICE SILENT <{here.elsewhere.at('/sparql')}> {{ ?s ?p ?o }} }}"
        assert "KG_ALLOW_SERVICE" in problem(client.get("/sparql", params={"query": text}), 403)["remedy"]
        headers = {**AUTH, "Content-Type": "application/sparql-update"}
        for update in (f"LOAD <{here.elsewhere.at('/d.ttl')}>", f"LOAD SILENT <{here.elsewhere.at('/d.ttl')}>"):
            answer = client.post("/update", content=update, headers=headers)
            assert "KG_ALLOW_LOAD" in problem(answer, 403)["remedy"]
    assert here.asked == []
