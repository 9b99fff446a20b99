"""OpenAPI document: complete and consistent."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from api.http.problem_details import MEDIA_TYPE
from api.rendering.openapi_helpers import inlined


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


def nodes(node: object) -> Iterator[dict[str, Any]]:
    """Yield every object of the document."""
    if isinstance(node, dict):
        yield node
    children: list[object] = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    for child in children:
        yield from nodes(child)


def test_references_resolve(document: dict[str, Any]) -> None:
    """From the root of the document, not from the schema that they stand in."""
    found = {node["$ref"] for node in nodes(document) if "$ref" in node}
    assert found <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert len(found) > 30


def test_no_two_schemas_have_the_same_title(document: dict[str, Any]) -> None:
    """A generator of clients names a class after the title of an object or of a choice."""
    shaped = [node for node in nodes(document) if node.get("type") == "object" or "enum" in node]
    titles = [node["title"] for node in shaped if isinstance(node.get("title"), str)]
    assert len(titles) == len(set(titles))
    assert all(schema["title"] == name for name, schema in document["components"]["schemas"].items())


GENERATOR = shutil.which("openapi-python-client")


@pytest.mark.skipif(GENERATOR is None, reason="openapi-python-client is not there: pipx install openapi-python-client")
def test_a_generated_client_has_every_endpoint(document: dict[str, Any], tmp_path: Path) -> None:
    """Its requirements contradict our constraints (typer), so that it lives in an environment of its own."""
    assert GENERATOR is not None
    (tmp_path / "openapi.json").write_text(json.dumps(document), "utf-8")
    command = [GENERATOR, "generate", "--path", "openapi.json", "--output-path", "client", "--meta", "none"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Endpoint will not be generated" not in ended.stdout
    assert "Unable to" not in ended.stdout
    generated = {file.stem for file in (tmp_path / "client" / "api").glob("*/*.py")} - {"__init__"}
    assert generated == {row["operationId"] for _, _, row in operations(document)}


def test_the_page_shows_every_operation(client: TestClient, document: dict[str, Any]) -> None:
    page = client.get("/docs").text
    for path, method, row in operations(document):
        assert f'id="{row["operationId"]}"' in page
        assert f"<code>{method.upper()} {path}</code>" in page


class Colour(StrEnum):
    """A colour."""

    red = "red"


class Painted(BaseModel):
    colour: Colour = Field(Colour.red, description="Of the outside.")


def test_what_stands_beside_a_reference_stays() -> None:
    found = inlined(Painted)["properties"]["colour"]
    assert (found["enum"], found["default"], found["description"]) == (["red"], "red", "Of the outside.")
