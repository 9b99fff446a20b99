"""Graph Store HTTP Protocol, in addition to the W3C suite."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

TTL = {"Content-Type": "text/turtle"}
NT = {"Accept": "application/n-triples"}
BASE = "http://127.0.0.1:8000/"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def at(graph: str) -> str:
    return f"/graphs?graph={quote(graph, safe='')}"


def lines(client: TestClient, path: str) -> list[str]:
    answer = client.get(path, headers=NT)
    assert answer.status_code == 200
    return sorted(answer.text.splitlines())


def part(content: str, *headers: str) -> str:
    return "--x\r\nContent-Disposition: form-data; " + "\r\n".join(headers) + f"\r\n\r\n{content}\r\n"


def test_put_creates_then_replaces(bare: TestClient, auth: dict[str, str]) -> None:
    first = bare.put(at("g:1"), content="<a:a> <a:b> 1, 2 .", headers=TTL | auth)
    second = bare.put(at("g:1"), content="<a:a> <a:b> 3 .", headers=TTL | auth)
    assert (first.status_code, second.status_code) == (201, 204)
    assert lines(bare, at("g:1")) == ['<a:a> <a:b> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .']


def test_post_adds(bare: TestClient, auth: dict[str, str]) -> None:
    for content, status in (("<a:a> <a:b> <a:c> .", 201), ("<a:a> <a:b> <a:d> .", 204), ("", 204)):
        assert bare.post(at("g:1"), content=content, headers=TTL | auth).status_code == status
    assert lines(bare, at("g:1")) == ["<a:a> <a:b> <a:c> .", "<a:a> <a:b> <a:d> ."]


def test_an_empty_graph_is_a_graph(bare: TestClient, auth: dict[str, str]) -> None:
    assert bare.put(at("g:1"), content="", headers=TTL | auth).status_code == 201
    assert bare.post(at("g:2"), content="", headers=TTL | auth).status_code == 201
    assert lines(bare, at("g:1")) == lines(bare, at("g:2")) == []


def test_delete(bare: TestClient, auth: dict[str, str]) -> None:
    bare.put(at("g:1"), content="<a:a> <a:b> 1 .", headers=TTL | auth)
    assert bare.delete(at("g:1"), headers=auth).status_code == 204
    assert bare.delete(at("g:1"), headers=auth).status_code == 404
    assert bare.get(at("g:1")).status_code == 404
    assert bare.head(at("g:1")).status_code == 404


def test_default_graph_of_a_bare_store(bare: TestClient, auth: dict[str, str]) -> None:
    assert bare.put("/graphs?default", content="<a:a> <a:b> <a:c> .", headers=TTL | auth).status_code == 204
    assert bare.post("/graphs?default=", content="<a:a> <a:b> <a:d> .", headers=TTL | auth).status_code == 204
    assert lines(bare, "/graphs?default") == ["<a:a> <a:b> <a:c> .", "<a:a> <a:b> <a:d> ."]
    assert bare.delete("/graphs?default", headers=auth).status_code == 204
    assert lines(bare, "/graphs?default") == []


def test_a_new_graph_gets_a_name_that_works_both_ways(bare: TestClient, auth: dict[str, str]) -> None:
    answer = bare.post("/graphs", content="<a:a> <a:b> <a:c> .", headers=TTL | auth)
    assert answer.status_code == 201
    location = answer.headers["Location"]
    assert location.startswith("http://testserver/graphs/")
    assert lines(bare, location) == lines(bare, at(location)) == ["<a:a> <a:b> <a:c> ."]


def test_direct_addresses_are_names_as_they_were_sent(bare: TestClient, auth: dict[str, str]) -> None:
    assert bare.put("/graphs/a%2Fb/ї", content="<a:a> <a:b> <> .", headers=TTL | auth).status_code == 201
    name = "http://testserver/graphs/a%2Fb/%D1%97"
    assert lines(bare, at(name)) == [f"<a:a> <a:b> <{name}> ."]
    assert bare.get("/graphs/a/b/ї").status_code == 404


def test_relative_iris_are_resolved_against_the_graph(bare: TestClient, auth: dict[str, str]) -> None:
    bare.put(at("http://x/dir/g"), content="<s> <#p> <> .", headers=TTL | auth)
    assert lines(bare, at("http://x/dir/g")) == ["<http://x/dir/s> <http://x/dir/g#p> <http://x/dir/g> ."]


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("text/turtle", "<a:a> <a:b> <a:c> ."),
        ("application/x-turtle", "<a:a> <a:b> <a:c> ."),
        ("application/n-triples", "<a:a> <a:b> <a:c> ."),
        ("text/plain", "<a:a> <a:b> <a:c> ."),
        ("text/n3", "<a:a> <a:b> <a:c> ."),
        ("application/trig", "<a:a> <a:b> <a:c> ."),
        ("application/n-quads", "<a:a> <a:b> <a:c> ."),
        ("application/ld+json", '{"@id": "a:a", "a:b": {"@id": "a:c"}}'),
        (
            "application/rdf+xml",
            '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description r:about="a:a">'
            '<b xmlns="a:" r:resource="a:c"/></r:Description></r:RDF>',
        ),
    ],
)
def test_formats_in(bare: TestClient, auth: dict[str, str], media_type: str, content: str) -> None:
    answer = bare.put(at("g:1"), content=content, headers={"Content-Type": media_type, **auth})
    assert answer.status_code == 201
    assert lines(bare, at("g:1")) == ["<a:a> <a:b> <a:c> ."]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "text/turtle; charset=utf-8"),
        ("application/rdf+xml, text/turtle;q=0.5", "application/rdf+xml"),
        ("application/ld+json", "application/ld+json"),
        ("application/trig", "application/trig"),
        ("application/n-quads", "application/n-quads"),
        ("application/n-triples", "application/n-triples"),
        ("text/html,*/*;q=0.8", "text/turtle; charset=utf-8"),
    ],
)
def test_formats_out(bare: TestClient, accept: str, media_type: str) -> None:
    answer = bare.get("/graphs?default", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)


def test_forms_are_read_part_by_part(bare: TestClient, auth: dict[str, str]) -> None:
    body = (
        part("<a:a> <a:b> <a:c> .", 'name="a"', "Content-Type: text/turtle; charset=utf-8")
        + part('{"@id": "a:a", "a:b": {"@id": "a:d"}}', 'name="b"; filename="b.jsonld"')
        + part("<a:a> <a:b> <a:e> .", 'name="c.nt"', "Content-Type: application/octet-stream")
        + "--x--\r\n"
    )
    assert bare.post(at("g:1"), content=body, headers=MULTIPART | auth).status_code == 201
    assert lines(bare, at("g:1")) == ["<a:a> <a:b> <a:c> .", "<a:a> <a:b> <a:d> .", "<a:a> <a:b> <a:e> ."]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part("<a:a> <a:b> <a:c> .", 'name="a"') + "--x--", 415),
        (part("<a:a> <a:b> <a:c> .", 'name="a.ttl"', "Content-Type: text/turtle; charset=utf-16") + "--x--", 415),
        (part("nonsense", 'name="a.ttl"') + "--x--", 400),
        (part("<a:a> <a:b> <a:c> .", 'name="a.ttl"') + part("nonsense", 'name="b.ttl"') + "--x--", 400),
        (part("<a:a> <a:b> <a:c> .", 'name="a.ttl"'), 400),
    ],
)
def test_a_form_with_a_bad_part_changes_nothing(bare: TestClient, auth: dict[str, str], body: str, status: int) -> None:
    assert bare.post(at("g:1"), content=body, headers=MULTIPART | auth).status_code == status
    assert bare.get(at("g:1")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/graphs", 400),
        ("GET", "/graphs/", 400),
        ("PUT", "/graphs", 400),
        ("DELETE", "/graphs", 400),
        ("GET", "/graphs?graph=g:1&graph=g:2", 400),
        ("GET", "/graphs?graph=g:1&default", 400),
        ("GET", "/graphs?default&default", 400),
        ("GET", "/graphs?graph=", 400),
        ("GET", "/graphs?graph=relative", 400),
        ("PUT", "/graphs?graph=g%3A%3E%7D", 400),
        ("PATCH", "/graphs?default", 405),
    ],
)
def test_requests_that_name_no_graph(
    bare: TestClient, auth: dict[str, str], method: str, path: str, status: int
) -> None:
    assert bare.request(method, path, content="", headers=TTL | auth).status_code == status


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, "<a:a> <a:b> <a:c> .", 415),
        ({"Content-Type": "image/png"}, "", 415),
        ({"Content-Type": "text/turtle; charset=koi8-u"}, "", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "--x--", 415),
        (TTL, "<a:a> <a:b>", 400),
        ({"Content-Type": "application/n-quads"}, "<a:a> <a:b> <a:c> <g:2> .", 400),
        ({"Content-Type": "application/ld+json"}, '{"@context": "http://127.0.0.1:9/", "a": 1}', 400),
    ],
)
def test_content_that_cannot_be_put(
    bare: TestClient, auth: dict[str, str], headers: dict[str, str], content: str, status: int
) -> None:
    assert bare.put(at("g:1"), content=content, headers=headers | auth).status_code == status
    assert bare.get(at("g:1")).status_code == 404


def test_blank_nodes_of_two_requests_do_not_meet(bare: TestClient, auth: dict[str, str]) -> None:
    for _ in range(2):
        bare.post(at("g:1"), content="_:b <a:p> <a:o> .", headers=TTL | auth)
    assert len(lines(bare, at("g:1"))) == 2


# ---- with managed graphs and a union default graph


@pytest.mark.parametrize("name", ["ontology", "reference", "article/seed", "article/new", "inferred/seed", "links/x"])
def test_managed_graphs_are_read_only(client: TestClient, auth: dict[str, str], name: str) -> None:
    graph = f"{BASE}graph/{name}"
    for method in ("PUT", "POST", "DELETE"):
        answer = client.request(method, at(graph), content="", headers=TTL | auth)
        assert answer.status_code == 403
        assert graph in answer.json()["detail"]
    known = name not in ("article/new", "links/x")
    assert client.get(at(graph)).status_code == (200 if known else 404)


def test_default_graph_of_a_full_store(own: TestClient, auth: dict[str, str]) -> None:
    everything = lines(own, "/graphs?default")
    assert len(everything) > 2000
    line = "<a:a> <a:b> <a:c> ."
    assert own.put("/graphs?default", content=line, headers=TTL | auth).status_code == 204
    assert lines(own, at(f"{BASE}graph/default")) == [line]
    assert lines(own, "/graphs?default") == sorted([*everything, line])
    assert own.post("/graphs?default", content="<a:a> <a:b> <a:d> .", headers=TTL | auth).status_code == 204
    assert len(lines(own, at(f"{BASE}graph/default"))) == 2
    assert own.delete("/graphs?default", headers=auth).status_code == 204
    assert own.delete("/graphs?default", headers=auth).status_code == 204
    assert lines(own, "/graphs?default") == everything


@pytest.mark.parametrize(
    ("content", "reason"),
    [("<a:a> <a:b> 0.0014285714285714286 .", "out of the range"), ('<a:a> <a:b> "\\u0000" .', "U+0000")],
)
def test_literals_that_the_store_cannot_hold(bare: TestClient, auth: dict[str, str], content: str, reason: str) -> None:
    update = {"Content-Type": "application/sparql-update"} | auth
    for answer in (
        bare.put(at("g:1"), content=content, headers=TTL | auth),
        bare.post("/graphs?default", content=content, headers=TTL | auth),
        bare.post("/update", content=f"INSERT DATA {{ {content} }}", headers=update),
    ):
        assert answer.status_code == 422
        assert reason in answer.json()["detail"] and answer.json()["remedy"]
    assert bare.get(at("g:1")).status_code == 404


@pytest.mark.parametrize("body", ["false", "null", "5", '"abc"', "[5]", '{"@graph": "x"}'])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_json_that_is_no_json_ld_empties_nothing(
    bare: TestClient, auth: dict[str, str], method: str, body: str
) -> None:
    bare.put(at("g:1"), content="<a:a> <a:b> <a:c> .", headers=TTL | auth)
    answer = bare.request(method, at("g:1"), content=body, headers={"Content-Type": "application/ld+json"} | auth)
    assert answer.status_code == 400
    assert "has no node" in answer.json()["detail"]
    form = part(body, 'name="a"; filename="a.jsonld"', "Content-Type: application/ld+json") + "--x--\r\n"
    assert bare.post(at("g:1"), content=form, headers=MULTIPART | auth).status_code == 400
    assert lines(bare, at("g:1")) == ["<a:a> <a:b> <a:c> ."]


def test_an_empty_body_is_no_rdf_xml(bare: TestClient, auth: dict[str, str]) -> None:
    bare.put(at("g:1"), content="<a:a> <a:b> <a:c> .", headers=TTL | auth)
    assert bare.put(at("g:1"), headers={"Content-Type": "application/rdf+xml"} | auth).status_code == 400
    assert lines(bare, at("g:1")) == ["<a:a> <a:b> <a:c> ."]
