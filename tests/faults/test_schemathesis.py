"""Accuracy of the OpenAPI document: requests generated from it, and against it, get only documented responses."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.processes import WRITER, Server, running

EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EVERYWHERE = {"400", "404", "405", "408", "414", "422", "431"}
"""Problems of any request, which the document sums up as `default`."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("schemathesis"), KG_TIMEOUT="5", KG_MAX_BODY_BYTES="200000") as found:
        yield found


@pytest.fixture(scope="module")
def operations(server: Server) -> list[APIOperation[Any, Any, Any, Any]]:
    generation = GenerationConfig(modes=list(GenerationMode), deterministic=True, database="none", allow_x00=False)
    projects = ProjectsConfig(default=ProjectConfig(generation=generation, base_url=server.base.rstrip("/")))
    document = server.ask("GET", "/openapi.json")
    schema = schemathesis.openapi.from_dict(json.loads(document.body), config=SchemathesisConfig(projects=projects))
    return [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_answers_are_as_described(
    server: Server, operations: list[APIOperation[Any, Any, Any, Any]], mode: GenerationMode
) -> None:
    assert len(operations) >= 30
    seen: Counter[str] = Counter()
    with requests.Session() as session:
        session.headers.update(WRITER)
        for operation in operations:
            _try(operation, mode, session, seen)
    assert server.writer() is not None
    print(f"{mode.value}: {seen.total()} requests, {dict(sorted(seen.items()))}")
    assert seen.total() > 200
    assert "Traceback" not in server.log.read_text("utf-8")


def _try(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, session: requests.Session, seen: Counter[str]
) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
        return  # the operation has no parameter that could be invalid

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        response = case.call(session=session)
        case.validate_response(response, checks=CHECKS)
        seen[str(response.status_code)] += 1
        described = operation.definition.raw["responses"]
        assert str(response.status_code) in {*described, *EVERYWHERE}, f"{operation.label}: {response.status_code}"

    with contextlib.suppress(Unsatisfiable):  # a parameter that accepts any text has no invalid value
        ask()
