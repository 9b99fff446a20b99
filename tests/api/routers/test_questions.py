"""Competency questions over HTTP."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from kg.articles.competency_question_files import Question, all_questions


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    found = all_questions()
    assert found
    return found


def test_list(client: TestClient, questions: list[Question]) -> None:
    listed = client.get("/questions").json()
    assert [(row["number"], row["name"], row["query"]) for row in listed] == [
        (question.number, question.name, question.text) for question in questions
    ]
    page = client.get("/questions", headers={"Accept": "text/html"}).text
    for question in questions:
        assert f'href="/questions/{question.name}"' in page


def test_each_answer_has_its_columns_and_rows(client: TestClient, questions: list[Question]) -> None:
    for question in questions:
        answer = client.get(f"/questions/{question.number}")
        assert answer.status_code == 200
        body = answer.json()
        assert body["name"] == question.name
        assert set(body["answer"]["head"]["vars"]) == set(question.columns) == set(body["columns"])
        assert body["answer"]["results"]["bindings"]


def test_each_page(client: TestClient, questions: list[Question]) -> None:
    for question in questions:
        page = client.get(f"/questions/{question.name}", headers={"Accept": "text/html"})
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<table>" in page.text
        assert f'href="/questions/{question.name}.rq"' in page.text


def test_only_the_query(client: TestClient, questions: list[Question]) -> None:
    question = questions[0]
    by_name = client.get(f"/questions/{question.name}.rq")
    by_type = client.get(f"/questions/{question.number}", headers={"Accept": "application/sparql-query"})
    for answer in (by_name, by_type):
        assert answer.headers["Content-Type"] == "application/sparql-query"
        assert answer.text == question.text


def test_no_such_question(client: TestClient) -> None:
    for key in ("0", "999", "nothing", "nothing.rq"):
        assert client.get(f"/questions/{key}").status_code == 404
    assert client.get(f"/questions/{all_questions()[0].number}", headers={"Accept": "image/png"}).status_code == 406


def test_an_answer_alone_in_a_result_format(client: TestClient) -> None:
    answer = client.get("/questions/14", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0] == "response,who,who_uk,to_what,expression,claims,wording"
