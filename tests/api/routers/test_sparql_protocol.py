"""SPARQL 1.1 Protocol, in addition to the W3C suite."""

from __future__ import annotations

import csv
import json
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

SELECT = 'SELECT ?a ?b { VALUES (?a ?b) { (<http://x/ї> "ї"@uk) } }'
ASK = "ASK {}"
GRAPH = 'CONSTRUCT { <http://x/s> <http://x/p> "ї" } {}'

JSON = "application/sparql-results+json"
XML = "application/sparql-results+xml"
CSV = "text/csv; charset=utf-8"
TSV = "text/tab-separated-values; charset=utf-8"
HTML = "text/html; charset=utf-8"
DATE_TIME = "http://www.w3.org/2001/XMLSchema#dateTime"
TTL = "text/turtle; charset=utf-8"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

# query, Accept, format, media type of the answer (None: 406)
NEGOTIATED: list[tuple[str, str | None, str | None, str | None]] = [
    (SELECT, None, None, JSON),
    (SELECT, "*/*", None, JSON),
    (SELECT, "application/sparql-results+xml", None, XML),
    (SELECT, "application/json", None, "application/json"),
    (SELECT, "text/csv", None, CSV),
    (SELECT, "text/tab-separated-values, */*;q=0.1", None, TSV),
    (SELECT, "text/csv;q=0.3, application/sparql-results+xml;q=0.4", None, XML),
    (SELECT, "text/*", None, CSV),
    (SELECT, BROWSER, None, HTML),
    (SELECT, "text/turtle", None, None),
    (SELECT, "image/png", None, None),
    (SELECT, "image/png", "csv", CSV),
    (SELECT, "image/png", "csv-spreadsheet", CSV),
    (SELECT, None, "json", JSON),
    (SELECT, BROWSER, "xml", XML),
    (SELECT, BROWSER, "tsv", TSV),
    (SELECT, None, "html", HTML),
    (SELECT, None, "ttl", JSON),  # format names a kind of RDF: results are left to Accept
    (ASK, None, None, JSON),
    (ASK, "application/sparql-results+xml", None, XML),
    (ASK, "application/json", None, "application/json"),
    (SELECT, "application/xml", None, "application/xml"),
    (SELECT, "application/xml;q=0.9, application/sparql-results+xml;q=0.8", None, "application/xml"),
    (SELECT, "application/*", None, JSON),
    (ASK, "application/xml", None, "application/xml"),
    (ASK, "text/csv", None, JSON),  # for CSV and TSV no form of ASK is defined
    (ASK, "text/tab-separated-values", None, JSON),
    (ASK, "text/csv, application/sparql-results+json;q=0", None, None),
    (ASK, "text/turtle", None, None),
    (ASK, "text/csv, application/sparql-results+xml;q=0.1", None, XML),
    (ASK, None, "csv", JSON),
    (ASK, None, "xml", XML),
    (ASK, BROWSER, None, HTML),
    (GRAPH, None, None, TTL),
    (GRAPH, "application/n-triples", None, "application/n-triples"),
    (GRAPH, "application/ld+json", None, "application/ld+json"),
    (GRAPH, "application/rdf+xml", None, "application/rdf+xml"),
    (GRAPH, "application/trig", None, "application/trig"),
    (GRAPH, "application/n-quads", None, "application/n-quads"),
    (GRAPH, "application/sparql-results+json, text/turtle;q=0.9", None, TTL),
    (GRAPH, "application/sparql-results+json", None, "application/ld+json"),
    (GRAPH, "application/json", None, "application/ld+json"),
    (GRAPH, "application/sparql-results+xml", None, "application/rdf+xml"),
    (GRAPH, "application/xml", None, "application/rdf+xml"),
    (GRAPH, "text/csv", None, TTL),
    (GRAPH, "text/csv;q=0.2, application/sparql-results+xml;q=0.3", None, "application/rdf+xml"),
    (GRAPH, "application/sparql-results+json, application/ld+json;q=0", None, None),
    (GRAPH, "application/sparql-results+json, */*;q=0", None, None),
    (GRAPH, "image/png", None, None),
    (GRAPH, "text/n3", None, TTL),
    (GRAPH, "application/turtle", None, TTL),
    (GRAPH, "application/x-json+ld", None, "application/ld+json"),
    (GRAPH, BROWSER, None, HTML),
    (GRAPH, BROWSER, "ttl", TTL),
    (GRAPH, None, "nt", "application/n-triples"),
    (GRAPH, None, "jsonld", "application/ld+json"),
    (GRAPH, None, "json", "application/ld+json"),
    (GRAPH, None, "rdf", "application/rdf+xml"),
    (GRAPH, None, "xml", "application/rdf+xml"),
    (GRAPH, None, "trig", "application/trig"),
    (GRAPH, None, "nq", "application/n-quads"),
    (GRAPH, None, "turtle", TTL),
    (GRAPH, None, "Turtle", TTL),
    (GRAPH, None, "n3", TTL),
    (GRAPH, None, "text/n3", TTL),
    (GRAPH, None, "JSON-LD", "application/ld+json"),
    (GRAPH, None, "rdf+xml", "application/rdf+xml"),
    (GRAPH, None, "Application/RDF+XML", "application/rdf+xml"),
    (GRAPH, None, "application/rdf xml", "application/rdf+xml"),  # a plus sign that was not percent-encoded
    (GRAPH, None, "application/ld+json,application/x-json+ld", "application/ld+json"),
    (GRAPH, "text/turtle", "application/sparql-results+json", TTL),  # not usable for a graph: left to Accept
    (GRAPH, "text/turtle", "nothing known", TTL),
    (SELECT, None, "CSV", CSV),
    (SELECT, "text/csv", "yaml", CSV),
    (SELECT, "text/csv", "x" * 1000, CSV),
    (SELECT, None, "text/tab-separated-values", TSV),
    (SELECT, None, "application/sparql-results+xml", XML),
    (SELECT, None, "text/turtle", JSON),
    (ASK, None, "text/csv", JSON),
]


