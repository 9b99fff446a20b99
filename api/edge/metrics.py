"""What is counted, and the text in which Prometheus reads it.

Requests are counted by plain integers, since this happens in each of them; everything else is read where it stands
when somebody asks for the metrics.
"""

from __future__ import annotations

import os
import platform
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import kg
from api.http.request_log_record import RequestLogRecord

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

KINDS: Final = {
    "": "page",
    "docs": "page",
    "guide": "page",
    "questions": "page",
    "openapi.json": "page",
    "ontology": "page",
    "shapes": "page",
    "context.jsonld": "page",
    "schema": "page",
    "static": "static",
    "sparql": "query",
    "update": "update",
    "validate": "validate",
    "reconcile": "reconcile",
    "healthz": "operations",
    "readyz": "operations",
    "metrics": "operations",
}
"""Class of a route by the first step of its path; every other path names one thing, so it is a ``point``.

A write to one thing counts as ``update``, and an answer from the cache as ``cached``, whatever was asked.
"""

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency classes, in seconds."""

KILLS: Final = ("deadline", "memory", "disconnect", "crash")
"""Why a reader is ended; each is shown from the start, with 0."""

CACHE: Final = ("hit", "miss", "not-modified")
"""What the cache can say; each is shown from the start, with 0."""


class MetricsSource(Protocol):
    """State of the query service, as metrics report it."""

    @property
    def number(self) -> int:
        """Number of the current snapshot."""

    @property
    def published_at(self) -> float:
        """When it was published, in seconds of the Unix epoch."""

    @property
    def readers_ready(self) -> int:
        """Readers that wait for a query."""

    @property
    def readers_busy(self) -> int:
        """Readers that answer one."""

    @property
    def reader_pids(self) -> Sequence[int]:
        """Process ids of all readers."""

    @property
    def waiting(self) -> int:
        """Queries in the queue."""

    @property
    def kills(self) -> Mapping[str, int]:
        """Readers ended so far, by reason (:data:`KILLS`)."""

    async def probe(self) -> bool:
        """Tell whether a reader answers, or has answered lately."""


class LatencyHistogram:
    """How often each class of latency came, and the sum of all latencies."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """Give the cumulative counts that Prometheus wants."""
        found, sum_so_far = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            sum_so_far += count
            found.append((bound, float(sum_so_far)))
        return found


class ServerMetrics:
    """All that is counted for one application. Used on the event loop only.

    Attributes:
        endpoint: where queries are answered; ``None`` until there is one.
        newest_article: date of the newest article, in seconds of the Unix epoch; ``None`` when there is none.
        in_flight: requests that are being answered.
        refused: connections and requests turned away at the door, by reason; the server's protocol counts here.
        dropped: lines of the log that were lost because nobody took them.
    """

    def __init__(self, endpoint: MetricsSource | None = None) -> None:
        self.endpoint = endpoint
        self.newest_article: float | None = None
        self.in_flight = 0
        self.refused: Counter[str] = Counter()
        self.dropped = 0
        self.cache: Counter[str] = Counter(dict.fromkeys(CACHE, 0))
        self.requests: dict[tuple[str, int], LatencyHistogram] = {}
        self._registry = CollectorRegistry()
        self._registry.register(_MetricsCollector(self))

    def observe(self, exchange: RequestLogRecord, seconds: float) -> None:
        """Count one request."""
        cache = exchange.cache
        kind = exchange.kind
        if cache:
            self.cache[cache] += 1
            if cache != "miss":
                kind = "cached"
        key = (kind, exchange.status // 100)
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = LatencyHistogram()
        histogram.counts[bisect_left(BOUNDS, seconds)] += 1
        histogram.total += seconds

    def text(self) -> bytes:
        """Write everything in Prometheus's text format."""
        return generate_latest(self._registry)


class _MetricsCollector(Collector):
    """Reads the counters when somebody asks."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Metric]:
        """Announce nothing, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        found = self._metrics
        yield _latency(found.requests)
        yield _gauge("http_requests_in_flight", "Requests that are being answered.", found.in_flight)
        yield _counts("http_refused", "Turned away before the application saw a request.", "reason", found.refused)
        yield _counts("cache_answers", "What the cache of answers said.", "outcome", found.cache)
        yield _counts("log_lines_dropped", "Log lines lost because nobody took them.", "", {"": found.dropped})
        if found.newest_article is not None:
            about = "Date of the newest article, in seconds of the Unix epoch."
            yield _gauge("newest_article_timestamp_seconds", about, found.newest_article)
        if found.endpoint is not None:
            yield from _of_endpoint(found.endpoint)
        yield _memory(found.endpoint)
        build = {"version": kg.__version__, "python": platform.python_version(), "engine": version("pyoxigraph")}
        yield InfoMetricFamily("claimgraph_build", "What is running.", build)


def _of_endpoint(endpoint: MetricsSource) -> Iterator[Metric]:
    yield _gauge("snapshot_number", "Number of the snapshot that is served.", endpoint.number)
    yield _gauge("snapshot_published_timestamp_seconds", "When it was published.", endpoint.published_at)
    age = max(0.0, time.time() - endpoint.published_at)
    yield _gauge("snapshot_age_seconds", "Time since the last commit that is served.", age)
    yield _gauge("query_queue_length", "Queries that wait for a reader.", endpoint.waiting)
    readers = GaugeMetricFamily("claimgraph_readers", "Processes that answer queries.", labels=["state"])
    readers.add_metric(["idle"], endpoint.readers_ready)
    readers.add_metric(["busy"], endpoint.readers_busy)
    yield readers
    kills = dict.fromkeys(KILLS, 0) | dict(endpoint.kills)
    yield _counts("reader_kills", "Readers ended before they had answered.", "reason", kills)


def _latency(requests: Mapping[tuple[str, int], LatencyHistogram]) -> Metric:
    family = HistogramMetricFamily(
        "claimgraph_http_request_duration_seconds",
        "Time from the head of a request to the end of its answer.",
        labels=["class", "status"],
    )
    for (kind, status), histogram in sorted(requests.items()):
        family.add_metric([kind, f"{status}xx"], histogram.buckets(), histogram.total)
    return family


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"claimgraph_{name}", about, value)


def _counts(name: str, about: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"claimgraph_{name}", about, labels=[label] if label else [])
    for value, count in sorted(counts.items()):
        family.add_metric([value] if label else [], count)
    return family


def _memory(endpoint: MetricsSource | None) -> Metric:
    family = GaugeMetricFamily("claimgraph_resident_memory_bytes", "Memory of each process.", labels=["process"])
    named = {"main": os.getpid()}
    if endpoint is not None:
        named |= {f"reader-{number}": pid for number, pid in enumerate(endpoint.reader_pids, 1)}
    for name, pid in named.items():
        with suppress(OSError):  # no /proc on this system, or the reader has just ended
            pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
            family.add_metric([name], pages * os.sysconf("SC_PAGE_SIZE"))
    return family
