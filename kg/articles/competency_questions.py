"""The competency questions: ``.rq`` files with a title, an explanation and the columns of their answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

import ontology
from kg.errors import NotFound

_FIELD = re.compile(r"^# (?P<key>title|explanation|columns|level)(?:@(?P<language>\w+))?: (?P<value>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One question that the graph must answer.

    Attributes:
        number: as in the design of the ontology.
        name: short name, from the file name.
        title, explanation: by language (``en``, ``uk``).
        columns: the variables of the answer, in order.
        text: the SPARQL query.
    """

    number: int
    name: str
    title: dict[str, str]
    explanation: dict[str, str]
    columns: tuple[str, ...]
    text: str


def all_questions() -> list[Question]:
    """Read all questions, in order of their numbers."""
    return sorted((_read(name) for name in ontology.names("questions", ".rq")), key=lambda q: q.number)


def find(key: str) -> Question:
    """Find a question by number or name.

    Raises:
        NotFound: there is none.
    """
    for question in all_questions():
        if key in (str(question.number), question.name):
            return question
    raise NotFound(f"There is no question “{key}”.", remedy="`kg ask` and /questions list them all.")


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
