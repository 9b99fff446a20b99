"""Vocabulary, shapes, context and JSON Schema over HTTP."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

import ontology
from kg.document.document_model import json_schema
from kg.rdf import oxigraph


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/ontology", "claimgraph.ttl"),
        ("/ontology/alignments", "alignments.ttl"),
        ("/ontology/codes", "codes.ttl"),
        ("/ontology/crosswalk", "crosswalk.ttl"),
        ("/ontology/reference", "reference.ttl"),
        ("/shapes", "shapes.ttl"),
    ],
)
def test_data(client: TestClient, path: str, file: str) -> None:
    turtle = client.get(path)
    assert turtle.headers["Content-Type"] == "text/turtle; charset=utf-8"
    assert turtle.text == ontology.read(file)
    whole = len(list(oxigraph.parse(turtle.content, "text/turtle", "http://127.0.0.1:8000/")))
    for media_type in ("application/n-triples", "application/ld+json", "application/rdf+xml"):
        answer = client.get(path, headers={"Accept": media_type})
        assert answer.headers["Content-Type"] == media_type
        assert len(list(oxigraph.parse(answer.content, media_type))) == whole
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406


def test_context(client: TestClient) -> None:
    answer = client.get("/context.jsonld")
    assert answer.headers["Content-Type"] == "application/ld+json"
    assert "@context" in answer.json()


def test_schema(client: TestClient) -> None:
    answer = client.get("/schema")
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.json() == json.loads(json.dumps(json_schema()))
