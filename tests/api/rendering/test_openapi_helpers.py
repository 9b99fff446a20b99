"""OpenAPI document: complete and consistent."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.http.problem_details import MEDIA_TYPE


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, row) for path, methods in document["paths"].items() for method, row in methods.items()]


def test_every_operation_is_explained(document: dict[str, Any]) -> None:
    assert len(operations(document)) >= 30
    for path, method, row in operations(document):
        where = f"{method} {path}"
        assert row["summary"], where
        assert len(row["description"]) > 20, where
        assert row["tags"], where
        assert any(status.startswith("2") for status in row["responses"]), where
        for parameter in row.get("parameters", []):
            if parameter["in"] == "query":
                assert parameter["description"], where
        if method in ("put", "post"):
            assert row["requestBody"]["content"], where


def test_ids_are_unique(document: dict[str, Any]) -> None:
    found = [row["operationId"] for _, _, row in operations(document)]
    assert len(found) == len(set(found))


def test_every_path_parameter_is_described(document: dict[str, Any]) -> None:
    for path, method, row in operations(document):
        wanted = {piece.split("}")[0] for piece in path.split("{")[1:]}
        given = {parameter["name"] for parameter in row.get("parameters", []) if parameter["in"] == "path"}
        assert given == wanted, f"{method} {path}"


def test_every_problem_is_a_problem_document(document: dict[str, Any]) -> None:
    for path, method, row in operations(document):
        for status, answer in row["responses"].items():
            if status.startswith(("4", "5")) or status == "default":
                assert list(answer["content"]) == [MEDIA_TYPE], f"{method} {path} {status}"
    assert set(document["components"]["schemas"]["Problem"]["required"]) == {"type", "title", "status"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


READS = ("/sparql", "/validate", "/reconcile/0.2", "/reconcile/1.0/match", "/reconcile/1.0/extend")
"""What takes a POST and changes nothing."""


def test_writes_and_what_is_for_administrators_need_the_token(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, method, row in operations(document):
        writes = path == "/update" or (method in ("put", "post", "delete") and path not in READS)
        writes = writes or path == "/admin/backup"  # which is for administrators
        assert bool(row.get("security")) == writes, f"{method} {path}"
        assert ("401" in row["responses"]) or not writes  # reading may need a token too, where little is public


def test_references_resolve(document: dict[str, Any]) -> None:
    def check(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                *_, name = str(node["$ref"]).split("/")
                assert name in document["components"]["schemas"]
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(document)


def test_the_page_shows_every_operation(client: TestClient, document: dict[str, Any]) -> None:
    page = client.get("/docs").text
    for path, method, row in operations(document):
        assert f'id="{row["operationId"]}"' in page
        assert f"<code>{method.upper()} {path}</code>" in page
