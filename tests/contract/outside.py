"""Contract with users of a running server: routes, header fields, metrics, fields of the log, files."""

from __future__ import annotations

import json
import re
import socket
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from tests.contract import adapters
from tests.contract.inside import run, without
from tests.processes import RUNAWAY, WRITER, Reply, Server, running, send, wait_until

_SETTINGS = {
    "KG_LOG": "json",
    "KG_MAX_BODY_BYTES": "65536",
    "KG_MAX_QUERIES_PER_CLIENT": "1",
    "KG_WEB_PROCESSES": "1",  # else each of them admits one query
    "KG_CORS_ORIGINS": "https://tool.example",
}
_LANES = re.compile(r"lane|lent")
_OWN = re.compile(r"^(Claims|Problem$)")
"""Schemas whose names are known outside; others are put in the place of their names."""

_SELECT = f"/sparql?query={quote('SELECT * { ?s ?p ?o } LIMIT 1')}"
BASE = "http://127.0.0.1:8000/"
"""Base of a store that was made by a command."""

_GRAPH = f"/graphs?graph={quote('https://desk.example/graph/notes', safe='')}"
_UPDATE = {"Content-Type": "application/sparql-update"}
_ORIGIN = {"Origin": "https://tool.example"}


def everything(folder: Path) -> dict[str, Any]:
    """Run a server over a new store, and return what it shows, by parts."""
    data = folder / "data"
    assert run(data, "init").returncode == 0
    reader = run(data, "token", "create", "reader").stdout.strip()
    (folder / "towns.csv").write_text("id,name,kind\n1,Kramatorsk,settlement\n", "utf-8")
    pack = ("--format", "csv", "--dataset", "geonames", "--name", "towns")
    assert run(data, "reference", "add", "towns.csv", *pack).returncode == 0
    with running(folder, **_SETTINGS) as server:
        found = {"headers": dict(headers(server, reader))}
        found["log"] = {"json": dict(_json_log(server))}
        found["addresses"] = addresses(server)
        found["metrics"] = dict(metrics(server))
        assert run(data, "backup", "kept.tar").returncode == 0
        found["files"] = files(data, folder / "kept.tar")
    text = folder / "text"
    text.mkdir()
    with running(text, "--bare", KG_LOG="text") as server:
        found["log"]["text"] = dict(_text_log(server))
    found["problems"] = dict(sorted(adapters.problem_types()))
    return found


# ---- addresses


def addresses(server: Server) -> Any:
    """Return the description of the HTTP surface without its texts."""
    whole = json.loads(server.ask("GET", "/openapi.json").body)
    schemas = whole["components"]["schemas"]
    plain = without({"paths": whole["paths"], "security": whole["components"]["securitySchemes"]}, *_TEXTS)
    plain["paths"] = {
        path: {method: _resolved(what, schemas) for method, what in methods.items()}
        for path, methods in plain["paths"].items()
    }
    named = {name: without(part, *_TEXTS) for name, part in sorted(schemas.items()) if _OWN.match(name)}
    return plain | {"schemas": named}


_TEXTS = ("description", "summary", "title", "operationId", "bearerFormat")


def _resolved(found: Any, schemas: Mapping[str, Any]) -> Any:
    if isinstance(found, list):
        return [_resolved(part, schemas) for part in found]
    if not isinstance(found, dict):
        return found
    name = str(found.get("$ref", "")).removeprefix("#/components/schemas/")
    if name in schemas and not _OWN.match(name):
        return _resolved(without(schemas[name], *_TEXTS), schemas)
    return {key: _resolved(part, schemas) for key, part in found.items() if key != "tags"}


# ---- header fields


