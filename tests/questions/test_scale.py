"""The competency questions over twenty articles: none may cost time that grows with the square of the corpus."""

from __future__ import annotations

import time

import pytest

from kg import engine
from kg.questions import Question, all_questions
from tests.bench import corpus

QUADS = 100_000
LIMIT = 0.6
"""Seconds of processor time. The slowest takes a tenth of it; one that joins all with all takes seconds."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> engine.Engine:
    directory = tmp_path_factory.mktemp("corpus")
    corpus.generate(QUADS, 1, directory)
    corpus.store(directory)
    return engine.open_snapshot(directory / "native")


@pytest.mark.parametrize("question", all_questions(), ids=lambda question: f"Q{question.number}")
def test_a_question_is_cheap_over_many_articles(question: Question, store: engine.Engine) -> None:
    start = time.thread_time()
    answer = engine.query(store, question.text, engine.Choice(), engine.Dataset())
    assert time.thread_time() - start < LIMIT
    assert engine.solutions(answer.content)
