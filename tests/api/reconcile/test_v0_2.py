"""Reconciliation API 0.2, called in the order in which OpenRefine calls it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from tests.cases.reconciliation import DRAFT, OLD, faults

ROOT = "/reconcile/0.2"
COLUMN = [
    "Путіна",
    "Башар Асад",
    "Kamel Saqr",
    "Antoni Lallican",
    "Sochi",
    "Kramatorsk",
    "Ukraine",
    "BILD",
    "Іран",
    "?",
]
"""A sample of ten rows, by which OpenRefine guesses the type."""


def match(client: TestClient, batch: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(ROOT, data={"queries": json.dumps(batch)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert faults(OLD, "reconciliation-result-batch", found) == []
    return found


def test_as_openrefine_does(client: TestClient) -> None:
    manifest = client.get(ROOT).json()
    assert faults(OLD, "manifest", manifest) == []
    assert manifest["batchSize"] >= 10

    # First OpenRefine sends a sample of the column without a type, and offers the types of the best candidates.
    sample = match(client, {f"q{n}": {"query": name, "limit": 3} for n, name in enumerate(COLUMN)})
    types = [kind["name"] for row in sample.values() for one in row["result"][:1] for kind in one["type"][:1]]
    assert types.count("Person") == 4
    assert types.count("Place") == types.count("Country") == 2
    assert sample["q9"]["result"] == []

    person = client.get(_suggest(manifest, "type"), params={"prefix": "Per"}).json()["result"][0]
    first = match(client, {f"q{n}": {"query": name, "type": person["id"]} for n, name in enumerate(COLUMN)})
    assert all(
        kind["id"] == person["id"] for row in first.values() for one in row["result"] for kind in one["type"][:1]
    )
    certain = [row["result"][0]["match"] for row in first.values() if row["result"]]
    assert certain[:4] == [False, True, True, True]
    assert not any(certain[4:]), "what is no person is none for certain"

    # For a row without a certain match, the user searches by hand: “Ас” is typed, and Assad is chosen.
    typed = client.get(_suggest(manifest, "entity"), params={"prefix": "Ас"}).json()
    assert faults(OLD, "suggest-entities-response", typed) == []
    chosen = next(one["id"] for one in typed["result"] if one["id"].endswith("/assad"))

    card = client.get(manifest["preview"]["url"].replace("{{id}}", quote(chosen, safe="")))
    assert card.headers["Content-Type"].startswith("text/html")
    assert "Bashar al-Assad" in card.text
    view = client.get(manifest["view"]["url"].replace("{{id}}", chosen), headers={"Accept": "text/html"})
    assert view.status_code == 200

    # The client joins the two parts of the address as they are, so the second must begin with the slash.
    propose = manifest["extend"]["propose_properties"]
    proposed = client.get(propose["service_url"] + propose["service_path"], params={"type": person["id"]}).json()
    assert faults(OLD, "data-extension-property-proposal", proposed) == []
    wanted = {"ids": [chosen], "properties": [{"id": one["id"]} for one in proposed["properties"]]}
    assert faults(OLD, "data-extension-query", wanted) == []
    extended = client.post(ROOT, data={"extend": json.dumps(wanted)}).json()
    assert faults(OLD, "data-extension-response", extended) == []
    row = extended["rows"][chosen]
    assert row["role"] == [{"str": "президент"}]
    assert row["country"] == [{"id": f"{_base(manifest)}syria", "name": "Syria"}]
    assert row["claims"][0]["int"] > 5


def _suggest(manifest: dict[str, Any], kind: str) -> str:
    service = manifest["suggest"][kind]
    return str(service["service_url"] + service["service_path"])


def _base(manifest: dict[str, Any]) -> str:
    return str(manifest["identifierSpace"])


def test_its_shape_is_not_that_of_the_draft(client: TestClient) -> None:
    found = match(client, {"a": {"query": "Ukraine"}})
    assert faults(DRAFT, "reconciliation-result-batch", found) != []
    assert faults(DRAFT, "manifest", client.get(ROOT).json()) != []


@pytest.mark.parametrize("kind", ["type", "property"])
def test_suggestions(client: TestClient, kind: str) -> None:
    name = {"type": "suggest-types-response", "property": "suggest-properties-response"}[kind]
    found = client.get(f"{ROOT}/suggest/{kind}").json()
    assert faults(OLD, name, found) == []
    assert len(found["result"]) > 5
    rest = client.get(f"{ROOT}/suggest/{kind}", params={"prefix": "", "cursor": 3}).json()["result"]
    assert rest == found["result"][3:]


def test_features_have_values_and_evidence(client: TestClient) -> None:
    query = {"query": "Kostiantynivka", "type": "cg:Place", "properties": [{"pid": "country", "v": ["UA", "Ukraine"]}]}
    (best,) = match(client, {"a": query})["a"]["result"]
    assert {one["id"]: one["value"] for one in best["features"]} == {"name": 1, "type": 1, "country": 1}
    assert all(one["evidence"] for one in best["features"])
    assert (best["score"], best["match"]) == (100, True)


def test_one_query_by_get(client: TestClient) -> None:
    for query in ("Ukraine", json.dumps({"query": "Ukraine", "type": ["Country", "Place"]})):
        answer = client.get(ROOT, params={"query": query})
        assert answer.json()["result"][0]["match"] is True
    batch = client.get(ROOT, params={"queries": json.dumps({"x": {"query": "Ukraine"}})})
    assert faults(OLD, "reconciliation-result-batch", batch.json()) == []


def test_values_that_were_matched_before(client: TestClient) -> None:
    ukraine = match(client, {"a": {"query": "Ukraine"}})["a"]["result"][0]
    value = {"id": ukraine["id"], "name": ukraine["name"]}
    query = {"query": "Kramatorsk", "properties": [{"pid": "within", "v": value}], "type_strict": "should"}
    assert match(client, {"a": query})["a"]["result"][0]["match"] is True


@pytest.mark.parametrize(
    ("batch", "status"),
    [
        ("[", 400),
        ("[" * 100_000, 400),
        ('{"a": {"query": NaN}}', 400),
        ('{"a": {"query": "\\ud800"}}', 400),
        ("[]", 422),
        (json.dumps({f"q{n}": {"query": "x"} for n in range(101)}), 413),
    ],
    ids=range(6),
)
def test_what_does_not_fit(client: TestClient, batch: str, status: int) -> None:
    answer = client.post(ROOT, data={"queries": batch})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "neither query nor properties"),
        (1, "query a is not valid"),
        ({"query": " "}, "neither query nor properties"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "type": "Q5"}, "There is no type “Q5”"),
        ({"query": "x", "type_strict": "perhaps"}, "type_strict"),
        ({"query": "x", "properties": [{"pid": "nothing", "v": 1}]}, "The property “nothing” does not exist"),
        ({"query": "x", "properties": [{"pid": "claims", "v": 1}]}, "cannot be compared by “claims”"),
        ({"query": "x", "properties": [{"p": "country"}]}, "properties.0.pid"),
        ({"query": "x" * 1001}, "1000"),
    ],
    ids=range(10),
)
def test_a_bad_row_has_a_message_and_the_others_their_answers(client: TestClient, row: object, said: str) -> None:
    found = match(client, {"a": row, "b": {"query": "Ukraine"}})
    assert found["a"]["result"] == []
    assert said in found["a"]["message"]
    assert found["b"]["result"][0]["match"] is True
    assert "message" not in found["b"]
    assert faults(OLD, "reconciliation-result-batch", found) == []
    assert client.get(ROOT, params={"query": json.dumps({"query": "x", "type": "Q5"})}).status_code == 422  # no batch


@pytest.mark.parametrize("value", ["", " ", None, "?", "Unknown", [], ["", None], {"id": "", "name": ""}, "Атлантида"])
def test_a_value_that_is_absent_or_unknown_to_the_graph_changes_nothing(client: TestClient, value: object) -> None:
    plain = {"query": "Vladimir Putin", "type": "cg:Person"}
    both = match(client, {"plain": plain, "more": {**plain, "properties": [{"pid": "country", "v": value}]}})
    assert both["more"] == both["plain"]
    assert both["more"]["result"][0]["match"] is True
    known = match(client, {"a": {**plain, "properties": [{"pid": "country", "v": "Ukraine"}]}})["a"]["result"][0]
    assert known["match"] is False


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Βλαντιμίρ Πούτιν", "putin"),
        ("ვლადიმერ პუტინი", "putin"),
        ("Վլադիմիր Պուտին", "putin"),
        ("فلاديمير بوتين", "putin"),
        ("ולדימיר פוטין", "putin"),
        ("بشار الأسد", "assad"),
    ],
)
def test_names_in_other_scripts(client: TestClient, name: str, slug: str) -> None:
    assert match(client, {"a": {"query": name, "type": "cg:Person"}})["a"]["result"][0]["id"].endswith(f"/{slug}")


def test_a_whole_batch_is_taken_and_no_more_candidates_than_a_hundred(client: TestClient) -> None:
    found = match(client, {f"q{n}": {"query": "Ukraine", "limit": 10**6} for n in range(100)})
    assert len(found) == 100
    roles = match(client, {"a": {"properties": [{"pid": "date", "v": "2025"}], "limit": 10**6}})["a"]["result"]
    assert 5 < len(roles) <= 100


@pytest.mark.parametrize(
    ("extend", "status"),
    [
        ({"ids": ["a"] * 101, "properties": [{"id": "label"}]}, 413),
        ({"ids": ["a"], "properties": [{"id": "nothing"}]}, 422),
        ({"ids": ["a"], "properties": [{"id": "label"}] * 21}, 422),
        ({"ids": "a", "properties": []}, 422),
        ({"ids": ["nobody"], "properties": [{"id": "label"}]}, 200),
    ],
)
def test_extension_has_limits(client: TestClient, extend: dict[str, Any], status: int) -> None:
    answer = client.post(ROOT, data={"extend": json.dumps(extend)})
    assert answer.status_code == status


def test_other_bodies_and_parameters(client: TestClient) -> None:
    assert client.post(ROOT, json={"queries": {}}).status_code == 415
    assert client.get(ROOT, params=[("query", "a"), ("query", "b")]).status_code == 400
    assert client.get(f"{ROOT}/suggest/entity", params={"cursor": "-1"}).status_code == 400
    assert client.get(f"{ROOT}/suggest/entity", params={"prefix": "x" * 1001}).status_code == 422
    assert client.get(f"{ROOT}/suggest/anything").status_code == 422
    assert client.get(f"{ROOT}/preview").status_code == 400
    assert client.get(f"{ROOT}/preview", params={"id": "entity/nobody"}).status_code == 404
    assert client.get(f"{ROOT}/extend/propose", params={"type": "Q5"}).status_code == 422


def test_an_empty_type_is_none(client: TestClient) -> None:
    everything = client.get(f"{ROOT}/extend/propose").json()
    assert client.get(f"{ROOT}/extend/propose?type=&limit=").json() == everything
    rows: list[dict[str, object]] = [{}, {"type": ""}, {"type": [""]}, {"type": []}]
    found = [client.get(ROOT, params={"query": json.dumps({"query": "Путін", **row})}).json() for row in rows]
    assert found[0]["result"]
    assert all(one == found[0] for one in found)