@pytest.mark.parametrize(("query", "accept", "short", "expected"), NEGOTIATED)
def test_formats(bare: TestClient, query: str, accept: str | None, short: str | None, expected: str | None) -> None:
    parameters = {"query": query, **({"format": short} if short else {})}
    answer = bare.get("/sparql", params=parameters, headers={"Accept": accept} if accept else {"Accept": "*/*"})
    assert answer.status_code == (200 if expected else 406)
    assert answer.headers["Content-Type"] == (expected or "application/problem+json")
    if expected:
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert "ї" in answer.text or "true" in answer.text or "\\u0457" in answer.text


@pytest.mark.parametrize("name", ["yaml", "image/png", "*/*", "x" * 1000])
def test_an_unknown_format_is_refused_with_the_list_if_nothing_else_names_one(bare: TestClient, name: str) -> None:
    answer = bare.get("/sparql", params={"query": ASK, "format": name})
    assert answer.status_code == 400
    assert "jsonld" in answer.json()["remedy"]
    assert bare.get("/sparql", params={"query": ASK, "output": name, "results": name}).status_code == 200


@pytest.mark.parametrize(
    ("query", "parameters", "expected"),
    [
        (SELECT, "format=tsv&format=text/tab-separated-values", TSV),
        (SELECT, "format=ttl&format=csv&format=xml", CSV),
        (SELECT, "format=yaml&format=csv", CSV),
        (SELECT, "output=csv", CSV),
        (SELECT, "results=xml&output=csv&format=tsv", TSV),
        (GRAPH, "format=csv&format=nt&format=ttl", "application/n-triples"),
        (ASK, "format=csv&format=xml", XML),
        (SELECT, "&".join(["format=ttl"] * 500), JSON),
    ],
)
def test_the_first_usable_of_several_formats(bare: TestClient, query: str, parameters: str, expected: str) -> None:
    get = bare.get(f"/sparql?{urlencode({'query': query})}&{parameters}")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    form = bare.post("/sparql", content=f"{urlencode({'query': query})}&{parameters}", headers=headers)
    headers = {"Content-Type": "application/sparql-query"}
    direct = bare.post(f"/sparql?{parameters}", content=query.encode(), headers=headers)
    for answer in (get, form, direct):
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, expected)


def test_three_ways_to_ask(bare: TestClient) -> None:
    direct = bare.post("/sparql", content=SELECT, headers={"Content-Type": "application/sparql-query"})
    expected = [{"a": {"type": "uri", "value": "http://x/ї"}, "b": {"type": "literal", "value": "ї", "xml:lang": "uk"}}]
    for answer in (bare.get("/sparql", params={"query": SELECT}), bare.post("/sparql", data={"query": SELECT}), direct):
        assert answer.json()["results"]["bindings"] == expected


