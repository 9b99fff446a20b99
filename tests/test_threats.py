"""Threat model: each threat names existing tests."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs import ROOT

TEXT = (ROOT / "api" / "guide" / "en" / "security.md").read_text("utf-8")
THREATS = re.findall(r"^\| ([A-Z]\d+) \| (.*) \| (.*) \| (.*) \|$", TEXT, re.MULTILINE)


def test_every_threat_is_read() -> None:
    numbers = [number for number, *_ in THREATS]
    assert len(numbers) == len(set(numbers)) == len(re.findall(r"^\| [A-Z]\d+ \|", TEXT, re.MULTILINE)) > 30


@pytest.mark.parametrize(("threat", "tests"), [(number, tests) for number, _, _, tests in THREATS])
def test_its_tests_are_there(threat: str, tests: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", tests)
    assert named, threat
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in found if function else any(name.startswith("test") for name in found), f"{path}::{function}"
