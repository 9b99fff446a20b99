"""Authorization over HTTP: permissions, and that hidden graphs look absent through every interface."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.authorization import Admin, Reading, Writing
from api.handler_services import AllServices, AppContext
from api.http import problem_details
from kg.access.api_tokens import TokenFile, TokenGrant
from kg.config import Config
from kg.knowledge_graph import KnowledgeGraph
from tests.configs import configured

pytestmark = pytest.mark.slow

TOKEN = "a token for tests"
BASE = "http://testserver/"

WRITES = [
    ("POST", "/update"),
    ("PUT", "/graphs?default"),
    ("POST", "/graphs"),
    ("DELETE", "/graphs?default"),
    ("PUT", "/graphs/a"),
    ("POST", "/graphs/a"),
    ("DELETE", "/graphs/a"),
    ("POST", "/articles"),
    ("PUT", "/articles/a"),
    ("DELETE", "/articles/seed"),
    ("POST", "/review/decisions"),
    ("POST", "/review/undo"),
]
READS = [
    "/",
    "/sparql",
    "/sparql?query=ASK%7B%7D",
    "/graphs?default",
    "/articles",
    "/articles/seed",
    "/article/seed",
    "/entity/putin",
    "/graph/ontology",
    "/describe?iri=http://testserver/article/seed",
    "/questions",
    "/questions/2",
    "/claims/seed/C22/why",
    "/why?subject=x&predicate=x&object=x",
    "/review",
]
OPEN = [
    "/docs",
    "/guide/",
    "/guide/queries",
    "/openapi.json",
    "/ontology",
    "/shapes",
    "/schema",
    "/context.jsonld",
    "/static/style.css",
]

Answer = httpx2.Response


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def served(config: Config, *documents: dict[str, Any]) -> TestClient:
    graph = KnowledgeGraph.open(config, in_memory=True)
    for document in documents:
        graph.articles.add(json.dumps(document).encode())
    # As it is, since the compressed length depends on the order of what it holds; see `unordered`.
    return TestClient(create_app(graph, config), headers={"Accept-Encoding": "identity"})


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return configured(token=TOKEN, data_dir=tmp_path, base_iri=BASE)


# ---- writing


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer ", "Basic YTo=", "a token for tests"])
def test_without_a_token(client: TestClient, method: str, path: str, value: str | None) -> None:
    answer = client.request(method, path, headers={} if value is None else {"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="claimgraph"'
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("token", ["wrong", "a token for test", "a token for tests2", "kg_a_b", "\u0457".encode()])
def test_with_a_wrong_token(client: TestClient, method: str, path: str, token: str | bytes) -> None:
    value = b"Bearer " + (token if isinstance(token, bytes) else token.encode())
    answer = client.request(method, path, headers={b"Authorization": value})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/update", "/sparql"])
@pytest.mark.parametrize("user", ["", "anybody", "їжак", TOKEN])
def test_basic_credentials_with_the_token_as_the_password(bare: TestClient, path: str, user: str) -> None:
    headers = {"Authorization": basic(user, TOKEN), "Content-Type": "application/sparql-update"}
    assert bare.post(path, content="INSERT DATA { <a:a> <a:b> 1 }", headers=headers).status_code == 204
    assert bare.get("/sparql", params={"query": "ASK { <a:a> ?p 1 }"}, headers=headers).json()["boolean"]


def test_basic_credentials_are_taken_but_never_asked_for(client: TestClient) -> None:
    for method, path in (*WRITES, ("GET", "/sparql?query=ASK%7B%7D")):
        answer = client.request(method, path, headers={"Authorization": basic(TOKEN, "wrong")})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="claimgraph", error="invalid_token"'


@pytest.mark.parametrize("text", ["CLEAR ALL", "INSERT DATA {", "\xff" * 3, "LOAD <http://127.0.0.1:9/>", "{" * 2000])
def test_a_missing_token_is_told_before_an_update_is_parsed(bare: TestClient, text: str) -> None:
    direct = {"Content-Type": "application/sparql-update"}
    for path in ("/update", "/sparql"):
        for answer in (
            bare.post(path, content=text.encode("latin-1"), headers=direct),
            bare.post(path, data={"update": text}),
            bare.post(path, data={"update": text, "using-graph-uri": "relative"}),
        ):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="claimgraph"'


def test_the_scheme_is_read_in_any_case(bare: TestClient) -> None:
    headers = {"Authorization": "bearer a token for tests", "Content-Type": "application/sparql-update"}
    assert bare.post("/update", content="CLEAR ALL", headers=headers).status_code == 204


def test_two_headers_are_no_token(bare: TestClient) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")]
    assert bare.delete("/graphs?default", headers=headers).status_code == 401


def test_the_body_is_not_read_without_the_token(bare: TestClient) -> None:
    for path in ("/update", "/sparql"):
        answer = bare.post(path, content=b"#" * 20_000, headers={"Content-Type": "application/sparql-update"})
        assert answer.status_code == 401


def test_without_any_token_a_server_takes_no_writes(tmp_path: Path) -> None:
    client = served(configured(token=None, bare=True, data_dir=tmp_path))
    for headers in ({}, bearer("None"), bearer("")):
        assert client.delete("/graphs?default", headers=headers).status_code == 401
    assert "kg token create" in client.delete("/graphs?default").json()["remedy"]


@pytest.mark.parametrize("name", ["access_token", "token", "Authorization", "bearer_token", "api_key"])
def test_a_token_in_the_address_or_a_form_is_none(bare: TestClient, name: str) -> None:
    update = {"update": "CLEAR ALL"}
    assert bare.post(f"/update?{name}={quote(TOKEN)}", data=update).status_code == 401
    assert bare.post("/update", data=update | {name: TOKEN}).status_code == 401
    assert bare.post("/update", data=update, headers={"Cookie": f"{name}={TOKEN}"}).status_code == 401
    assert bare.post(f"/update?{name}={quote('Bearer ' + TOKEN)}", data=update).status_code == 401


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_scopes(settings: Config, file: TokenFile, scope: Any) -> None:
    client, headers = served(settings), bearer(file.create("a", TokenGrant(scope)))
    assert client.get("/articles", headers=headers).status_code == 200
    for method, path in WRITES:
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code == 403) == (scope == "read"), path
        if scope == "read":
            challenge = 'Bearer realm="claimgraph", error="insufficient_scope", scope="write"'
            assert answer.headers["WWW-Authenticate"] == challenge
            assert answer.json()["type"] == "/docs#insufficient-scope"


def test_administration_and_principals(settings: Config, file: TokenFile) -> None:
    app = FastAPI()
    problem_details.install(app)
    app.state.services = served(settings).app.state.services  # type: ignore[attr-defined]

    @app.get("/admin", dependencies=[Admin])
    def admin() -> str:
        return "done"

    @app.get("/read")
    def read(shared: Reading) -> str:
        return "done"

    @app.get("/write")
    def write(shared: Writing) -> bool:
        return isinstance(shared, AppContext) and not isinstance(shared, AllServices)

    client = TestClient(app)
    tokens = {name: bearer(file.create(name, TokenGrant(name))) for name in ("read", "write", "admin")}
    tokens["limited"] = bearer(file.create("limited", TokenGrant("admin", ("http://e/g",))))
    tokens["nobody"] = {}
    for path, may in {
        "/admin": {"admin": 200, "nobody": 401},
        "/write": {"write": 200, "admin": 200, "limited": 200, "nobody": 401},
        "/read": dict.fromkeys(tokens, 200),
    }.items():
        for name, headers in tokens.items():
            assert client.get(path, headers=headers).status_code == may.get(name, 403), (path, name)


# ---- reading


def test_reading_is_open(client: TestClient) -> None:
    for path in ("/", "/sparql?query=ASK%7B%7D", "/graphs?default", "/articles", "/questions", "/docs"):
        assert client.get(path).status_code == 200
    checked = client.post("/validate", content=b"{}", headers={"Content-Type": "application/json"})
    assert checked.status_code == 200


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer", "Basic YTpi"])
def test_a_wrong_token_does_not_make_a_reader_anonymous(client: TestClient, path: str, value: str) -> None:
    answer = client.get(path, headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="claimgraph"')


@pytest.mark.parametrize("public", ["none"])
def test_reading_may_need_a_token(settings: Config, file: TokenFile, public: str) -> None:
    client = served(settings.with_options(public_graphs=public))
    token = file.create("a", TokenGrant())
    for path in READS:
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="claimgraph"'
        assert client.get(f"{path}{'&' if '?' in path else '?'}access_token={token}").status_code == 401
        assert client.get(path, headers=bearer(token)).status_code in (200, 404, 422)
        assert client.head(path).status_code == 401
    for path in ("/sparql", "/validate"):
        assert client.post(path, content=b"{}", headers={"Content-Type": "application/json"}).status_code == 401
    for path in OPEN:
        assert client.get(path).status_code == 200, path


def test_a_setting_that_names_no_graph(settings: Config) -> None:
    with pytest.raises(Exception, match="is neither the IRI of a graph"):
        served(settings.with_options(public_graphs="all"))


# ---- while the server runs


def kg(home: Path, *arguments: str) -> str:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(home)}
    command = [sys.executable, "-c", "from kg.cli.main import main; main()", "token", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_commands_hold_at_once_while_the_store_is_open(settings: Config, tmp_path: Path) -> None:
    graph = KnowledgeGraph.open(settings.with_options(bare=True))
    client = TestClient(create_app(graph, settings.with_options(bare=True)))

    def status(token: str) -> int:
        return client.delete("/graphs?default", headers=bearer(token)).status_code

    old = kg(tmp_path, "create", "a", "--scope", "write")
    assert status(old) == 204
    new = kg(tmp_path, "rotate", "a", "--grace", "1h")
    assert (status(old), status(new)) == (204, 204)
    newest = kg(tmp_path, "rotate", "a", "--grace", "0")
    assert (status(old), status(new), status(newest)) == (204, 401, 204)
    kg(tmp_path, "revoke", "a")
    assert (status(old), status(newest)) == (401, 401)


def test_a_damaged_file_of_tokens(settings: Config, file: TokenFile) -> None:
    client = served(settings)
    token = file.create("a", TokenGrant())
    assert client.get("/articles", headers=bearer(token)).status_code == 200
    file.path.write_text("{", "utf-8")
    assert client.get("/articles", headers=bearer(token)).status_code == 200
    assert served(settings).get("/articles", headers=bearer(token)).status_code == 401
    file.path.unlink()
    assert client.get("/articles", headers=bearer(token)).status_code == 401
    expired = file.create("b", TokenGrant(lifetime=timedelta()))
    assert client.get("/articles", headers=bearer(expired)).status_code == 401


# ---- what is hidden

SECRET = "http://e/secret"


def _sparql(text: str, **parameters: str) -> str:
    rest = "".join(f"&{name.replace('_', '-')}={quote(value, safe='')}" for name, value in parameters.items())
    return f"/sparql?query={quote(text, safe='')}{rest}"


def _graph(iri: str) -> str:
    return f"/graphs?graph={quote(iri, safe='')}"


CLAIM, PERSON = f"{BASE}article/win/W1", f"{BASE}entity/olena"
TURTLE, JSON = {"Accept": "text/turtle"}, {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
EVERYTHING = "SELECT * { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
_NAMED = {"default_graph_uri": SECRET, "named_graph_uri": f"{BASE}graph/article/win"}
SURFACES: list[tuple[str, dict[str, str]]] = [
    ("/", {}),
    ("/articles", {}),
    ("/articles", HTML),
    ("/articles/win", {}),
    ("/articles/win", TURTLE),
    ("/article/win", HTML),
    ("/article/win", TURTLE),
    ("/article/win/W1", HTML),
    ("/article/win/char=0,5", TURTLE),
    ("/entity/olena", HTML),
    ("/entity/olena", TURTLE),
    ("/entity/shared", HTML),
    ("/entity/shared", TURTLE),
    ("/graph/article/win", HTML),
    ("/graph/article/win", TURTLE),
    ("/graph/inferred/win", TURTLE),
    (f"/describe?iri={quote(SECRET)}", HTML),
    (f"/describe?iri={quote(SECRET)}", TURTLE),
    (f"/describe?iri={quote(CLAIM)}", TURTLE),
    ("/describe?iri=urn:s", HTML),
    ("/describe?iri=urn:a", TURTLE),
    ("/claims/win/W1/why", {}),
    ("/claims/W1/why", {}),
    (f"/claims/{quote(CLAIM, safe='')}/why", {}),
    (f"/why?subject={quote(CLAIM)}&predicate=rdf:type&object=cg:Claim", {}),
    (f"/why?subject={quote(PERSON)}&predicate=rdf:type&object=cg:Agent", {}),
    (_graph(SECRET), {}),
    (_graph(f"{BASE}graph/article/win"), {}),
    (_graph(f"{BASE}graph/inferred/win"), {}),
    ("/graphs?default", {"Accept": "application/n-triples"}),
    ("/graphs/hidden", {}),
    ("/sparql", TURTLE),
    ("/questions/34", {}),
    ("/questions/30", {"Accept": "text/csv"}),
    ("/questions/34", HTML),
    (_sparql(EVERYTHING), {}),
    (_sparql(EVERYTHING, **_NAMED), {}),
    (_sparql(EVERYTHING, default_graph_uri=SECRET), {}),
    (_sparql(EVERYTHING, named_graph_uri=SECRET), HTML),
    (_sparql(f"SELECT * FROM <{SECRET}> {{ ?s ?p ?o }}"), {}),
    (_sparql(f"SELECT * FROM NAMED <{SECRET}> {{ GRAPH ?g {{ ?s ?p ?o }} }}"), {}),
    (_sparql(f"SELECT * {{ GRAPH <{SECRET}> {{ ?s ?p ?o }} }}"), {}),
    (_sparql("SELECT * { GRAPH ?g {} }"), {}),
    (_sparql("SELECT * { <urn:a> <urn:p>+ ?o }"), {}),
    (_sparql("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"), {}),
    (_sparql("SELECT * { { SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g } }"), {}),
    (_sparql("ASK { ?s ?p 'SECRET' }"), {}),
    (_sparql(f"ASK {{ GRAPH <{SECRET}> {{}} }}"), {}),
    (_sparql("ASK { FILTER EXISTS { GRAPH ?g { ?s ?p 'SECRET' } } }"), {}),
    (_sparql("DESCRIBE <urn:s>"), {}),
    (_sparql("CONSTRUCT WHERE { ?s ?p ?o }"), {"Accept": "application/n-triples"}),
]


@pytest.fixture(scope="module")
def hidden() -> dict[str, Any]:
    """An article hidden from a limited caller, which names an entity of another article."""
    text = "Олена перемогла."
    said = {"originatesIn": "pub", "reportedIn": "pub", "attributionMode": "outletVoice"}
    how = {"expression": "stated", "certainty": "certain"}
    work = {"extractedBy": "by hand", "extractionConfidence": 1, "reviewStatus": "unreviewed"}
    label = {"en": "SECRET win", "uk": "SECRET"}
    return {
        "format": "https://w3id.org/claimgraph/claims/1",
        "article": {"id": "win", "label": label, "language": "uk", "text": text},
        "segments": [{"id": "S1", "section": "headline", "start": 0, "end": len(text)}],
        "entities": [
            {"id": "shared", "type": "Outlet", "label": {"en": "a SECRET paper"}},
            {"id": "olena", "type": "Person", "label": label, "mentions": [{"exact": "Олена"}]},
        ],
        "situations": [
            {"id": "pub", "type": "Publication", "modality": "actual", "label": label, "reporter": ["shared"]},
            {"id": "win", "type": "Event", "modality": "actual", "label": label, "actor": ["olena"]},
        ],
        "claims": [{"id": "W1", "affirms": "win", "quotes": [{"exact": "Олена перемогла"}], **said, **how, **work}],
    }


class Pair:
    """A server with hidden graphs and one without, and the callers of both."""

    def __init__(self, directory: Path, hidden: dict[str, Any]) -> None:
        seen = deepcopy(hidden)
        seen["article"]["id"] = "seen"
        for part in (seen["article"], *seen["entities"], *seen["situations"]):
            part["label"] = dict.fromkeys(part["label"], "known")
        seen["entities"] = [row for row in seen["entities"] if row["id"] != "olena"]
        seen["situations"][1].pop("actor")
        graphs = (f"{BASE}graph/article/seen", "http://e/open*")
        settings = configured(token=TOKEN, data_dir=directory, base_iri=BASE, public_graphs=" ".join(graphs))
        self.limited = bearer(TokenFile(directory).create("limited", TokenGrant("write", graphs)))
        self.whole = served(settings, seen, hidden)
        self.lacking = served(settings, seen)
        for client, triples in ((self.whole, True), (self.lacking, False)):
            store = client.app.state.services.graph.store  # type: ignore[attr-defined]
            store.update("INSERT DATA { GRAPH <http://e/open1> { <urn:a> <urn:p> <urn:b> } }")
            if triples:
                more = "<urn:a> <urn:p> <urn:s>, <urn:b> . <urn:s> <urn:q> 'SECRET' ; <urn:p> <urn:t>"
                store.update(f"INSERT DATA {{ GRAPH <{SECRET}> {{ {more} }} }}")
                store.update(f"INSERT DATA {{ GRAPH <{BASE}graphs/hidden> {{ <urn:s> <urn:q> 'SECRET' }} }}")

    def answers(self, ask: Callable[[TestClient], Answer]) -> tuple[Answer, Answer]:
        return ask(self.whole), ask(self.lacking)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, hidden: dict[str, Any]) -> Pair:
    return Pair(tmp_path_factory.mktemp("tokens"), hidden)


_OWN = ("etag", "claimgraph-snapshot", "x-request-id")
"""Headers that tell one dataset, state or request from every other."""


def headers_of(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in _OWN}


def same(one: Answer, other: Answer) -> bool:
    alike = (one.status_code, headers_of(one)) == (other.status_code, headers_of(other))
    return alike and unordered(one) == unordered(other)


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def unordered(answer: Answer) -> object:
    """Return the content without the order of its parts, which in a memory store depends on the order of writes."""
    if "json" not in answer.headers.get("content-type", ""):
        return sorted(re.split(rb"[\n;,] *", answer.content.strip()))
    return sort(json.loads(_UUID.sub("", answer.text)))  # the name of a graph that would have been made


def sort(value: object) -> object:
    if isinstance(value, dict):
        return {name: sort(part) for name, part in value.items()}
    if isinstance(value, list):
        return sorted((sort(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True))
    return value


@pytest.mark.parametrize(("path", "headers"), SURFACES)
def test_what_is_hidden_is_as_if_it_were_not_there(pair: Pair, path: str, headers: dict[str, str]) -> None:
    for caller in (pair.limited, {}):
        with_it, without = pair.answers(lambda client, who=caller: client.get(path, headers=headers | who))  # type: ignore[misc]
        assert same(with_it, without)
        assert with_it.status_code in (200, 404)
        if "SECRET" not in path and "secret" not in path:
            assert "secret" not in with_it.text.lower()


@pytest.mark.parametrize(("path", "headers"), SURFACES)
def test_others_see_it_there(pair: Pair, path: str, headers: dict[str, str]) -> None:
    """Otherwise the test above would say nothing."""
    headers = headers | bearer(TOKEN)
    with_it, without = pair.answers(lambda client: client.get(path, headers=headers))
    assert with_it.status_code in (200, 409)
    assert (with_it.status_code, with_it.content) != (without.status_code, without.content)


@pytest.mark.parametrize("path", ["/articles/{}", "/article/{}", "/claims/{}/W1/why", "/graph/article/{}"])
def test_hidden_and_missing_things_are_missing_in_the_same_words(pair: Pair, path: str) -> None:
    one, other = (pair.whole.get(path.format(name), headers=pair.limited) for name in ("win", "not"))
    assert one.status_code == other.status_code == 404
    assert one.text.replace("win", "not") == other.text
    assert headers_of(one) == headers_of(other) | {"content-length": one.headers["content-length"]}


def test_what_is_visible_is_seen(pair: Pair) -> None:
    for caller in (pair.limited, {}):
        assert [row["id"] for row in pair.whole.get("/articles", headers=caller).json()] == ["seen"]
        assert pair.whole.get("/articles/seen", headers=caller).status_code == 200
        assert pair.whole.get("/graph/inferred/seen", headers=caller | TURTLE).status_code == 200
        assert "urn:b" in pair.whole.get(_graph("http://e/open1"), headers=caller).text
        for name in ("ontology", "reference"):
            assert pair.whole.get(_graph(f"{BASE}graph/{name}"), headers=caller).status_code == 200
        found = pair.whole.get(_sparql("SELECT ?o { <urn:a> <urn:p>+ ?o }"), headers=caller).json()
        assert [row["o"]["value"] for row in found["results"]["bindings"]] == ["urn:b"]


def test_posted_queries_and_checks(pair: Pair, hidden: dict[str, Any]) -> None:
    def query(client: TestClient) -> Answer:
        headers = pair.limited | {"Content-Type": "application/sparql-query"}
        return client.post("/sparql", content=EVERYTHING, headers=headers)

    def form(client: TestClient) -> Answer:
        return client.post("/sparql", data={"query": EVERYTHING, "default-graph-uri": SECRET}, headers=pair.limited)

    changed = deepcopy(hidden)
    changed["article"]["id"] = "third"
    changed["entities"][1]["label"] = {"en": "Somebody else", "uk": "Хтось інший"}

    def check(client: TestClient, who: dict[str, str] = pair.limited) -> Answer:
        return client.post("/validate", content=json.dumps(changed), headers=who | {"Content-Type": "application/json"})

    for ask in (query, form, check):
        one, other = pair.answers(ask)
        assert one.status_code == 200
        assert same(one, other)
    assert "olena" in check(pair.whole, bearer(TOKEN)).text
    assert "olena" not in check(pair.whole).text


# ---- writes of limited tokens


NEW = b"<urn:x> <urn:p> <urn:y> ."


def _update(text: str) -> dict[str, Any]:
    return {"content": text.encode(), "headers": {"Content-Type": "application/sparql-update"}}


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", _graph(SECRET), {}),
    ("POST", _graph(SECRET), {}),
    ("DELETE", "/graphs?default", {}),
    ("PUT", "/graphs?default", {}),
    ("PUT", _graph("http://e/not-there"), {}),
    ("POST", "/graphs", {}),
    ("PUT", "/graphs/hidden", {}),
    ("PUT", _graph(f"{BASE}graph/article/seen"), {}),
    ("PUT", _graph(f"{BASE}graph/ontology"), {}),
    ("POST", "/update", _update("INSERT DATA { GRAPH <http://e/open2> { <urn:a> <urn:p> 'x' } }")),
    (
        "POST",
        "/update",
        _update(f"INSERT {{ GRAPH <http://e/open2> {{ ?s ?p ?o }} }} WHERE {{ GRAPH <{SECRET}> {{ ?s ?p ?o }} }}"),
    ),
    ("POST", "/update", _update(f"COPY <{SECRET}> TO <http://e/open2>")),
    ("POST", "/sparql", _update("INSERT DATA { GRAPH <http://e/open2> { <urn:a> <urn:p> 'x' } }")),
]


@pytest.mark.parametrize(("method", "path", "more"), REFUSED)
def test_limited_tokens_cannot_write_elsewhere(pair: Pair, method: str, path: str, more: dict[str, Any]) -> None:
    headers = pair.limited | more.get("headers", {"Content-Type": "text/turtle"})
    before = pair.whole.get(
        _sparql("SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"), headers=bearer(TOKEN)
    )
    ask: Callable[[TestClient], Answer] = lambda client: client.request(  # noqa: E731
        method, path, content=more.get("content", NEW), headers=headers
    )
    one, other = pair.answers(ask)
    assert one.status_code == 403
    assert same(one, other)
    after = pair.whole.get(
        _sparql("SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"), headers=bearer(TOKEN)
    )
    assert before.json() == after.json()


def test_limited_tokens_cannot_delete_what_they_do_not_see(pair: Pair) -> None:
    for path in (_graph(f"{BASE}graphs/hidden"), _graph("http://e/secret"), "/graphs/hidden", "/articles/win"):
        one, other = pair.answers(lambda client, at=path: client.delete(at, headers=pair.limited))  # type: ignore[misc]
        assert one.status_code in (403, 404)
        assert same(one, other)
    assert pair.whole.get("/articles/win", headers=bearer(TOKEN)).status_code == 200
    assert pair.whole.get(_graph(SECRET), headers=bearer(TOKEN)).status_code == 200


def test_limited_tokens_cannot_store_articles_elsewhere(pair: Pair, hidden: dict[str, Any]) -> None:
    for path in ("/articles", "/articles/win"):
        answer = pair.whole.post if path == "/articles" else pair.whole.put
        headers = pair.limited | {"Content-Type": "application/json"}
        found = answer(path, content=json.dumps(hidden), headers=headers)
        assert found.status_code == 403
        assert "insufficient_scope" in found.headers["WWW-Authenticate"]


def test_limited_tokens_write_their_own_graphs(settings: Config, file: TokenFile, hidden: dict[str, Any]) -> None:
    graphs = (f"{BASE}graph/article/win", "http://e/open*", f"{BASE}graph/default", f"{BASE}graphs/*")
    client, headers = served(settings), bearer(file.create("a", TokenGrant("write", graphs)))
    turtle = headers | {"Content-Type": "text/turtle"}
    assert client.put(_graph("http://e/open9"), content=NEW, headers=turtle).status_code == 201
    assert client.post(_graph("http://e/open9"), content=NEW, headers=turtle).status_code == 204
    assert client.put("/graphs?default", content=NEW, headers=turtle).status_code == 204
    made = client.post("/graphs", content=NEW, headers=turtle)
    assert made.status_code == 201
    assert client.get(made.headers["Location"], headers=headers).status_code == 200
    assert client.delete(_graph("http://e/open9"), headers=headers).status_code == 204
    sent = client.put(
        "/articles/win", content=json.dumps(hidden), headers=headers | {"Content-Type": "application/json"}
    )
    assert sent.status_code == 201
    assert client.get("/articles/seed", headers=headers).status_code == 404
    assert client.delete("/articles/win", headers=headers).status_code == 204
    assert client.delete("/articles/seed", headers=headers).status_code == 404
    assert client.get("/articles/seed").status_code == 200