def test_head_is_get_without_a_body(bare: TestClient) -> None:
    for path in ("/sparql", f"/sparql?{urlencode({'query': SELECT})}", "/", "/docs", "/openapi.json"):
        head, get = bare.head(path), bare.get(path)
        assert (head.status_code, head.content) == (200, b"")
        numbered = {"x-request-id"}
        assert {k: v for k, v in head.headers.items() if k not in numbered} == {
            k: v for k, v in get.headers.items() if k not in numbered
        }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("query=ASK%7B%7D&query=ASK%7B%7D", 400),
        ("query=ASK%7B%7D&update=CLEAR+ALL", 400),
        ("update=CLEAR+ALL", 400),
        ("query=", 400),
        ("query=ASK%7B%7D&default-graph-uri=relative", 400),
        ("query=ASK%7B%7D&named-graph-uri=http%3A%2F%2Fa+b", 400),
        ("query=ASK%7B%7D&unknown=1&unknown=2", 200),
        ("query=ASK+%7B+%3Chttp%3A%2F%2Fx%3E+%3Fp+1+%7D%00", 400),
    ],
)
def test_parameters(bare: TestClient, query: str, status: int) -> None:
    assert bare.get(f"/sparql?{query}").status_code == status


def test_the_query_may_not_come_twice_in_two_places(bare: TestClient) -> None:
    assert bare.post("/sparql?query=ASK%7B%7D", data={"query": ASK}).status_code == 400
    headers = {"Content-Type": "application/sparql-query"}
    assert bare.post("/sparql?query=ASK%7B%7D", content=ASK, headers=headers).status_code == 400
    assert bare.post("/sparql", data={"nothing": "x"}).status_code == 400


def test_an_empty_body_is_not_replaced_by_the_url(bare: TestClient, auth: dict[str, str]) -> None:
    for kind, path, text in (
        ("query", "/sparql", "ASK {}"),
        ("update", "/update", "CLEAR ALL"),
        ("update", "/sparql", "CLEAR ALL"),
    ):
        headers = {**auth, "Content-Type": f"application/sparql-{kind}"}
        assert bare.post(path, params={kind: text}, content=b"", headers=headers).status_code == 400
        assert bare.post(path, content=b"", headers=headers).status_code == 400


def test_relative_iris_are_resolved_against_the_address(bare: TestClient) -> None:
    found = bare.get("/sparql", params={"query": "SELECT (<x> AS ?a) (<#y> AS ?b) {}"}).json()["results"]["bindings"][0]
    assert found["a"]["value"] == "http://testserver/x"
    assert found["b"]["value"] == "http://testserver/sparql#y"


def test_a_host_that_is_none_does_no_harm(bare: TestClient) -> None:
    for host in ("a b", "<x>", '"', "x/../y", "x?y", "[::1"):
        assert bare.get("/sparql", params={"query": ASK}, headers={"Host": host}).status_code in (200, 400)


def test_dataset(bare: TestClient, auth: dict[str, str]) -> None:
    text = "INSERT DATA { GRAPH <g:1> { <a:a> <a:b> 1 } GRAPH <g:2> { <a:a> <a:b> 2 } <a:a> <a:b> 3 }"
    assert bare.post("/update", data={"update": text}, headers=auth).status_code == 204

    def ask(query: str, **dataset: str | list[str]) -> list[str]:
        parameters = {"query": query, **{name.replace("_", "-"): value for name, value in dataset.items()}}
        answer = bare.get("/sparql", params=parameters, headers={"Accept": "text/csv"})
        return sorted(row[0] for row in list(csv.reader(answer.text.splitlines()))[1:])

    default = "SELECT ?o { ?s ?p ?o }"
    assert ask(default) == ["3"]
    assert ask(default, default_graph_uri="g:1") == ["1"]
    assert ask(default, default_graph_uri=["g:1", "g:2"]) == ["1", "2"]
    assert ask(default, named_graph_uri="g:1") == []
    named = "SELECT ?o { GRAPH ?g { ?s ?p ?o } }"
    assert ask(named) == ["1", "2"]
    assert ask(named, named_graph_uri="g:2") == ["2"]
    assert ask(named, default_graph_uri="g:2") == []
    assert ask("SELECT ?o FROM <g:1> { ?s ?p ?o }", default_graph_uri="g:2") == ["2"]


