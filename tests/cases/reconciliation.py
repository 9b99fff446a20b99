"""Published JSON schemas of the Reconciliation API, where they are available."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

ROOT = Path(__file__).resolve().parents[2]
SUITES = Path(os.environ.get("CLAIMGRAPH_SUITES") or ROOT.parent / "shared" / "suites")
SCHEMAS = SUITES / "data" / "reconciliation"
OLD, DRAFT = "0.2", "1.0-draft"


@cache
def _validator(version: str, name: str) -> jsonschema.Draft7Validator:
    folder = SCHEMAS / version / "schemas"
    registry: Registry[Any] = Registry()
    for file in folder.iterdir():
        content = json.loads(file.read_text("utf-8"))
        resource = Resource.from_contents(content, default_specification=DRAFT7)
        parent = "draft" if version == DRAFT else version
        for uri in {
            content.get("$id", file.name),
            file.name,
            f"https://reconciliation-api.github.io/specs/{parent}/schemas/{file.name}",
        }:
            registry = registry.with_resource(uri, resource)
    return jsonschema.Draft7Validator(json.loads((folder / f"{name}.json").read_text("utf-8")), registry=registry)


def faults(version: str, name: str, answer: object) -> list[str]:
    """Return the errors of a response by its schema; skip the test where the schemas are not available."""
    if not SCHEMAS.is_dir():
        pytest.skip("the published JSON schemas are not at hand")
    return [error.message for error in _validator(version, name).iter_errors(answer)]
