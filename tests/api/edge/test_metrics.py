"""Metrics: Prometheus text format, correct counts, access control."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.edge.metrics import BOUNDS, CACHE, KILLS, KINDS, ServerMetrics
from api.http.request_log_record import RequestLogRecord
from kg.access.api_tokens import TokenFile, TokenGrant
from tests.applications import MANY, RUNAWAY, WRITER, Served, on_disk
from tests.processes import wait_until

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(text: str) -> Samples:
    """Read the text as Prometheus does; each sample once."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples


def read(served: Served) -> Samples:
    answer = served.client.get("/metrics", headers=WRITER)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return parse(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"claimgraph_{name}", tuple(sorted(labels.items()))]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with on_disk(tmp_path_factory.mktemp("metrics"), readers=2) as found:
        found.update(MANY)
        yield found


def test_everything_is_there_from_the_start() -> None:
    samples = parse(ServerMetrics().text().decode())
    for outcome in CACHE:
        assert value(samples, "cache_answers_total", outcome=outcome) == 0
    assert value(samples, "log_lines_dropped_total") == 0
    assert value(samples, "http_requests_in_flight") == 0
    assert value(samples, "resident_memory_bytes", process="main") > 1_000_000
    assert not any("snapshot" in name or "article" in name for name, _ in samples)


def test_kills_are_shown_before_there_is_one(served: Served) -> None:
    samples = read(served)
    for reason in KILLS:
        assert ("claimgraph_reader_kills_total", (("reason", reason),)) in samples


def test_latency_is_counted_by_class_and_status(served: Served) -> None:
    name, labels = "http_request_duration_seconds", {"class": "query", "status": "4xx"}
    key = (f"claimgraph_{name}_count", tuple(sorted(labels.items())))
    before = read(served).get(key, 0)
    for _ in range(3):
        served.ask("ASK {")
    after = read(served)
    assert after[key] == before + 3
    assert value(after, f"{name}_sum", **labels) > 0
    buckets = [value(after, f"{name}_bucket", le=str(bound), **labels) for bound in (*BOUNDS, "+Inf")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == after[key]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/", "page"),
        ("GET", "/docs", "page"),
        ("GET", "/static/style.css", "static"),
        ("GET", "/healthz", "operations"),
        ("POST", "/update", "update"),
        ("PUT", "/graphs?default", "update"),
        ("GET", "/graphs?default", "point"),
        ("GET", "/nowhere/at/all", "point"),
    ],
)
def test_classes(served: Served, method: str, path: str, kind: str) -> None:
    before = dict.fromkeys((kind,), _total(served, kind))
    served.client.request(method, path)
    assert _total(served, kind) == before[kind] + 1 + (kind == "operations")  # to ask is counted, too


def test_an_update_at_the_address_of_queries_is_an_update(served: Served) -> None:
    before = _total(served, "update")
    served.client.post("/sparql", data={"update": "INSERT DATA {}"}, headers=WRITER)
    assert _total(served, "update") == before + 1


def _total(served: Served, kind: str) -> float:
    return sum(
        n for (name, labels), n in read(served).items() if name.endswith("seconds_count") and ("class", kind) in labels
    )


def test_the_classes_are_few_whatever_is_asked(served: Served) -> None:
    for number in range(50):
        served.client.get(f"/x{number}/y")
        served.client.request(f"METHOD{number}", "/sparql")
    classes = {dict(labels)["class"] for _, labels in read(served) if "class" in dict(labels)}
    assert classes <= {*KINDS.values(), "point", "cached"}


def test_what_the_cache_says_is_counted(served: Served) -> None:
    query = "SELECT (COUNT(*) AS ?counted) { ?s ?p ?o }"
    before = read(served)
    tag = served.ask(query).headers["ETag"]
    for _ in range(2):
        served.ask(query)
    served.ask(query, {"If-None-Match": tag})
    after = read(served)
    grown = {
        o: value(after, "cache_answers_total", outcome=o) - value(before, "cache_answers_total", outcome=o)
        for o in CACHE
    }
    assert grown == {"miss": 1, "hit": 2, "not-modified": 1}


def test_kills_are_counted_by_reason(served: Served) -> None:
    before = read(served)
    assert served.ask(RUNAWAY, timeout="0.2").status_code == 504
    after = read(served)
    assert (
        value(after, "reader_kills_total", reason="deadline")
        == value(before, "reader_kills_total", reason="deadline") + 1
    )
    wait_until(lambda: served.pool.ready == 2, "another reader has taken the place")
    assert value(read(served), "readers", state="idle") == 2
    assert value(read(served), "readers", state="busy") == 0


def test_a_reader_that_falls_is_counted_once_it_was_asked(served: Served) -> None:
    before = served.pool.counts.kills["crash"]
    idle = served.pool.processes[0]
    os.kill(idle, signal.SIGKILL)
    wait_until(lambda: idle not in served.pool.processes and served.pool.ready == 2, "it is replaced")
    assert served.pool.counts.kills["crash"] == before