def headers(server: Server, reader: str) -> Iterator[tuple[str, Any]]:
    """Return status and header fields of typical responses."""
    ask = _asking(server)
    page = {"Accept": "text/html"}
    holder = {"Authorization": f"Bearer {reader}"}
    yield "page", _told(ask("GET", "/", None, page))
    yield "page, HEAD", _told(ask("HEAD", "/", None, page))
    yield "page of an entity", _told(ask("GET", "/entity/putin", None, page))
    yield "page with a token", _told(ask("GET", "/entity/putin", None, page | holder))
    yield "entity as Turtle", _told(ask("GET", "/entity/putin", None, {"Accept": "text/turtle"}))
    yield "static file", _told(ask("GET", _static(ask("GET", "/", None, page))))
    yield "review page", _told(ask("GET", "/review", None, page))
    for name, media_type in (
        ("JSON", "application/sparql-results+json"),
        ("CSV", "text/csv"),
        ("XML", "application/sparql-results+xml"),
    ):
        yield f"query, {name}", _told(ask("GET", _SELECT, None, {"Accept": media_type}))
    yield "query by POST", _told(ask("POST", "/sparql", b"ASK { }", {"Content-Type": "application/sparql-query"}))
    yield "query with a token", _told(ask("GET", _SELECT, None, holder))
    yield "query of another origin", _told(ask("GET", _SELECT, None, _ORIGIN))
    number = ask("GET", _SELECT).headers["claimgraph-snapshot"]
    yield "query as of a snapshot", _told(ask("GET", f"{_SELECT}&asOf={number}"))
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    yield "preflight", _told(ask("OPTIONS", "/sparql", None, _ORIGIN | preflight))
    yield "article as JSON", _told(ask("GET", "/articles/seed"))
    yield "JSON Schema", _told(ask("GET", "/schema"))
    yield "graph is made", _told(ask("PUT", _GRAPH, b"<urn:a> <urn:b> 1 .", WRITER | {"Content-Type": "text/turtle"}))
    yield "graph as Turtle", _told(ask("GET", _GRAPH))
    yield "update", _told(ask("POST", "/update", b"INSERT DATA { <urn:a> <urn:b> 2 }", WRITER | _UPDATE))
    yield "health", _told(ask("GET", "/healthz"))
    yield "metrics", _told(ask("GET", "/metrics", None, WRITER))
    yield "manifest of reconciliation", _told(ask("GET", "/reconcile/0.2", None, _ORIGIN))
    for name, target, accept in (("page", "/", "text/html"), ("query", _SELECT, "text/csv")):
        tag = ask("GET", target, None, {"Accept": accept}).headers["etag"]
        unchanged = _told(ask("GET", target, None, {"Accept": accept, "If-None-Match": tag}))
        unchanged["headers"].pop("content-security-policy", None)  # the stored page has its own policy
        yield f"304 {name}", unchanged
    yield from _refusals(server, holder)


def _refusals(server: Server, holder: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    ask = _asking(server)
    managed = f"INSERT DATA {{ GRAPH <{BASE}graph/article/seed> {{ <urn:a> <urn:b> 1 }} }}".encode()
    yield "400", _told(ask("GET", "/sparql?query=SELECT"))
    yield "400 not HTTP", _told_raw(server, b"nonsense\r\n\r\n")
    yield "401", _told(ask("POST", "/update", b"CLEAR DEFAULT", _UPDATE))
    yield "401 unknown token", _told(ask("GET", _SELECT, None, {"Authorization": "Bearer kg_no"}))
    yield "403 scope", _told(ask("POST", "/update", b"CLEAR DEFAULT", {**holder, **_UPDATE}))
    yield "403 managed graph", _told(ask("POST", "/update", managed, WRITER | _UPDATE))
    yield "404 address", _told(ask("GET", "/nothing-here"))
    yield "404 entity", _told(ask("GET", "/entity/nobody", None, {"Accept": "text/html"}))
    yield "405", _told(ask("DELETE", "/sparql"))
    yield "406", _told(ask("GET", _SELECT, None, {"Accept": "image/png"}))
    yield "413", _told(ask("POST", "/update", b" " * 70_000, WRITER | _UPDATE))
    yield "414", _told(ask("GET", f"/sparql?query={'x' * 20_000}"))
    yield "415", _told(ask("POST", "/update", b"x", WRITER | {"Content-Type": "text/plain"}))
    yield "422", _told(ask("POST", "/articles", b"{}", WRITER | {"Content-Type": "application/json"}))
    yield "429", _too_many(server)


def _too_many(server: Server) -> dict[str, Any]:
    """Run a query while another, endless query of the same client is in progress."""
    connection = server.connect()
    found: list[Reply] = []
    try:
        connection.request("GET", f"/sparql?query={quote(RUNAWAY)}", headers={"Accept": "text/csv"})

        def refused() -> bool:
            found.append(server.query(f"SELECT * {{ <urn:{len(found)}> ?p ?o }}"))
            return found[-1].status == 429

        wait_until(refused, "a second query is refused")
    finally:
        connection.close()
    wait_until(lambda: server.query("SELECT * { <urn:x> ?p ?o }").status == 200, "the first query is ended")
    return _told(found[-1])


def _asking(server: Server) -> Callable[..., Reply]:
    """Return a client that keeps header fields which are sent more than once."""

    def ask(method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        connection = server.connect()
        try:
            connection.request(method, target, body, dict(headers or {}))
            answer = connection.getresponse()
            fields: dict[str, str] = {}
            for name, value in answer.getheaders():
                key = name.lower()
                fields[key] = f"{fields[key]}, {value}" if key in fields else value
            return Reply(answer.status, fields, answer.read())
        finally:
            connection.close()

    return ask


def _static(page: Reply) -> str:
    found = re.search(r'"[^"]*(/static/[^"]+\.css)"', page.body.decode())
    assert found, page.body
    return found[1]


_VARIES = (
    (re.compile(r"(?<=sha256-)[A-Za-z0-9+/=_-]+"), "…"),
    (re.compile(r"http://127\.0\.0\.1:\d+/"), "{base}"),
    (re.compile(r"(?<=claimgraph-)[0-9a-f]+"), "…"),
)
_UNTOLD = {"date", "etag", "content-length", "x-request-id", "last-modified", "claimgraph-snapshot"}
"""Fields of which only the name counts."""


def _told(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status, "headers": {k: _value(k, v) for k, v in sorted(reply.headers.items())}}


def _value(name: str, text: str) -> str:
    if name in _UNTOLD:
        return "…"
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return text


def _told_raw(server: Server, request: bytes) -> dict[str, Any]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    first, *lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines)
    return _told(Reply(int(first.split()[1]), fields, b""))


# ---- metrics and log


def metrics(server: Server) -> Iterator[tuple[str, Any]]:
    """Return name, type and labels of each metric; values of labels where they are few and known."""
    text = server.ask("GET", "/metrics", None, WRITER).body.decode()
    for family in text_string_to_metric_families(text):
        if _LANES.search(family.name):
            continue
        labels: dict[str, set[str]] = {}
        for sample in family.samples:
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
        known = ("class", "outcome", "reason", "state", "le")
        told = {name: sorted(values) if name in known else "…" for name, values in sorted(labels.items())}
        yield family.name, {"type": family.type, "labels": told}


_LOGGED: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("health", "/healthz", {}),
    ("query", f"/sparql?query={quote('SELECT * { ?logged ?p ?o } LIMIT 1')}", {}),
    ("query from the cache", f"/sparql?query={quote('SELECT * { ?logged ?p ?o } LIMIT 1')}", {}),
    ("metrics with a token", "/metrics", WRITER),
)


