"""Competency questions: SPARQL queries in ``.rq`` files with a title, an explanation and the columns of the result.

Example of two lines at the head of a file: ``# title@en: Who told the story?`` and ``# columns: teller outlet``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import ontology
from kg.errors import NotFound

_FIELD = re.compile(r"^# (?P<key>title|explanation|columns|level)(?:@(?P<language>\w+))?: (?P<value>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One competency question.

    Attributes:
        number: number of the question in the design of the ontology.
        name: short name, from the file name.
        title: title by language (``en``, ``uk``).
        explanation: explanation by language.
        columns: variables of the result, in order.
        text: the SPARQL query, with its comments.
    """

    number: int
    name: str
    title: dict[str, str]
    explanation: dict[str, str]
    columns: tuple[str, ...]
    text: str


def all_questions() -> list[Question]:
    """Return all questions, in the order of their numbers."""
    return sorted((_read(name) for name in ontology.names("questions", ".rq")), key=lambda q: q.number)


def find(key: str) -> Question:
    """Return a question by number or name.

    Raises:
        NotFound: no question has that number or name.
    """
    for question in all_questions():
        if key in (str(question.number), question.name):
            return question
    raise NotFound(f"There is no question “{key}”.", remedy="`kg ask` and /questions list all questions.")


def _read(file: str) -> Question:
    text = ontology.read(file)
    number, name = file.removeprefix("questions/").removesuffix(".rq").split("-", 1)
    texts: dict[str, dict[str, str]] = {"title": {}, "explanation": {}}
    columns: tuple[str, ...] = ()
    for found in _FIELD.finditer(text):
        if found["key"] == "columns":
            columns = tuple(found["value"].split())
        elif found["key"] in texts:
            texts[found["key"]][found["language"]] = found["value"].strip()
    return Question(int(number), name, texts["title"], texts["explanation"], columns, text)