def test_updates(bare: TestClient, auth: dict[str, str]) -> None:
    direct = {"Content-Type": "application/sparql-update", **auth}
    done = bare.post("/update", content="INSERT DATA { <a:a> <a:b> <x> }", headers=direct)
    assert (done.status_code, done.content) == (204, b"")
    assert bare.get("/graphs?default", headers={"Accept": "application/n-triples"}).text == (
        "<a:a> <a:b> <http://testserver/x> .\n"
    )
    using = {"update": "INSERT { <a:c> <a:b> ?o } WHERE { ?s ?p ?o }", "using-graph-uri": "g:none"}
    assert bare.post("/update", data=using, headers=auth).status_code == 204
    assert not bare.get("/sparql", params={"query": "ASK { <a:c> ?p ?o }"}).json()["boolean"]


def test_updates_at_the_address_of_queries(bare: TestClient, auth: dict[str, str]) -> None:
    direct = {"Content-Type": "application/sparql-update", **auth}
    done = bare.post("/sparql", content="INSERT DATA { <a:a> <a:b> <x> }", headers=direct)
    assert (done.status_code, done.content) == (204, b"")
    form = {"update": "INSERT { <a:c> <a:b> ?o } WHERE { ?s ?p ?o }", "using-graph-uri": ["g:none"]}
    assert bare.post("/sparql", data=form, headers=auth).status_code == 204
    found = bare.get("/graphs?default", headers={"Accept": "application/n-triples"}).text
    assert found == "<a:a> <a:b> <http://testserver/x> .\n"


def test_an_update_is_only_sent_by_post(bare: TestClient, auth: dict[str, str]) -> None:
    answer = bare.get("/sparql", params={"update": "CLEAR ALL"}, headers=auth)
    assert (answer.status_code, answer.json()["remedy"]) == (400, "Send it by POST.")


@pytest.mark.parametrize("path", ["/update", "/sparql"])
@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"update": "CLEAR ALL", "query": ASK}, 400),
        ({"update": ""}, 400),
        ({"update": "CLEAR"}, 400),
        ({"update": "INSERT DATA {"}, 400),
        ({"update": "DELETE { ?s ?p ?o } USING <g:a> WHERE { ?s ?p ?o }", "using-graph-uri": "g:b"}, 400),
        ({"update": "LOAD <http://127.0.0.1:9/>"}, 403),
        ({"update": "INSERT { ?s ?p ?o } WHERE { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"}, 403),
        ({"update": "CLEAR DEFAULT", "using-graph-uri": "relative"}, 400),
    ],
)
def test_refused_updates(
    bare: TestClient, auth: dict[str, str], path: str, content: dict[str, str], status: int
) -> None:
    assert bare.post(path, data=content, headers=auth).status_code == status


def test_the_address_of_updates_takes_no_queries(bare: TestClient, auth: dict[str, str]) -> None:
    answer = bare.post("/update", data={"query": ASK}, headers=auth)
    assert (answer.status_code, answer.json()["remedy"]) == (400, "Send it to /sparql, in a request of its own.")
    direct = {**auth, "Content-Type": "application/sparql-update"}
    for path in ("/update", "/sparql"):
        assert bare.post(f"{path}?query=ASK%7B%7D", content="CLEAR ALL", headers=direct).status_code == 400


def test_updates_that_fail_are_no_fault_of_the_server(bare: TestClient, auth: dict[str, str]) -> None:
    for text in ("CREATE GRAPH <g:1> ; CREATE GRAPH <g:1>", "DROP GRAPH <g:none>"):
        answer = bare.post("/update", data={"update": text}, headers=auth)
        assert 400 <= answer.status_code < 500, text
        assert "g:" in answer.json()["detail"]
    assert bare.get("/graphs?graph=g:1").status_code == 404


def test_service_is_refused(bare: TestClient) -> None:
    answer = bare.get("/sparql", params={"query": "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"})
    assert answer.status_code == 403
    assert answer.json()["line"] == 1


def test_nesting_has_a_limit(bare: TestClient) -> None:
    answer = bare.post("/sparql", data={"query": "ASK " + "{" * 2000 + "}" * 2000})
    assert answer.status_code == 413


def test_managed_graphs_cannot_be_updated(own: TestClient, auth: dict[str, str]) -> None:
    before = own.get("/graphs?default", headers={"Accept": "application/n-quads"}).text
    graph = "http://127.0.0.1:8000/graph/article/seed"
    for path in ("/update", "/sparql"):
        answer = own.post(path, data={"update": f"CLEAR GRAPH <{graph}>"}, headers=auth)
        assert answer.status_code == 403
    assert own.get("/graphs?default", headers={"Accept": "application/n-quads"}).text == before