def _logged(server: Server) -> Iterator[tuple[str, str]]:
    """Send requests on one connection, each with an id of its own, and return the line of each."""
    connection = server.connect()
    for number, (_, target, fields) in enumerate(_LOGGED):
        send(connection, "GET", target, headers={**fields, "X-Request-Id": f"contract-{number}"})
    connection.close()

    def found(mark: str) -> list[str]:
        return [line for line in server.log.read_text("utf-8").splitlines() if mark in line]

    for number, (name, _, _) in enumerate(_LOGGED):
        mark = f"contract-{number}"
        wait_until(partial(found, mark), f"the line of {mark}")
        yield name, found(mark)[0]


def _json_log(server: Server) -> Iterator[tuple[str, Any]]:
    for name, line in _logged(server):
        yield name, {field: type(value).__name__ for field, value in json.loads(line).items()}


_TEXT = (
    (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
    (r"(?<=TIME )\d{3}(?= )", "STATUS"),
    (r" +[\d.]+ ms", " N ms"),
    (r" +\d+ B", " N B"),
    (r"(client|request|snapshot|query)=\S+", r"\1=…"),
)


def _text_log(server: Server) -> Iterator[tuple[str, str]]:
    for name, line in _logged(server):
        for pattern, instead in _TEXT:
            line = re.sub(pattern, instead, line)  # noqa: PLW2901
        yield name, line


# ---- files


def files(data: Path, backup: Path) -> dict[str, Any]:
    """Return the names in a data directory and in a backup, and the names in their descriptions."""
    with tarfile.open(backup) as packed:
        members = packed.getnames()
        content = packed.extractfile("manifest.json")
        assert content
        manifest = json.load(content)
    kept = {_pattern(path.relative_to(data).as_posix()) for path in data.rglob("*") if path.is_file()}
    modes = {name: f"{(data / name).stat().st_mode & 0o777:04o}" for name in (".", "claimgraph.json", "tokens.json")}
    return {
        "data": sorted(kept),
        "modes": modes,
        "claimgraph.json": sorted(json.loads((data / "claimgraph.json").read_text("utf-8"))),
        "tokens.json": _shape(json.loads((data / "tokens.json").read_text("utf-8"))),
        "backup": list(dict.fromkeys(map(_pattern, members))),
        "manifest.json": sorted(manifest),
        "manifest.json files": sorted(manifest["files"][0]),
        "manifest.json format": manifest["format"],
    }


def _pattern(name: str) -> str:
    name = re.sub(r"^snapshots/\d+/", "snapshots/N/", name)
    name = re.sub(r"(?<=^reference\.sqlite)-(shm|wal)$", "", name)  # SQLite creates and removes these
    return re.sub(r"^(store|snapshots/N)/(\d+\.(sst|log)|[A-Z]+(-\d+)?(\.old\.\d+)?)$", r"\1/{engine}", name)


def _shape(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _shape(part) for name, part in sorted(found.items())}
    return [_shape(part) for part in found[:1]] if isinstance(found, list) else "…"
