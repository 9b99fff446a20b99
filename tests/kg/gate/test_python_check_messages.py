"""Constraint messages of code checks: each is used, each that is used exists, and both languages agree."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from kg.gate import edtf_and_weekday_checks, python_check_messages
from kg.gate.python_check_messages import catalogue, words

ROOT = Path(__file__).resolve().parents[3] / "kg"
FILLED_IN = ("python_check_messages.result", "python_check_messages.texts")
PLACES = {"pointer", "focus", "value"}


def calls() -> Iterator[tuple[str, set[str]]]:
    """Yield the message that each call in the code names, with the placeholders that it fills in."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in FILLED_IN:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno} names its message by no literal"
                assert all(keyword.arg for keyword in node.keywords), f"{path.name}:{node.lineno} passes **values"
                yield str(name.value), {str(keyword.arg) for keyword in node.keywords} - PLACES


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_the_code_uses_the_messages_of_the_file_and_no_others() -> None:
    assert {name for name, _ in calls()} == set(catalogue())


def test_the_code_fills_in_every_placeholder() -> None:
    passed: dict[str, list[set[str]]] = defaultdict(list)
    for name, values in calls():
        passed[name].append(values)
    for name, each in passed.items():
        wanted = placeholders(catalogue()[name].texts["en"])
        assert all(values == wanted for values in each), name


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_both_languages_say_the_same(name: str) -> None:
    message = catalogue()[name]
    assert set(message.texts) == set(message.remedies) == {"en", "uk"}
    assert placeholders(message.texts["en"]) == placeholders(message.texts["uk"])
    assert not placeholders("".join(message.remedies.values()))
    assert name.split("-", maxsplit=1)[0] == message.constraint


def test_words_are_the_days_of_the_week() -> None:
    assert set(words()) == set(edtf_and_weekday_checks._WEEKDAYS)
    assert all(set(texts) == {"en", "uk"} for texts in words().values())


def test_values_are_filled_in_by_language() -> None:
    found = python_check_messages.texts("F3", words="у четвер", day="2024-12-08", weekday=words()["sunday"])
    assert found["en"].endswith("than 2024-12-08, which is a Sunday.")
    assert found["uk"] == "У словах «у четвер» названо інший день тижня, ніж 2024-12-08 (неділя)."


def test_a_value_is_no_pattern() -> None:
    found = python_check_messages.result("J4", pointer="/claims/0/id", value="{id}", id="{first}", first="/a")
    assert (found.constraint, found.severity, found.value) == ("J4", "Violation", "{id}")
    assert found.message == "The id {first} is already used at /a."


def test_an_unknown_message_and_a_missing_value_fail() -> None:
    with pytest.raises(KeyError):
        python_check_messages.texts("J99")
    with pytest.raises(KeyError):
        python_check_messages.texts("J4", id="a")