# ---- for people


def test_a_browser_gets_a_form_and_a_table(bare: TestClient) -> None:
    form = bare.get("/sparql", headers={"Accept": BROWSER}).text
    assert '<form action="/sparql" method="get">' in form
    assert '<textarea id="query" name="query"' in form
    page = bare.get("/sparql", params={"query": SELECT}, headers={"Accept": BROWSER}).text
    assert '<td><a href="http://x/ї"' in page
    assert '<span lang="uk">ї</span>' in page
    assert "1 row." in page


def test_what_is_shown_is_escaped_and_only_web_addresses_are_linked(bare: TestClient) -> None:
    query = 'SELECT ?a ?b { VALUES (?a ?b) { (<javascript:alert(1)> "<script>alert(1)</script>") } }'
    answer = bare.get("/sparql", params={"query": query, "format": "html"})
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text
    assert "script" not in answer.headers["Content-Security-Policy"]


def test_long_tables_are_cut(bare: TestClient) -> None:
    numbers = " ".join(str(n) for n in range(1500))
    page = bare.post("/sparql", data={"query": f"SELECT ?n {{ VALUES ?n {{ {numbers} }} }}", "format": "html"}).text
    assert "1500 rows; the first 1000 are shown" in page
    assert page.count("<tr>") == 1001


def test_triple_terms_are_shown(bare: TestClient) -> None:
    query = "SELECT (<<( <a:a> <a:b> <a:c> )>> AS ?t) {}"
    page = bare.get("/sparql", params={"query": query, "format": "html"})
    assert page.status_code == 200
    assert "a:c" in page.text


def test_results_are_json(bare: TestClient) -> None:
    assert json.loads(bare.get("/sparql", params={"query": ASK}).content) == {"head": {}, "boolean": True}


def test_csv_for_spreadsheets_holds_no_formula(client: TestClient) -> None:
    """Plain CSV is for programs, which want the values themselves."""
    query = "SELECT ?a ?b { VALUES (?a ?b) { ('=1+1' -5) (\"@x, y\" 'ї') } }"
    for form, expected in (
        ("csv", [["=1+1", "-5"], ["@x, y", "ї"]]),
        ("csv-spreadsheet", [["'=1+1", "-5"], ["'@x, y", "ї"]]),
    ):
        for answer in (
            client.get("/sparql", params={"query": query, "format": form}),
            client.post("/sparql", data={"query": query, "format": form}),
        ):
            assert answer.headers["Content-Type"] == CSV
            assert list(csv.reader(answer.text.splitlines()))[1:] == expected


@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv", "html"])
def test_columns_are_in_the_order_of_appearance(bare: TestClient, form: str) -> None:
    """So that the columns of a table are where its author put them."""
    text = "SELECT * { VALUES ?zebra { 1 } BIND(2 AS ?monkey) { SELECT (3 AS ?yak) (4 AS ?ape) {} } }"
    body = bare.get("/sparql", params={"query": text, "format": form}).text.rpartition("<table")[2]
    places = [body.index(name) for name in ("zebra", "monkey", "yak", "ape")]
    assert places == sorted(places)


def test_values_of_any_types_are_ordered(bare: TestClient, auth: dict[str, str]) -> None:
    """The engine itself would end the reader, and in the update the writer."""
    days = " ".join(f"'2025-01-0{n % 9 + 1}T0{n % 7}:00:00{'Z' * (n % 2)}'^^<{DATE_TIME}>" for n in range(100))
    select = f"SELECT ?v {{ VALUES ?v {{ {days} {' '.join(map(str, range(100)))} }} }} ORDER BY ?v"
    answer = bare.post("/sparql", data={"query": select}, headers={"Accept": "text/csv"})
    values = answer.text.split()[1:]
    assert answer.status_code == 200
    assert values == [*map(str, range(100)), *sorted(values[100:], key=lambda day: (day[:19], day[19:]))]
    text = f"INSERT {{ <urn:s> <urn:least> ?v }} WHERE {{ {{ {select} LIMIT 1 }} }}"
    assert bare.post("/update", data={"update": text}, headers=auth).status_code == 204
    assert bare.get("/sparql", params={"query": "ASK { <urn:s> <urn:least> 0 }"}).json()["boolean"]