def test_the_snapshot_and_its_age(served: Served) -> None:
    began = time.time()
    served.update("INSERT DATA { <a:a> <a:b> 1 }")
    samples = read(served)
    ended = time.time()
    assert value(samples, "snapshot_number") == served.endpoint.number
    assert began <= value(samples, "snapshot_published_timestamp_seconds") <= ended
    assert 0 <= value(samples, "snapshot_age_seconds") <= ended - began
    time.sleep(0.05)
    assert value(read(served), "snapshot_age_seconds") > value(samples, "snapshot_age_seconds")
    served.update("INSERT DATA { <a:a> <a:b> 2 }")
    assert value(read(served), "snapshot_number") == value(samples, "snapshot_number") + 1


def test_a_clock_that_was_set_back_gives_no_age_below_zero(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    later = property(lambda _endpoint: time.time() + 1000)
    monkeypatch.setattr(type(served.endpoint), "published_at", later)
    assert value(read(served), "snapshot_age_seconds") == 0


def test_the_memory_of_each_process(served: Served) -> None:
    wait_until(lambda: served.pool.ready == 2, "both readers are there")
    samples = read(served)
    shown = {dict(labels)["process"] for name, labels in samples if name == "claimgraph_resident_memory_bytes"}
    assert shown == {"main", "reader-launcher", "reader-1", "reader-2"}


def test_the_freshness_of_the_data(tmp_path: Path, document: dict[str, Any]) -> None:
    with on_disk(tmp_path, bare=False, readers=1) as served:
        name = "newest_article_timestamp_seconds"
        assert (f"claimgraph_{name}", ()) not in read(served)  # the seed tells no date
        for identifier, day in (("late", 6), ("early", 5)):
            document["article"] |= {"id": identifier, "published": f"2031-05-0{day}"}
            content = json.dumps(document)
            headers = WRITER | {"Content-Type": "application/json"}
            answer = served.client.post("/articles", content=content, headers=headers)
            assert answer.status_code == 201, answer.text
            assert value(read(served), name) == datetime(2031, 5, 6, tzinfo=UTC).timestamp()
        served.update("INSERT DATA { <urn:x> <http://purl.org/dc/terms/issued> 'zzz, no date', <urn:y>, 9 }")
        assert value(read(served), name) == datetime(2031, 5, 6, tzinfo=UTC).timestamp()


def test_in_flight_goes_back_to_nothing(served: Served) -> None:
    served.ask("ASK {}")
    assert value(read(served), "http_requests_in_flight") == 1  # the one that asks
    assert served.app.state.observer.metrics.in_flight == 0


def test_what_is_refused_at_the_door_is_counted() -> None:
    metrics = ServerMetrics()
    metrics.refused["slow head"] += 2
    metrics.dropped = 3
    samples = parse(metrics.text().decode())
    assert value(samples, "http_refused_total", reason="slow head") == 2
    assert value(samples, "log_lines_dropped_total") == 3


def test_a_label_cannot_break_the_text() -> None:
    metrics = ServerMetrics()
    metrics.refused['a"b\n\\c'] += 1
    assert value(parse(metrics.text().decode()), "http_refused_total", reason='a"b\n\\c') == 1


def test_the_bounds_of_a_class_belong_to_it() -> None:
    metrics, exchange = ServerMetrics(), RequestLogRecord({"method": "GET", "path": "/", "client": None}, "", "query")
    exchange.status = 200
    for seconds in (BOUNDS[0], BOUNDS[0] * 1.0001, BOUNDS[-1] * 2):
        metrics.observe(exchange, seconds)
    samples = parse(metrics.text().decode())
    name = "http_request_duration_seconds_bucket"
    bounds = *(str(BOUNDS[number]) for number in (0, 1, -1)), "+Inf"
    counts = [value(samples, name, **{"class": "query", "status": "2xx"}, le=bound) for bound in bounds]
    assert counts == [1, 2, 2, 3]


# ---- who may read them


def test_they_are_closed(served: Served) -> None:
    folder = served.app.state.services.config.store.data_dir
    answer = served.client.get("/metrics")
    assert answer.status_code == 401
    assert "claimgraph_" not in answer.text
    for scope, status in (("read", 403), ("write", 403), ("admin", 200)):
        token = TokenFile(folder).create(f"for-{scope}", TokenGrant(scope, None))  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {token}"}
        assert served.client.get("/metrics", headers=headers).status_code == status
        assert served.client.head("/metrics", headers=headers).status_code == status
    assert served.client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


def test_they_can_be_opened(tmp_path: Path) -> None:
    with on_disk(tmp_path, metrics_public=True, readers=1) as served:
        assert parse(served.client.get("/metrics").text)
