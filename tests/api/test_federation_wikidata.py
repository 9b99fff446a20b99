"""Documented federated queries, run against a second real endpoint with a slice of Wikidata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

import ontology
from kg.knowledge_graph import KnowledgeGraph
from tests.cases import wikidata
from tests.configs import configured
from tests.docs import GUIDE, output
from tests.processes import WRITER, Reply, Server, running

pytestmark = pytest.mark.skipif(not wikidata.SLICES.is_dir(), reason="the slices of outside data are not there")

BASE = "http://127.0.0.1:8000/"
NAMED = "https://query.wikidata.org/sparql"
WIKIDATA = "http://www.wikidata.org/entity/"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A plain SPARQL store with the slice of Wikidata."""
    with running(tmp_path_factory.mktemp("wikidata"), "--bare") as server:
        headers = WRITER | {"Content-Type": "application/n-triples"}
        put = server.ask("PUT", "/graphs?default", wikidata.ntriples().encode(), headers)
        assert put.status in (200, 201, 204), put.body
        yield server


@pytest.fixture(scope="module")
def ours(endpoint: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server under test with the seed article and links; the host name of Wikidata resolves to the other server."""
    folder = tmp_path_factory.mktemp("ours")
    graph = KnowledgeGraph.open(configured(data_dir=folder / "data", base_iri=BASE))
    assert wikidata.link(graph) == 13
    del graph
    mapping = f"{NAMED}=http://127.0.0.1:{endpoint.port}/sparql"
    with running(folder, KG_ALLOW_SERVICE=mapping, KG_BASE_IRI=BASE) as server:
        yield server


def ask(server: Server, text: str) -> Reply:
    accept = {"Accept": "application/sparql-results+json"}
    return server.ask("GET", f"/sparql?query={quote(text)}", headers=accept)


def rows(reply: Reply) -> list[dict[str, str]]:
    assert reply.status == 200, reply.body
    found = json.loads(reply.body)["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in found]


def query(name: str) -> str:
    return ontology.read(f"federation/{name}.rq")


def test_offices_at_the_time(ours: Server) -> None:
    reply = ask(ours, query("offices"))
    found = rows(reply)
    assert {row["who"] for row in found} == {"Vladimir Putin"}
    assert {row["what"] for row in found} == {"Putin stopped answering Assad’s calls"}
    offices = {row["office"].removeprefix(WIKIDATA): row["since"] for row in found}
    assert offices["Q218295"] == "2012-05-07"  # President of Russia, and not for the first time
    assert "Q842386" not in offices  # Prime Minister, which he had been before
    assert reply.headers["claimgraph-sources"].startswith(f"<{NAMED}>; retrieved=")
    assert reply.headers["cache-control"] == "no-store"


def test_coordinates_of_places(ours: Server) -> None:
    found = rows(ask(ours, query("coordinates")))
    assert {row["place"] for row in found} == {"Sochi"}
    assert len(found) == 3
    point = re.fullmatch(r"Point\((\S+) (\S+)\)", found[0]["point"])
    assert point
    assert (round(float(point[1]), 2), round(float(point[2]), 2)) == (39.73, 43.59)


@pytest.mark.parametrize("name", ["offices", "coordinates"])
def test_the_records_that_a_query_names_are_those_that_are_linked(ours: Server, name: str) -> None:
    listed = [row["record"] for row in rows(ask(ours, query("records"))) if row["query"] == name]
    assert f"VALUES ?record {{ {' '.join(listed)} }}" in query(name)


def test_without_links_nothing_is_joined(endpoint: Server, tmp_path: Path) -> None:
    mapping = f"{NAMED}=http://127.0.0.1:{endpoint.port}/sparql"
    with running(tmp_path, KG_ALLOW_SERVICE=mapping) as server:
        assert rows(ask(server, query("offices"))) == []


def test_another_endpoint_is_refused_with_a_remedy(ours: Server) -> None:
    reply = ask(ours, query("offices").replace(NAMED, "https://elsewhere.example/sparql"))
    assert reply.status == 403
    assert "KG_ALLOW_SERVICE" in json.loads(reply.body)["remedy"]


@pytest.mark.parametrize("name", ["records", "offices", "coordinates"])
def test_the_guide_shows_query_and_answer(ours: Server, name: str) -> None:
    page = (GUIDE / "federation.md").read_text("utf-8")
    table = output(ask(ours, query(name)).body, BASE)
    assert f"<!-- ontology/federation/{name}.rq -->\n```sparql\n{query(name)}```\n" in page
    assert f"<!-- its answer -->\n```text\n{table}```\n" in page, table
