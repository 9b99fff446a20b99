"""Competency questions over twenty articles: no quadratic growth of their time."""

from __future__ import annotations

import asyncio

import pytest

from kg.articles.competency_question_files import all_questions
from kg.config import QuerySettings
from kg.processes.readers import reader_process
from kg.processes.readers.reader_pool import ReaderPool
from kg.rdf import oxigraph_queries
from kg.rdf.query_request_and_result import QueryDataset, ResultFormats
from tests.bench import corpus

QUADS = 100_000
DEADLINE = 3.0
"""Seconds, as a server would set them. The slowest question takes a fiftieth; one that joins all with all, far more."""


def test_every_question_is_answered_in_time_over_many_articles(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("corpus")
    corpus.generate(QUADS, 1, directory)
    corpus.store(directory)

    async def main() -> list[str]:
        pool = ReaderPool(QuerySettings(readers=1))
        await pool.start(directory / "native")
        late = []
        for question in all_questions():
            message = reader_process.query_message(directory / "native", question.text, ResultFormats(), QueryDataset())
            try:
                assert oxigraph_queries.solutions((await pool.run(message, "somebody", DEADLINE, None)).content)
            except Exception as error:  # noqa: BLE001 - told with the number of the question
                late.append(f"Q{question.number}: {error}")
        await pool.close()
        return late

    assert asyncio.run(main()) == []
