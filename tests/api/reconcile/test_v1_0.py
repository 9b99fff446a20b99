"""Reconciliation API 1.0 (draft)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.reconcile.request_rows import MAX_BODY
from tests.cases.reconciliation import DRAFT, OLD, faults

ROOT = "/reconcile/1.0"


def named(name: str, *others: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"conditions": [{"matchType": "name", "propertyValue": name}, *others], **fields}


def match(client: TestClient, *queries: dict[str, Any]) -> list[list[dict[str, Any]]]:
    batch = {"queries": [*queries]}
    assert faults(DRAFT, "reconciliation-query-batch", batch) == []
    answer = client.post(f"{ROOT}/match", json=batch)
    assert answer.status_code == 200, answer.text
    assert faults(DRAFT, "reconciliation-result-batch", answer.json()) == []
    return [row["candidates"] for row in answer.json()["results"]]


def test_manifest(client: TestClient) -> None:
    found = client.get(ROOT).json()
    assert faults(DRAFT, "manifest", found) == []
    assert faults(OLD, "manifest", found) != []
    assert found["standardizedScore"] is True
    assert found["view"]["url"].endswith("{id}")
    assert "{{" not in found["view"]["url"]
    view = found["view"]["url"].replace("{id}", quote("http://127.0.0.1:8000/entity/putin", safe=""))  # RFC 6570
    assert client.get(view, headers={"Accept": "text/html"}).status_code == 200


def test_match(client: TestClient) -> None:
    rows = match(client, named("Ukraine", type="cg:Country", limit=3), named("Путіна"), named("Xyzzy"))
    assert [[one["id"].rpartition("/")[2] for one in row[:1]] for row in rows] == [["ukraine"], ["putin"], []]
    best = rows[0][0]
    assert (best["match"], best["score"], best["lang"]) == (True, 100, "en")
    assert all({"id", "name", "value", "evidence"} <= {*one} for one in best["features"])
    answer = client.post(f"{ROOT}/match", json={"queries": [named("Ukraine")]})
    assert faults(OLD, "reconciliation-result-batch", answer.json()) != []


def test_conditions(client: TestClient) -> None:
    def country(value: object, **how: object) -> dict[str, Any]:
        return {"matchType": "property", "propertyId": "country", "propertyValue": value, **how}

    right, wrong, required, none = (
        named("Kostiantynivka", country(["UA", "Україна"], matchQuantifier="any")),
        named("Kostiantynivka", country("Russia")),
        named("Kostiantynivka", country("Russia", required=True)),
        named("Kostiantynivka", country("Russia", required=True, matchQuantifier="none")),
    )
    found = match(client, right, wrong, required, none)
    assert [len(row) for row in found] == [1, 1, 0, 1]
    assert [row[0]["match"] for row in found if row] == [True, False, True]
    by_id = {"conditions": [{"matchType": "id", "propertyValue": "http://127.0.0.1:8000/entity/putin"}]}
    assert match(client, by_id)[0][0]["match"] is True
    two = named("Kramatorsk", country("Ukraine"), country("Russia"))
    features = [one["id"] for one in match(client, two)[0][0]["features"]]
    assert len(features) == len(set(features)) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        ({}, 422),
        ({"queries": 1}, 422),
        (
            {
                "queries": [
                    {"conditions": [{"matchType": "name", "propertyValue": "a", "matchQualifier": "x"}]},
                    named("a"),
                ]
            },
            200,
        ),
        ({"queries": [named("a")] * 101}, 413),
        ({"queries": [named("a")] * 100}, 200),
        ({"queries": []}, 200),
    ],
    ids=range(7),
)
def test_bodies(client: TestClient, body: object, status: int) -> None:
    answer = client.post(f"{ROOT}/match", json=body)
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_a_body_over_the_limit_is_not_parsed(client: TestClient, auth: dict[str, str]) -> None:
    long = json.dumps({"queries": [], "more": "x" * MAX_BODY})
    answers = [
        client.post(f"{ROOT}/match", content=long, headers={"Content-Type": "application/json"}),
        client.post("/reconcile/0.2", data={"queries": long}),
        client.post("/reconcile/decisions", content=long, headers={"Content-Type": "application/json", **auth}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["remedy"]) == (413, "Send smaller batches.")


@pytest.mark.parametrize(
    "row",
    [
        {},
        7,
        {"conditions": []},
        {"query": "Ukraine"},
        named("a", limit=0),
        named("a", limit=1.5),
        named("a", type="Q5"),
        named("x" * 1001),
        named("a", {"matchType": "name", "propertyValue": "b"}),
        named("a", {"matchType": "property", "propertyValue": "b"}),
        named("a", {"matchType": "property", "propertyId": "country", "propertyValue": ["b"] * 51}),
    ],
    ids=range(11),
)
def test_a_bad_row_has_a_message_and_the_others_their_answers(client: TestClient, row: object) -> None:
    answer = client.post(f"{ROOT}/match", json={"queries": [row, named("Ukraine")]})
    bad, good = answer.json()["results"]
    assert bad["candidates"] == []
    assert bad["message"].endswith(".")
    assert good["candidates"][0]["match"] is True
    assert faults(DRAFT, "reconciliation-result-batch", {"results": [bad, good]}) == []


@pytest.mark.parametrize("value", ["", None, ["", None], "unknown", "Атлантида"])
def test_a_value_that_is_absent_or_unknown_to_the_graph_changes_nothing(client: TestClient, value: object) -> None:
    condition = {"matchType": "property", "propertyId": "country", "propertyValue": value}
    answer = client.post(f"{ROOT}/match", json={"queries": [named("Kramatorsk"), named("Kramatorsk", condition)]})
    plain, more = answer.json()["results"]
    assert plain == more
    assert plain["candidates"]


@pytest.mark.parametrize(
    ("kind", "prefix", "schema"),
    [
        ("entity", "Асад", "suggest-entities-response"),
        ("type", "", "suggest-types-response"),
        ("property", "", "suggest-properties-response"),
    ],
)
def test_suggest(client: TestClient, kind: str, prefix: str, schema: str) -> None:
    found = client.get(f"{ROOT}/suggest/{kind}", params={"prefix": prefix, "cursor": 0}).json()
    assert faults(DRAFT, schema, found) == []
    assert found["result"]


def test_extend(client: TestClient) -> None:
    proposed = client.get(f"{ROOT}/extend/propose", params={"type": "cg:Person", "limit": 4}).json()
    assert faults(DRAFT, "data-extension-property-proposal", proposed) == []
    assert len(proposed["properties"]) == 4
    everything = client.get(f"{ROOT}/extend/propose").json()["properties"]
    ids = ["http://127.0.0.1:8000/entity/putin", "entity/kramatorsk", "nobody"]
    wanted = {"ids": ids, "properties": [{"id": one["id"]} for one in everything]}
    assert faults(DRAFT, "data-extension-query", wanted) == []
    answer = client.post(f"{ROOT}/extend", json=wanted)
    assert faults(DRAFT, "data-extension-response", answer.json()) == []
    rows = {row["id"]: {one["id"]: one["values"] for one in row["properties"]} for row in answer.json()["rows"]}
    assert [*rows] == ids
    assert rows[ids[0]]["label_uk"] == [{"str": "Володимир Путін", "lang": "uk"}]
    assert rows[ids[1]]["country"][0]["name"] == "Ukraine"
    assert not any(rows["nobody"].values())
    assert client.post(f"{ROOT}/extend", json={**wanted, "ids": ["a"] * 101}).status_code == 413
    many = {**wanted, "ids": [1] * 60_000}
    assert client.post(f"{ROOT}/extend", json=many).status_code == 413
    assert client.post(f"{ROOT}/extend", json={**wanted, "ids": [1] * 40_000}).status_code == 422
    assert client.post(f"{ROOT}/extend", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_preview(client: TestClient) -> None:
    card = client.get(f"{ROOT}/preview", params={"id": "entity/putin"})
    assert "Vladimir Putin" in card.text
    assert "<script" not in card.text
    assert "frame-ancestors *" in card.headers["Content-Security-Policy"]
    assert client.get(f"{ROOT}/preview", params={"id": "\ud800".encode("utf-8", "surrogatepass")}).status_code in (
        400,
        404,
    )


def test_language(client: TestClient) -> None:
    answer = client.get(
        f"{ROOT}/suggest/type", params={"prefix": "Особа"}, headers={"Accept-Language": "uk-UA,en;q=0.5"}
    )
    assert answer.headers["Content-Language"] == "uk"
    assert answer.json()["result"][0]["name"] == "Особа"
    assert client.get(ROOT, headers={"Accept-Language": "fr"}).json()["lang"] == "en"
    assert client.get(ROOT, headers={"Accept-Language": 'x"; , ;q=,-'}).status_code == 200
