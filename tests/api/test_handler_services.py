"""Application context: what queries and updates receive of the request, the limits and the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.handler_services import AllServices
from kg.errors import TimedOut
from kg.rdf.query_request_and_result import QueryResult
from tests.applications import MANY, RUNAWAY, WRITER, Served, on_disk
from tests.processes import wait_until

ENDLESS = f"INSERT {{ GRAPH <urn:g> {{ <urn:n> <urn:n> ?n }} }} WHERE {{ {RUNAWAY} }}"
CSV = {"Accept": "text/csv"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with on_disk(tmp_path_factory.mktemp("services"), readers=2, timeout=1.0) as found:
        found.update(MANY)
        yield found


# ---- timeout=


def taken(served: Served, timeout: str = "30") -> float:
    wait_until(lambda: served.pool.ready > 0, "a reader is there")
    begun = time.monotonic()
    answer = served.ask(RUNAWAY, timeout=timeout)
    assert answer.status_code == 504, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return time.monotonic() - begun


def test_timeout_lowers_the_limit_of_the_server(tmp_path: Path) -> None:
    with on_disk(tmp_path, readers=1, timeout=300.0) as patient:
        patient.update(MANY)
        assert taken(patient, timeout="0.2") < 300


def test_timeout_raises_it_never(served: Served) -> None:
    assert taken(served, timeout="600") < 300


def test_timeout_holds_for_queries_that_are_posted(served: Served) -> None:
    wait_until(lambda: served.pool.ready == 2, "both readers are there")
    answer = served.client.post("/sparql?timeout=0.1", data={"query": RUNAWAY})
    assert answer.status_code == 504
    assert "0.1 s" in answer.json()["detail"]


@pytest.mark.parametrize("text", ["-1", "1e3", "inf", "nan", "1s", "0x1", " 1", "1" * 10, "1,5", "٣", "."])
def test_a_timeout_that_is_none(served: Served, text: str) -> None:
    answer = served.ask("ASK {}", timeout=text)
    assert answer.status_code == 400
    assert "timeout" in answer.json()["detail"]


@pytest.mark.parametrize("text", ["1", "0.5", "00.5", "999999999", "", "0", "0.0"])
def test_a_timeout_that_is_one(served: Served, text: str) -> None:
    assert served.ask("ASK {}", timeout=text).status_code == 200


@pytest.mark.parametrize("name", ["timeout", "asOf"])
def test_a_parameter_may_come_once(served: Served, name: str) -> None:
    number = served.endpoint.number
    answer = served.client.get(f"/sparql?query=ASK%7B%7D&{name}={number}&{name}={number}")
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


# ---- asOf=


def test_as_of_holds_for_queries_that_are_posted(served: Served) -> None:
    served.update("INSERT DATA { <t:as> <t:of> 1 }")
    number = served.endpoint.number
    served.update("INSERT DATA { <t:as> <t:of> 2 }")
    query = {"query": "SELECT ?o { <t:as> <t:of> ?o } ORDER BY ?o"}
    for target, expected in ((f"/sparql?asOf={number}", ["o", "1"]), ("/sparql", ["o", "1", "2"])):
        assert served.client.post(target, data=query, headers={"Accept": "text/csv"}).text.split() == expected


def test_a_timeout_of_zero_is_no_way_around_the_limit(tmp_path: Path) -> None:
    with on_disk(tmp_path, readers=1, timeout=0.2) as strict:
        strict.update(MANY)
        assert strict.ask(RUNAWAY, timeout="0").status_code == 504


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1" * 19, "٣"])
def test_an_as_of_that_is_none(served: Served, text: str) -> None:
    answer = served.ask("ASK {}", asOf=text)
    assert answer.status_code == 400
    assert "Claimgraph-Snapshot" in answer.json()["remedy"]


def test_graphs_can_be_read_as_they_were(served: Served) -> None:
    served.update("INSERT DATA { GRAPH <t:g> { <a:a> <a:b> 1 } }")
    number = served.endpoint.number
    served.update("INSERT DATA { GRAPH <t:g> { <a:a> <a:b> 2 } }")
    triples = {"Accept": "application/n-triples"}
    assert served.client.get(f"/graphs?graph=t:g&asOf={number}", headers=triples).text.count("\n") == 1
    assert served.client.get("/graphs?graph=t:g", headers=triples).text.count("\n") == 2


# ---- who asks


def test_limits_count_by_token_and_else_by_address(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    run = served.pool.run

    async def noted(message: bytes, client: str, *rest: object) -> QueryResult:
        names.append(client)
        return await run(message, client, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(served.pool, "run", noted)
    served.ask("ASK { <t:who> ?p 1 }")
    served.ask("ASK { <t:who> ?p 2 }", WRITER)
    served.client.post("/sparql", data={"query": "ASK {}"}, headers=WRITER)
    served.client.post("/sparql", data={"query": "ASK {}"})
    assert names == ["testclient", "environment", "environment", "testclient"]


# ---- updates


def test_an_update_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    with on_disk(tmp_path, update_timeout=1, readers=1) as served:
        served.update(MANY)
        text = f"INSERT DATA {{ <urn:gone> <urn:p> 1 }} ; {ENDLESS}"
        answer = served.client.post("/update", data={"update": text}, headers=WRITER)
        assert (answer.status_code, answer.headers["Content-Type"]) == (504, "application/problem+json")
        assert served.ask("SELECT (COUNT(*) AS ?n) { ?s <urn:p> ?o }", CSV).text.split() == ["n", "1000"]
        served.update("INSERT DATA { <urn:new> <urn:p> 1 }")
        assert served.ask("SELECT (COUNT(*) AS ?n) { ?s <urn:p> ?o }", CSV).text.split() == ["n", "1001"]


# ---- work off the loop


def services(served: Served) -> AllServices:
    found = served.app.state.services
    assert isinstance(found, AllServices)
    return found


def test_an_error_carries_no_result_out_of_its_thread(served: Served) -> None:
    """A live result of the engine that another thread lets go of ends the process."""
    kept: list[object] = []

    def work() -> None:
        live = object()
        kept.append(live)
        try:
            raise ValueError(live)
        except ValueError:
            raise TimedOut("Over.") from None

    async def run() -> BaseException:
        with pytest.raises(TimedOut) as caught:
            await services(served).in_thread(work)
        return caught.value

    error = asyncio.run(run())
    trace = error.__traceback__
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    inner = [frame for frame in frames if frame.f_code.co_name == "work"]
    assert inner
    assert not any(frame.f_locals for frame in inner)
